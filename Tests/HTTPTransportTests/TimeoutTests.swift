import HTTPTransport
import ScriptedServers
import Testing

@Suite(.timeLimit(.minutes(4)))
struct TimeoutTests {
    let transport: HTTPTransport

    init() throws {
        transport = try HTTPTransport()
    }

    @Test func `a silent server is idle, and its connection is closed`() async throws {
        let closed = Fact()
        let server = try ScriptedServer { connection in
            connection.awaitClose()
            closed.happened()
        }
        let error = await transferError { () throws(TransferError) in
            try await transport.send(HTTPRequest(url: server.url(), idleTimeout: .milliseconds(500)))
        }
        #expect(error?.code == .idle)
        #expect(error?.isRetryable == true)
        #expect(error?.wasNeverProcessed == false)
        #expect(await closed.value != nil)
    }

    @Test func `a body that stops arriving is idle, after what had arrived`() async throws {
        let server = try ScriptedServer { connection in
            _ = try connection.readRequest()
            try connection.send("HTTP/1.1 200 OK\r\n\r\nfirst")
            connection.awaitClose()
        }
        let response = try await withGrowingLimit(from: .milliseconds(500)) { limit in
            try await unlessIdle { () throws(TransferError) in
                try await transport.stream(HTTPRequest(url: server.url(), idleTimeout: limit))
            }
        }
        var iterator = response.body.makeAsyncIterator()
        let first = try await iterator.next()
        #expect(first == Array("first".utf8))
        let error = await transferError { () throws(TransferError) in try await iterator.next() }
        #expect(error?.code == .idle)
    }

    @Test func `each byte restarts the idle clock`() async throws {
        let server = try ScriptedServer { connection in
            _ = try connection.readRequest()
            try connection.send("HTTP/1.1 200 OK\r\n\r\n")
            for letter in "the body comes in dribs" {
                connection.pause(milliseconds: 1000)
                try connection.send(String(letter))
            }
        }
        // Each gap is far shorter, the whole is longer. A shared machine may stand still for seconds: this is generous.
        let response = try await transport.send(HTTPRequest(url: server.url(), idleTimeout: .seconds(18)))
        #expect(response.body == Array("the body comes in dribs".utf8))
    }

    @Test func `the total timeout ends even a lively exchange`() async throws {
        let server = try ScriptedServer { connection in
            _ = try connection.readRequest()
            try connection.send("HTTP/1.1 200 OK\r\n\r\n")
            while true { try connection.send("more") }
        }
        let error = await transferError { () throws(TransferError) in
            try await transport.send(HTTPRequest(url: server.url(), timeout: .milliseconds(150)))
        }
        #expect(error?.code == .timedOut)
        #expect(error?.message.contains("0.15 seconds") == true)
    }

    @Test func `connecting has its own timeout`() async throws {
        // A listener with a full queue drops further connection attempts, as a firewall would.
        let listener = try FullListener()
        let configuration = HTTPTransport.Configuration(connectTimeout: .milliseconds(200))
        let transport = try HTTPTransport(configuration)
        let error = await transferError { () throws(TransferError) in
            try await transport.send(HTTPRequest(url: "http://127.0.0.1:\(listener.port)/"))
        }
        #expect(error?.code == .couldNotConnect)
        #expect(error?.isConnectionRefused == false)
        #expect(error?.wasNeverProcessed == true)
        #expect(error?.curlCode == 28)
        withExtendedLifetime(listener) {}
    }

    @Test func `many timeouts of different lengths all pass`() async throws {
        let server = try ScriptedServer { $0.awaitClose() }
        let transport = transport
        await withTaskGroup(of: Void.self) { group in
            for number in 0..<50 {
                group.addTask {
                    let request = HTTPRequest(url: server.url(), timeout: .milliseconds(10 * (number % 7) + 10))
                    let error = await transferError { () throws(TransferError) in try await transport.send(request) }
                    #expect(error?.code == .timedOut)
                }
            }
        }
    }
}
