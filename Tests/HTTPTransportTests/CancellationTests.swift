import HTTPTransport
import ScriptedServers
import Testing

@Suite(.timeLimit(.minutes(4)))
struct CancellationTests {
    let transport: HTTPTransport

    init() throws {
        transport = try HTTPTransport()
    }

    /// A server that never answers, and tells when it got a request and when the client closed.
    func silentServer() throws -> (ScriptedServer, requested: Fact<Void>, closed: Fact<Void>) {
        let requested = Fact()
        let closed = Fact()
        let server = try ScriptedServer { connection in
            _ = try connection.readRequest()
            requested.happened()
            connection.awaitClose()
            closed.happened()
        }
        return (server, requested, closed)
    }

    @Test func `cancelling a request throws and closes the connection`() async throws {
        let (server, requested, closed) = try silentServer()
        let task = Task { [transport] in
            await transferError { () throws(TransferError) in
                try await transport.send(HTTPRequest(url: server.url("/a?token=secret")))
            }
        }
        #expect(await requested.value != nil)
        task.cancel()
        let error = await task.value
        #expect(error?.code == .cancelled)
        #expect(error?.isRetryable == false)
        #expect(error?.url == server.url("/a"))
        #expect(await closed.value != nil)
    }

    @Test func `cancelling while the head is awaited throws and closes the connection`() async throws {
        let (server, requested, closed) = try silentServer()
        let task = Task { [transport] in
            await transferError { () throws(TransferError) in try await transport.stream(HTTPRequest(url: server.url()))
            }
        }
        #expect(await requested.value != nil)
        task.cancel()
        #expect(await task.value?.code == .cancelled)
        #expect(await closed.value != nil)
    }

    @Test func `cancelling the reader of a body throws and closes the connection`() async throws {
        let closed = Fact()
        let server = try ScriptedServer { connection in
            _ = try connection.readRequest()
            try connection.send("HTTP/1.1 200 OK\r\n\r\nfirst")
            connection.awaitClose()
            closed.happened()
        }
        let response = try await transport.stream(HTTPRequest(url: server.url()))
        let started = Fact()
        let task = Task {
            await transferError { () throws(TransferError) in
                var iterator = response.body.makeAsyncIterator()
                while try await iterator.next() != nil { started.happened() }
            }
        }
        #expect(await started.value != nil)
        task.cancel()
        #expect(await task.value?.code == .cancelled)
        #expect(await closed.value != nil)
    }

    @Test func `a task cancelled before it asks sends nothing`() async throws {
        let server = try ScriptedServer { _ in }
        let task = Task { [transport] in
            withUnsafeCurrentTask { $0?.cancel() }
            return await transferError { () throws(TransferError) in
                try await transport.send(HTTPRequest(url: server.url()))
            }
        }
        #expect(await task.value?.code == .cancelled)
        #expect(server.accepted == 0)
    }

    @Test func `cancelling at any moment neither hangs nor harms others`() async throws {
        let server = try ScriptedServer { connection in
            while true { try connection.respond("200 OK", try connection.readRequest().line) }
        }
        let transport = transport
        await withTaskGroup(of: Void.self) { group in
            for number in 0..<500 {
                group.addTask {
                    let task = Task { () -> Result<HTTPResponse, TransferError> in
                        do throws(TransferError) {
                            return .success(try await transport.send(HTTPRequest(url: server.url("/\(number)"))))
                        } catch {
                            return .failure(error)
                        }
                    }
                    for _ in 0..<Int.random(in: 0..<100) { await Task.yield() }
                    if number.isMultiple(of: 2) { task.cancel() }
                    switch await task.value {
                    case .success(let response):
                        #expect(response.body == Array("GET /\(number) HTTP/1.1".utf8))
                    case .failure(let error):
                        #expect(error.code == .cancelled)
                        #expect(number.isMultiple(of: 2))
                    }
                }
            }
        }
    }
}
