import HTTPTransport
import ScriptedServers
import Testing

@Suite(.timeLimit(.minutes(4)))
struct ExchangeTests {
    let transport: HTTPTransport

    init() throws {
        transport = try HTTPTransport()
    }

    /// Sends one request to a server that answers 200 and tells what it got.
    func received(_ request: (_ url: String) -> HTTPRequest) async throws -> ReceivedRequest? {
        let fact = Fact(of: ReceivedRequest.self)
        let server = try ScriptedServer { connection in
            fact.happened(try connection.readRequest())
            try connection.respond()
        }
        _ = try await transport.send(request(server.url("/path?q=1")))
        return await fact.value
    }

    @Test func `a response comes back whole`() async throws {
        let server = try ScriptedServer { connection in
            _ = try connection.readRequest()
            try connection.respond("404 Not Found", "nothing here", fields: ["X-Reason: gone", "x-reason:  twice "])
        }
        let response = try await transport.send(HTTPRequest(url: server.url()))
        #expect(response.status == 404)
        #expect(response.httpVersion == .http1_1)
        #expect(response.body == Array("nothing here".utf8))
        #expect(response.headers["X-REASON"] == "gone")
        #expect(response.headers.values(of: "x-Reason") == ["gone", "twice"])
        #expect(response.headers.map(\.name) == ["Content-Length", "X-Reason", "x-reason"])
    }

    @Test func `a plain GET carries only what it must`() async throws {
        let request = try await received { HTTPRequest(url: $0) }
        #expect(request?.line == "GET /path?q=1 HTTP/1.1")
        let names = request?.fields.map { $0.prefix { $0 != ":" } }
        #expect(names == ["Host", "User-Agent", "Accept"])
        #expect(request?.value(of: "user-agent") == "honua")
    }

    @Test(arguments: ["POST", "PUT", "PATCH", "DELETE", "GET", "REPORT"])
    func `any method can carry a body`(method: String) async throws {
        let body = String(repeating: "0123456789", count: 150_000)
        let request = try await received {
            HTTPRequest(method: HTTPMethod(rawValue: method), url: $0, body: Array(body.utf8))
        }
        #expect(request?.line == "\(method) /path?q=1 HTTP/1.1")
        #expect(request?.text == body)
        #expect(request?.value(of: "content-length") == "1500000")
        #expect(request?.value(of: "expect") == nil)
        #expect(request?.value(of: "content-type") == nil)
    }

    @Test(arguments: [("POST", "0"), ("PUT", "0"), ("PATCH", "0"), ("DELETE", nil), ("OPTIONS", nil)])
    func `without a body the length is said where it matters`(method: String, length: String?) async throws {
        let request = try await received { HTTPRequest(method: HTTPMethod(rawValue: method), url: $0) }
        #expect(request?.line == "\(method) /path?q=1 HTTP/1.1")
        #expect(request?.value(of: "content-length") == length)
    }

    @Test func `given fields replace those of the transport`() async throws {
        let request = try await received { url in
            let headers: HTTPHeaders = [
                "User-Agent": "me", "Host": "there", "Accept": "a/b", "Content-Type": "application/json", "X-Empty": "",
                "X-Two": "1", "X-Two": "2",
            ]
            return HTTPRequest(method: .post, url: url, headers: headers, body: [1, 0, 2])
        }
        #expect(request?.value(of: "user-agent") == "me")
        #expect(request?.value(of: "host") == "there")
        #expect(request?.value(of: "accept") == "a/b")
        #expect(request?.value(of: "content-type") == "application/json")
        #expect(request?.value(of: "x-empty") == "")
        #expect(request?.fields.filter { $0.hasPrefix("X-Two") } == ["X-Two: 1", "X-Two: 2"])
        #expect(request?.body == [1, 0, 2])
    }

    @Test func `HEAD has a length but no body`() async throws {
        let server = try ScriptedServer { connection in
            while true {
                let request = try connection.readRequest()
                try connection.send("HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\nX-Line: \(request.line)\r\n\r\n")
            }
        }
        for _ in 0..<2 {
            let response = try await transport.send(HTTPRequest(method: .head, url: server.url()))
            #expect(response.headers["content-length"] == "1000000000")
            #expect(response.headers["x-line"] == "HEAD / HTTP/1.1")
            #expect(response.body.isEmpty)
        }
        #expect(server.accepted == 1)
    }

    @Test func `a kept connection is used again`() async throws {
        let server = try ScriptedServer { connection in
            while true { try connection.respond("200 OK", try connection.readRequest().text) }
        }
        for number in 0..<50 {
            let response = try await transport.send(
                HTTPRequest(method: .put, url: server.url(), body: Array("\(number)".utf8))
            )
            #expect(response.body == Array("\(number)".utf8))
        }
        #expect(server.accepted == 1)
    }

    @Test func `interim responses are not the response`() async throws {
        let server = try ScriptedServer { connection in
            _ = try connection.readRequest()
            try connection.send("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n")
            try connection.respond("201 Created", "done")
        }
        let response = try await transport.send(HTTPRequest(url: server.url()))
        #expect(response.status == 201)
        #expect(response.headers["link"] == nil)
    }

    @Test func `redirects are reported, not followed`() async throws {
        let server = try ScriptedServer { connection in
            _ = try connection.readRequest()
            try connection.respond("302 Found", "over there", fields: ["Location: /elsewhere"])
        }
        let response = try await transport.send(HTTPRequest(url: server.url()))
        #expect(response.status == 302)
        #expect(response.headers["location"] == "/elsewhere")
        #expect(response.body == Array("over there".utf8))
    }

    @Test func `redirects are followed on request, and the last response counts`() async throws {
        let server = try ScriptedServer { connection in
            while true {
                let line = try connection.readRequest().line
                if line == "GET /elsewhere HTTP/1.1" {
                    try connection.respond("200 OK", "here")
                } else {
                    try connection.respond("307 Temporary Redirect", "over there", fields: ["Location: /elsewhere"])
                }
            }
        }
        let request = HTTPRequest(url: server.url(), followsRedirects: true)
        let response = try await transport.send(request)
        #expect(response.status == 200)
        #expect(response.headers["location"] == nil)
        #expect(response.body == Array("here".utf8))

        let stream = try await transport.stream(request)
        #expect(stream.status == 200)
        #expect(try await stream.body.collect(upTo: 100) == Array("here".utf8))
    }

    @Test func `a body up to the limit is taken, one byte more is not`() async throws {
        let server = try ScriptedServer { connection in
            while true {
                let isChunked = try connection.readRequest().line.contains("chunked")
                if isChunked {
                    try connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
                    try connection.sendChunk(String(repeating: "x", count: 1000))
                    try connection.sendChunk("")
                } else {
                    try connection.respond("200 OK", String(repeating: "x", count: 1000))
                }
            }
        }
        for path in ["/chunked", "/length"] {
            let exact = HTTPRequest(url: server.url(path), maximumResponseBytes: 1000)
            #expect(try await transport.send(exact).body.count == 1000)
            let less = HTTPRequest(url: server.url(path), maximumResponseBytes: 999)
            let error = await transferError { () throws(TransferError) in try await transport.send(less) }
            #expect(error?.code == .bodyTooLarge)
        }
    }

    @Test func `a body that is too long can be cut off, or read and dropped`() async throws {
        let closed = Fact()
        let server = try ScriptedServer { connection in
            let request = try connection.readRequest()
            guard request.line.contains("/endless") else {
                try connection.respond("200 OK", String(repeating: "x", count: 3_000_000))
                _ = try connection.readRequest()
                return try connection.respond("200 OK", "12345")
            }
            try connection.send("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 1000000000000\r\n\r\n123456")
            connection.awaitClose()
            closed.happened()
        }
        let cut = try await transport.send(
            HTTPRequest(url: server.url("/endless"), maximumResponseBytes: 5, excess: .cutsOff)
        )
        #expect(cut.status == 503)
        #expect(cut.body == Array("12345".utf8))
        #expect(cut.isTruncated)
        await closed.value
        let dropping = HTTPRequest(url: server.url(), maximumResponseBytes: 5, excess: .isDropped)
        let dropped = try await transport.send(dropping)
        #expect(dropped.body == Array("xxxxx".utf8))
        #expect(dropped.isTruncated)
        // The connection is fit for another request, which has the whole of a body that just fits.
        let whole = try await transport.send(dropping)
        #expect(whole.body == Array("12345".utf8))
        #expect(!whole.isTruncated)
        #expect(server.accepted == 2)
    }

    @Test func `a body announced too long is not waited for`() async throws {
        let closed = Fact()
        let server = try ScriptedServer { connection in
            _ = try connection.readRequest()
            try connection.send("HTTP/1.1 200 OK\r\nContent-Length: 1000000000000\r\n\r\n")
            connection.awaitClose()
            closed.happened()
        }
        let error = await transferError { () throws(TransferError) in
            try await transport.send(HTTPRequest(url: server.url()))
        }
        #expect(error?.code == .bodyTooLarge)
        #expect(await closed.value != nil)
    }

    @Test func `no memory is set aside for what a server only announces`() async throws {
        let server = try ScriptedServer { connection in
            _ = try connection.readRequest()
            try connection.send("HTTP/1.1 200 OK\r\nContent-Length: 1000000000000\r\n\r\nabc")
        }
        let error = await transferError { () throws(TransferError) in
            try await transport.send(HTTPRequest(url: server.url(), maximumResponseBytes: .max))
        }
        #expect(error?.code == .connectionLost)
    }

    @Test func `an endless header block is refused`() async throws {
        let server = try ScriptedServer { connection in
            _ = try connection.readRequest()
            try connection.send("HTTP/1.1 200 OK\r\n")
            while true { try connection.send("X-More: \(String(repeating: "x", count: 1000))\r\n") }
        }
        let error = await transferError { () throws(TransferError) in
            try await transport.send(HTTPRequest(url: server.url()))
        }
        #expect(error?.code == .other)
        #expect(error?.message.contains("header block") == true)
    }

    @Test func `200 requests at a time all get their own answer`() async throws {
        let server = try ScriptedServer { connection in
            while true { try connection.respond("200 OK", try connection.readRequest().line) }
        }
        let transport = transport
        let answers = try await withThrowingTaskGroup(of: (Int, HTTPResponse).self) { group in
            for number in 0..<200 {
                group.addTask { (number, try await transport.send(HTTPRequest(url: server.url("/\(number)")))) }
            }
            return try await group.reduce(into: [:]) { $0[$1.0] = String(decoding: $1.1.body, as: UTF8.self) }
        }
        #expect(answers == Dictionary(uniqueKeysWithValues: (0..<200).map { ($0, "GET /\($0) HTTP/1.1") }))
    }

    @Test func `connections per host can be limited`() async throws {
        let transport = try HTTPTransport(HTTPTransport.Configuration(maxConnectionsPerHost: 3))
        let server = try ScriptedServer { connection in
            while true { try connection.respond("200 OK", try connection.readRequest().line) }
        }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<30 { group.addTask { _ = try await transport.send(HTTPRequest(url: server.url())) } }
            try await group.waitForAll()
        }
        #expect(server.accepted <= 3)
    }
}
