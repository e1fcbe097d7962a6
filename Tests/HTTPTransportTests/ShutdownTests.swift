import HTTPTransport
import ScriptedServers
import Testing

@Suite(.timeLimit(.minutes(4)))
struct ShutdownTests {
    @Test func `shutdown ends requests in flight, closes their connections and refuses new ones`() async throws {
        let transport = try HTTPTransport()
        let arrived = Fact()
        let closed = Fact()
        let seen = Recorder<Void>()
        let gone = Recorder<Void>()
        let server = try ScriptedServer { connection in
            let request = try connection.readRequest()
            if request.line.contains("stream") { try connection.send("HTTP/1.1 200 OK\r\n\r\nfirst") }
            seen.append(())
            if seen.all.count == 21 { arrived.happened() }
            connection.awaitClose()
            gone.append(())
            if gone.all.count == 21 { closed.happened() }
        }
        let response = try await transport.stream(HTTPRequest(url: server.url("/stream")))
        var iterator = response.body.makeAsyncIterator()
        _ = try await iterator.next()
        await withTaskGroup(of: TransferError?.self) { group in
            for _ in 0..<20 {
                group.addTask {
                    await transferError { () throws(TransferError) in
                        try await transport.send(HTTPRequest(url: server.url()))
                    }
                }
            }
            #expect(await arrived.value != nil)
            transport.shutdown()
            for await error in group {
                #expect(error?.code == .shutDown)
                #expect(error?.isRetryable == false)
            }
        }
        let streamed = await transferError { () throws(TransferError) in try await iterator.next() }
        #expect(streamed?.code == .shutDown)
        #expect(await closed.value != nil)

        transport.shutdown()
        let late = await transferError { () throws(TransferError) in
            try await transport.send(HTTPRequest(url: server.url()))
        }
        #expect(late?.code == .shutDown)
        let lateStream = await transferError { () throws(TransferError) in
            try await transport.stream(HTTPRequest(url: server.url()))
        }
        #expect(lateStream?.code == .shutDown)
    }

    @Test func `a retired transport ends its streams, now and later, and no other request`() async throws {
        let arrived = Fact()
        let gate = BlockingGate()
        let server = try ScriptedServer { connection in
            let request = try connection.readRequest()
            if request.line.contains("stream") {
                try connection.send("HTTP/1.1 200 OK\r\n\r\nfirst")
                connection.awaitClose()
            } else {
                arrived.happened()
                gate.wait()
                try connection.respond("200 OK", "whole")
            }
        }
        let transport = try HTTPTransport()
        let stream = try await transport.stream(HTTPRequest(url: server.url("/stream")))
        var iterator = stream.body.makeAsyncIterator()
        _ = try await iterator.next()
        async let whole = transport.send(HTTPRequest(url: server.url()))
        #expect(await arrived.value != nil)
        transport.retire()
        let ended = await transferError { () throws(TransferError) in try await iterator.next() }
        #expect(ended?.code == .connectionLost)
        #expect(ended?.isRetryable == true)
        let late = await transferError { () throws(TransferError) in
            try await transport.stream(HTTPRequest(url: server.url("/stream")))
        }
        #expect(late?.code == .connectionLost)
        gate.open()
        #expect(try await whole.body == Array("whole".utf8))
    }

    @Test func `a transport that goes away ends its streams`() async throws {
        let server = try ScriptedServer { connection in
            _ = try connection.readRequest()
            try connection.send("HTTP/1.1 200 OK\r\n\r\n")
            connection.awaitClose()
        }
        func body() async throws -> HTTPBody {
            try await HTTPTransport().stream(HTTPRequest(url: server.url())).body
        }
        let orphan = try await body()
        let error = await transferError { () throws(TransferError) in try await orphan.collect(upTo: 100) }
        #expect(error?.code == .shutDown)
    }

    @Test func `shutting down from many tasks while requests come in neither hangs nor loses any`() async throws {
        let server = try ScriptedServer { connection in
            while true { try connection.respond("200 OK", try connection.readRequest().line) }
        }
        for _ in 0..<20 {
            let transport = try HTTPTransport()
            await withTaskGroup(of: Void.self) { group in
                for number in 0..<20 {
                    group.addTask {
                        for _ in 0..<number { await Task.yield() }
                        do throws(TransferError) {
                            #expect(try await transport.send(HTTPRequest(url: server.url())).status == 200)
                        } catch {
                            #expect(error.code == .shutDown)
                        }
                    }
                    if number % 5 == 4 { group.addTask { transport.shutdown() } }
                }
            }
        }
    }
}
