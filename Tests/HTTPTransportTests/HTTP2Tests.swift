import HTTPTransport
import ScriptedServers
import Testing

@Suite(.timeLimit(.minutes(4)))
struct HTTP2Tests {
    let transport: HTTPTransport
    let identity: ServerIdentity

    init() throws {
        let authority = try TestCertificate("test authority", isAuthority: true)
        identity = ServerIdentity(
            try TestCertificate("server", names: "IP:127.0.0.1", issuer: authority),
            speaksHTTP2: true
        )
        let tls = HTTPTransport.TLS(certificateAuthorities: .data(authority.pem))
        transport = try HTTPTransport(HTTPTransport.Configuration(tls: tls))
    }

    func server(_ script: @escaping @Sendable (Int, HTTP2ServerConnection) throws -> Void) throws -> ScriptedServer {
        try ScriptedServer(identity) { try script($0.index, try HTTP2ServerConnection($0)) }
    }

    @Test func `requests share one connection, answered in any order`() async throws {
        let server = try server { _, connection in
            let streams = try (0..<90).map { _ in try connection.nextRequest() }
            for stream in streams.reversed() { try connection.respond("\(stream)", on: stream) }
            while true { try connection.respond("more", on: try connection.nextRequest()) }
        }
        let transport = transport
        let bodies = try await withThrowingTaskGroup(of: HTTPResponse.self) { group in
            let request = HTTPRequest(url: server.url(scheme: "https"))
            for _ in 0..<90 { group.addTask { try await transport.send(request) } }
            return try await group.reduce(into: Set<[UInt8]>()) { bodies, response in
                #expect(response.httpVersion == .http2)
                bodies.insert(response.body)
            }
        }
        #expect(bodies.count == 90)
        #expect(server.accepted == 1)
    }

    @Test func `a burst shares one connection although streams have theirs already`() async throws {
        let server = try server { index, connection in
            let first = try connection.nextRequest()
            try connection.sendHead(on: first)
            guard index > 0 else {
                while true { _ = try connection.nextFrame() }
            }
            try connection.sendData([], on: first, isLast: true)
            while true { try connection.respond("more", on: try connection.nextRequest()) }
        }
        let request = HTTPRequest(url: server.url(scheme: "https"))
        let stream = try await transport.stream(request)
        let transport = transport
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<50 { group.addTask { _ = try await transport.send(request) } }
            try await group.waitForAll()
        }
        #expect(server.accepted == 2)
        #expect(stream.status == 200)
    }

    @Test func `a response is not held up by others that begin at the same moment`() async throws {
        let server = try server { _, connection in
            while true { try connection.respond("done", on: try connection.nextRequest()) }
        }
        // Held up, it would come with the next timer, which is that of this timeout.
        let request = HTTPRequest(url: server.url(scheme: "https"), timeout: .seconds(160))
        let transport = transport
        var longest = Duration.zero
        for _ in 0..<200 {
            let start = ContinuousClock.now
            try await withThrowingTaskGroup(of: Int.self) { group in
                for _ in 0..<6 { group.addTask { try await transport.send(request).status } }
                for _ in 0..<2 { group.addTask { try await transport.stream(request).status } }
                for try await status in group { #expect(status == 200) }
            }
            longest = max(longest, start.duration(to: .now))
        }
        #expect(longest < .seconds(80))
    }

    @Test func `who waited for a connection that cannot be made learns so at once`() async throws {
        let listener = try FullListener()
        let port = listener.port
        let transport = try HTTPTransport(HTTPTransport.Configuration(connectTimeout: .seconds(5)))
        let start = ContinuousClock.now
        await withTaskGroup(of: TransferError?.self) { group in
            for number in 0..<60 {
                group.addTask {
                    await transferError { () throws(TransferError) in
                        try await transport.send(HTTPRequest(url: "https://127.0.0.1:\(port)/\(number)"))
                    }
                }
            }
            var urls: Set<String> = []
            for await error in group {
                #expect(error?.code == .couldNotConnect)
                urls.insert(error?.url ?? "")
            }
            #expect(urls.count == 60)
        }
        // One after the other it would take five minutes.
        #expect(start.duration(to: .now) < .seconds(150))
        withExtendedLifetime(listener) {}
    }

    @Test func `who waited for a connection goes on when the one who makes it is cancelled`() async throws {
        // The server is slow to shake hands with the first.
        let accepted = Fact()
        let mayShakeHands = BlockingGate()
        let hesitate = { @Sendable (index: Int) in
            guard index == 0 else { return }
            accepted.happened()
            mayShakeHands.wait()
        }
        let server = try ScriptedServer(identity, beforeHandshake: hesitate) { connection in
            let connection = try HTTP2ServerConnection(connection)
            while true { try connection.respond("more", on: try connection.nextRequest()) }
        }
        let request = HTTPRequest(url: server.url(scheme: "https"))
        let leader = Task { [transport] in
            await transferError { () throws(TransferError) in try await transport.send(request) }
        }
        #expect(await accepted.value != nil)
        let followers = (0..<10).map { _ in Task { [transport] in try await transport.send(request) } }
        // By the time another request has been to its server and back, the followers are waiting.
        let other = try ScriptedServer { connection in
            _ = try connection.readRequest()
            try connection.respond()
        }
        _ = try await transport.send(HTTPRequest(url: other.url()))
        leader.cancel()
        #expect(await leader.value?.code == .cancelled)
        for follower in followers { #expect(try await follower.value.status == 200) }
        mayShakeHands.open()
        #expect(server.accepted == 2)
    }

    @Test func `cancelling the only request on a connection closes it`() async throws {
        let requested = Fact()
        let closed = Fact()
        let server = try server { index, connection in
            while index > 0 { try connection.respond("more", on: try connection.nextRequest()) }
            _ = try connection.nextRequest()
            requested.happened()
            while (try? connection.nextFrame()) != nil {}
            closed.happened()
        }
        let request = HTTPRequest(url: server.url(scheme: "https"))
        let task = Task { [transport] in
            await transferError { () throws(TransferError) in try await transport.send(request) }
        }
        #expect(await requested.value != nil)
        task.cancel()
        #expect(await task.value?.code == .cancelled)
        #expect(await closed.value != nil)
        #expect(try await transport.send(request).status == 200)
    }

    @Test func `cancelling one request of several resets its stream and leaves the connection`() async throws {
        let first = Fact()
        let second = Fact(of: UInt32.self)
        let mayAnswer = BlockingGate()
        let reset = Fact(of: UInt32.self)
        let server = try server { _, connection in
            let patient = try connection.nextRequest()
            first.happened()
            second.happened(try connection.nextRequest())
            mayAnswer.wait()
            try connection.respond("patient", on: patient)
            while true {
                let frame = try connection.nextFrame()
                if frame.kind == .reset { reset.happened(frame.stream) }
                if frame.kind == .headers { try connection.respond("more", on: frame.stream) }
            }
        }
        let request = HTTPRequest(url: server.url(scheme: "https"))
        let patient = Task { [transport] in try await transport.send(request) }
        #expect(await first.value != nil)
        let impatient = Task { [transport] in
            await transferError { () throws(TransferError) in try await transport.send(request) }
        }
        let stream = try #require(await second.value)
        impatient.cancel()
        #expect(await impatient.value?.code == .cancelled)
        mayAnswer.open()
        #expect(try await patient.value.body == Array("patient".utf8))
        #expect(try await transport.send(request).body == Array("more".utf8))
        #expect(await reset.value == stream)
        #expect(server.accepted == 1)
    }

    @Test(arguments: [true, false])
    func `after a timeout the next request takes a new connection, and the old one is closed`(
        isIdle: Bool
    ) async throws {
        let closed = Fact()
        let server = try server { index, connection in
            // The first connection swallows everything after its first answer: a black hole.
            try connection.respond("first", on: try connection.nextRequest())
            if index == 0 {
                while (try? connection.nextFrame()) != nil {}
                closed.happened()
            }
            while true { try connection.respond("more", on: try connection.nextRequest()) }
        }
        var request = HTTPRequest(url: server.url(scheme: "https"))
        _ = try await transport.send(request)
        if isIdle { request.idleTimeout = .milliseconds(100) } else { request.timeout = .milliseconds(100) }
        let error = await transferError { () throws(TransferError) in try await transport.send(request) }
        #expect(error?.code == (isIdle ? .idle : .timedOut))
        #expect(await closed.value != nil)

        request.timeout = nil
        request.idleTimeout = nil
        for _ in 0..<3 { #expect(try await transport.send(request).status == 200) }
        #expect(server.accepted == 2)
    }

    @Test func `a timeout spares other requests on the connection, and the last of them closes it`() async throws {
        let answer = BlockingGate()
        let waiting = Fact()
        let closed = Fact()
        let server = try server { index, connection in
            guard index == 0 else {
                while true { try connection.respond("new", on: try connection.nextRequest()) }
            }
            let patient = try connection.nextRequest()
            waiting.happened()
            answer.wait()
            try connection.respond("late", on: patient)
            while (try? connection.nextFrame()) != nil {}
            closed.happened()
        }
        let request = HTTPRequest(url: server.url(scheme: "https"))
        let patient = Task { [transport] in try await transport.send(request) }
        #expect(await waiting.value != nil)
        let error = await transferError { () throws(TransferError) in
            var impatient = request
            impatient.timeout = .milliseconds(100)
            return try await transport.send(impatient)
        }
        #expect(error?.code == .timedOut)
        #expect(try await transport.send(request).body == Array("new".utf8))
        answer.open()
        #expect(try await patient.value.body == Array("late".utf8))
        #expect(await closed.value != nil)
        #expect(server.accepted == 2)
    }

    @Test func `a stream has a connection of its own, used for nothing after it`() async throws {
        let server = try server { _, connection in
            while true {
                let stream = try connection.nextRequest()
                try connection.sendHead(on: stream)
                try connection.sendData([1], on: stream, isLast: true)
            }
        }
        let request = HTTPRequest(url: server.url(scheme: "https"))
        _ = try await transport.send(request)
        let response = try await transport.stream(request)
        #expect(response.httpVersion == .http2)
        #expect(server.accepted == 2)
        _ = try await transport.send(request)
        #expect(try await response.body.collect(upTo: 10) == [1])
        _ = try await transport.send(request)
        #expect(server.accepted == 2)
    }

    @Test func `stopping to read a stream closes its connection`() async throws {
        let closed = Fact()
        let server = try self.server { _, connection in
            let stream = try connection.nextRequest()
            try connection.sendHead(on: stream)
            try connection.sendData([1, 2, 3], on: stream, isLast: false)
            while (try? connection.nextFrame()) != nil {}
            closed.happened()
        }
        for try await chunk in try await transport.stream(HTTPRequest(url: server.url(scheme: "https"))).body {
            #expect(chunk == [1, 2, 3])
            break
        }
        #expect(await closed.value != nil)
    }

    @Test func `a stream that nobody reads slows down nothing else`() async throws {
        let frame = [UInt8](repeating: 120, count: 16384)
        let frames = 800
        let server = try server { index, connection in
            guard index == 1 else {
                while true { try connection.respond("quick", on: try connection.nextRequest()) }
            }
            let stream = try connection.nextRequest()
            try connection.sendHead(on: stream)
            // Less than the window of 32 MiB, so that it is the socket that holds it back.
            for _ in 0..<frames { try connection.sendData(frame, on: stream, isLast: false) }
            try connection.sendData([], on: stream, isLast: true)
            while true { _ = try connection.nextFrame() }
        }
        let request = HTTPRequest(url: server.url(scheme: "https"))
        _ = try await transport.send(request)
        let response = try await transport.stream(request)
        var iterator = response.body.makeAsyncIterator()
        var received = try await iterator.next()?.count ?? 0
        for _ in 0..<100 { #expect(try await transport.send(request).body == Array("quick".utf8)) }
        while let chunk = try await iterator.next() { received += chunk.count }
        #expect(received == frames * frame.count)
        #expect(server.accepted == 2)
    }

    @Test func `a stream cut off is a lost connection`() async throws {
        let server = try server { _, connection in
            let stream = try connection.nextRequest()
            try connection.sendHead(on: stream)
            try connection.sendData([1], on: stream, isLast: false)
            connection.cut()
        }
        let response = try await transport.stream(HTTPRequest(url: server.url(scheme: "https")))
        let error = await transferError { () throws(TransferError) in try await response.body.collect(upTo: 10) }
        #expect(error?.code == .connectionLost)
    }
}

extension HTTP2ServerConnection {
    /// In frames of 16 KiB, the most a client takes by default.
    fileprivate func sendMebibyte(on stream: UInt32) throws {
        let frame = [UInt8](repeating: 120, count: 16384)
        for _ in 0..<64 { try sendData(frame, on: stream, isLast: false) }
    }
}
