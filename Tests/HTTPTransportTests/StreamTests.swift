import HTTPTransport
import ScriptedServers
import Testing

@Suite(.timeLimit(.minutes(4)))
struct StreamTests {
    let transport: HTTPTransport

    init() throws {
        transport = try HTTPTransport()
    }

    @Test func `the head arrives before any of the body, and each piece as it is sent`() async throws {
        let mayGoOn = BlockingGate()
        let server = try ScriptedServer { connection in
            _ = try connection.readRequest()
            try connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX-Kind: watch\r\n\r\n")
            for piece in ["one", "two", "three"] {
                mayGoOn.wait()
                try connection.sendChunk(piece)
            }
            mayGoOn.wait()
            try connection.send("0\r\nX-Trailer: ignored\r\n\r\n")
            connection.awaitClose()
        }
        let response = try await transport.stream(HTTPRequest(url: server.url()))
        #expect(response.status == 200)
        #expect(response.headers["x-kind"] == "watch")
        var iterator = response.body.makeAsyncIterator()
        for piece in ["one", "two", "three"] {
            mayGoOn.open()
            let chunk = try await iterator.next()
            #expect(chunk == Array(piece.utf8))
        }
        mayGoOn.open()
        let end = try await iterator.next()
        let afterEnd = try await iterator.next()
        #expect(end == nil)
        #expect(afterEnd == nil)
    }

    @Test func `an empty body ends at once`() async throws {
        let server = try ScriptedServer { connection in
            while true {
                _ = try connection.readRequest()
                try connection.send("HTTP/1.1 204 No Content\r\n\r\n")
            }
        }
        for method in [HTTPMethod.get, .head] {
            let response = try await transport.stream(HTTPRequest(method: method, url: server.url()))
            #expect(response.status == 204)
            #expect(try await response.body.collect(upTo: 0).isEmpty)
        }
    }

    @Test func `a long body arrives whole and in order, whatever the pace of its reader`() async throws {
        let lines = 200_000
        let server = try ScriptedServer { connection in
            _ = try connection.readRequest()
            try connection.send("HTTP/1.1 200 OK\r\nContent-Length: \(lines * 8)\r\n\r\n")
            for start in stride(from: 0, to: lines, by: 1000) {
                try connection.send((start..<start + 1000).map { "\($0 + 1_000_000)\n" }.joined())
            }
            connection.awaitClose()
        }
        let response = try await transport.stream(HTTPRequest(url: server.url()))
        var bytes: [UInt8] = []
        for try await chunk in response.body {
            bytes += chunk
            // Lets the other side get ahead now and then.
            for _ in 0..<Int.random(in: 0..<20) { await Task.yield() }
        }
        #expect(bytes.elementsEqual((0..<lines).map { "\($0 + 1_000_000)\n" }.joined().utf8))
    }

    @Test func `a second iterator gets nothing`() async throws {
        let server = try ScriptedServer { connection in
            _ = try connection.readRequest()
            try connection.respond("200 OK", "once")
        }
        let response = try await transport.stream(HTTPRequest(url: server.url()))
        #expect(try await response.body.collect(upTo: 100) == Array("once".utf8))
        let error = await transferError { () throws(TransferError) in try await response.body.collect(upTo: 100) }
        #expect(error?.code == .invalidRequest)
    }

    @Test func `collecting more than allowed aborts the exchange`() async throws {
        let closed = Fact()
        let server = try ScriptedServer { connection in
            _ = try connection.readRequest()
            try connection.send("HTTP/1.1 200 OK\r\n\r\n0123456789")
            connection.awaitClose()
            closed.happened()
        }
        let response = try await transport.stream(HTTPRequest(url: server.url()))
        let error = await transferError { () throws(TransferError) in try await response.body.collect(upTo: 9) }
        #expect(error?.code == .bodyTooLarge)
        #expect(await closed.value != nil)
    }

    @Test func `stopping to read early closes the connection`() async throws {
        let closed = Fact()
        let server = try ScriptedServer { connection in
            _ = try connection.readRequest()
            try connection.send("HTTP/1.1 200 OK\r\n\r\nfirst")
            connection.awaitClose()
            closed.happened()
        }
        let response = try await transport.stream(HTTPRequest(url: server.url()))
        for try await chunk in response.body {
            #expect(chunk == Array("first".utf8))
            break
        }
        #expect(await closed.value != nil)
        #expect(response.status == 200, "the response is still in scope here")
    }

    @Test func `dropping a body nobody read closes the connection`() async throws {
        let closed = Fact()
        let server = try ScriptedServer { connection in
            _ = try connection.readRequest()
            try connection.send("HTTP/1.1 200 OK\r\n\r\nfirst")
            connection.awaitClose()
            closed.happened()
        }
        _ = try await transport.stream(HTTPRequest(url: server.url()))
        #expect(await closed.value != nil)
    }

    @Test func `a reader that does not read stops the server`() async throws {
        let total = 64 * 1024 * 1024
        let (sent, received) = try await withGrowingLimit(from: .seconds(1)) { idleTimeout -> (Int, Int)? in
            let stalled = Fact(of: Int.self)
            let patience = Int32(idleTimeout.components.seconds * 1500)
            let server = try ScriptedServer { connection in
                _ = try connection.readRequest()
                try connection.send("HTTP/1.1 200 OK\r\nContent-Length: \(total)\r\n\r\n")
                let block = [UInt8](repeating: 120, count: 65536)
                var sent = 0
                var hasStalled = false
                while sent < total {
                    let more = connection.socket.writeSome(
                        Array(block.prefix(total - sent)),
                        waitingMilliseconds: hasStalled ? 60_000 : patience
                    )
                    if more == 0 {
                        guard !hasStalled else { return }
                        stalled.happened(sent)
                        hasStalled = true
                    }
                    sent += more
                }
                connection.awaitClose()
            }
            let counts = try await unlessIdle { () throws(TransferError) -> (sent: Int, received: Int)? in
                let response = try await transport.stream(HTTPRequest(url: server.url(), idleTimeout: idleTimeout))
                var iterator = response.body.makeAsyncIterator()
                // So little is less than the buffers take: the client, or its machine, has stood still.
                guard let sent = await stalled.value, sent >= 1024 * 1024 else { return nil }
                var received = 0
                while let chunk = try await iterator.next() { received += chunk.count }
                return (sent, received)
            }
            return counts ?? nil
        }
        // The rest lies in the two socket buffers, which the kernel lets grow to 6 MiB and 4 MiB.
        #expect(sent <= 16 * 1024 * 1024)
        #expect(received == total, "and the idle clock stood still while nobody read")
    }
}
