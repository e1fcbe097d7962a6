import HTTPTransport
import ScriptedServers
import Testing

@Suite(.timeLimit(.minutes(4)))
struct FailureTests {
    let transport: HTTPTransport

    init() throws {
        transport = try HTTPTransport()
    }

    @Test func `a refused connection is told as such`() async throws {
        let port = try ScriptedServer.unusedPort()
        let error = await transferError { () throws(TransferError) in
            try await transport.send(HTTPRequest(url: "http://me:secret@127.0.0.1:\(port)/a/b?token=secret#part"))
        }
        #expect(error?.code == .couldNotConnect)
        #expect(error?.isConnectionRefused == true)
        #expect(error?.isRetryable == true)
        #expect(error?.wasNeverProcessed == true)
        #expect(error?.url == "http://127.0.0.1:\(port)/a/b")
        #expect(error?.curlCode == 7)
        #expect(error?.description.contains("secret") == false)
        let beginning = "GET http://127.0.0.1:\(port)/a/b failed (couldNotConnect, curl 7): "
        #expect(error?.description.hasPrefix(beginning) == true)
    }

    @Test func `a name without an address is told as such`() async throws {
        // Reserved by RFC 6761 never to exist.
        let error = await transferError { () throws(TransferError) in
            try await transport.send(HTTPRequest(url: "http://nowhere.invalid/"))
        }
        #expect(error?.code == .couldNotResolve)
        #expect(error?.message.contains("nowhere.invalid") == true)
    }

    @Test(arguments: ["Content-Length: 100", "Transfer-Encoding: chunked"])
    func `a body cut off is a lost connection, and what came before is delivered`(field: String) async throws {
        let server = try ScriptedServer { connection in
            _ = try connection.readRequest()
            try connection.send("HTTP/1.1 200 OK\r\n\(field)\r\n\r\n")
            if field.contains("chunked") { try connection.sendChunk("part") } else { try connection.send("part") }
        }
        let sent = await transferError { () throws(TransferError) in
            try await transport.send(HTTPRequest(url: server.url()))
        }
        #expect(sent?.code == .connectionLost)
        #expect(sent?.isRetryable == true)

        let response = try await transport.stream(HTTPRequest(url: server.url()))
        var iterator = response.body.makeAsyncIterator()
        let part = try await iterator.next()
        #expect(part == Array("part".utf8))
        let streamed = await transferError { () throws(TransferError) in try await iterator.next() }
        #expect(streamed?.code == .connectionLost)
        let afterwards = try await iterator.next()
        #expect(afterwards == nil)
    }

    @Test func `a reset instead of a response is a lost connection`() async throws {
        let server = try ScriptedServer { connection in
            _ = try connection.readRequest()
            connection.socket.reset()
        }
        let error = await transferError { () throws(TransferError) in
            try await transport.send(HTTPRequest(url: server.url()))
        }
        #expect(error?.code == .connectionLost)
    }

    @Test func `a connection closed without a word is lost`() async throws {
        let server = try ScriptedServer { _ = try $0.readRequest() }
        let error = await transferError { () throws(TransferError) in
            try await transport.send(HTTPRequest(url: server.url()))
        }
        #expect(error?.code == .connectionLost)
        #expect(error?.wasNeverProcessed == false)
    }

    @Test func `what is not HTTP is an error`() async throws {
        let server = try ScriptedServer { connection in
            _ = try connection.readRequest()
            try connection.send("220 mail.example.com ESMTP\r\n")
        }
        let error = await transferError { () throws(TransferError) in
            try await transport.send(HTTPRequest(url: server.url()))
        }
        #expect(error?.code == .other)
    }

    /// Answers the first request of each connection and closes upon the second, having read it.
    func forgetfulServer(_ requests: Recorder<String>) throws -> ScriptedServer {
        try ScriptedServer { connection in
            requests.append(try connection.readRequest().line)
            try connection.respond()
            requests.append(try connection.readRequest().line)
        }
    }

    @Test func `a GET that meets a dying connection is sent again`() async throws {
        let requests = Recorder<String>()
        let server = try forgetfulServer(requests)
        _ = try await transport.send(HTTPRequest(url: server.url("/first")))
        #expect(try await transport.send(HTTPRequest(url: server.url("/second"))).status == 200)
        #expect(requests.all == ["GET /first HTTP/1.1", "GET /second HTTP/1.1", "GET /second HTTP/1.1"])
    }

    @Test(arguments: [HTTPMethod.post, .put, .patch, .delete])
    func `a write that meets a dying connection is not sent again`(method: HTTPMethod) async throws {
        let requests = Recorder<String>()
        let server = try forgetfulServer(requests)
        _ = try await transport.send(HTTPRequest(url: server.url("/first")))
        let error = await transferError { () throws(TransferError) in
            try await transport.send(HTTPRequest(method: method, url: server.url("/second"), body: [1]))
        }
        #expect(error?.code == .connectionLost)
        #expect(error?.wasNeverProcessed == false)
        #expect(requests.all == ["GET /first HTTP/1.1", "\(method) /second HTTP/1.1"])
    }

    @Test func `a write that may be repeated is`() async throws {
        let requests = Recorder<String>()
        let server = try forgetfulServer(requests)
        _ = try await transport.send(HTTPRequest(url: server.url("/first")))
        let request = HTTPRequest(method: .patch, url: server.url("/second"), body: [1], mayBeRepeated: true)
        #expect(try await transport.send(request).status == 200)
        #expect(requests.all == ["GET /first HTTP/1.1", "PATCH /second HTTP/1.1", "PATCH /second HTTP/1.1"])
    }
}
