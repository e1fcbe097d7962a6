import RedisClient
import TestEnvironment
import Testing

/// What only a server that misbehaves can show.
@Suite(.serialized, .timeLimit(.minutes(4))) struct ScriptedServerTests {
    @Test func `a command whose reply is lost is reported and never sent again`() async throws {
        let server = try ScriptedRedis { command in
            command.connection == 0 ? .close : .reply(":\(command.connection)\r\n")
        }
        try await withClient(server.connectionString) { client in
            let error = await failure { try await client.send(["INCR", "n"]) }
            guard case .connectionLost(mayHaveBeenExecuted: true, let failure) = error else {
                Issue.record("\(String(describing: error))")
                return
            }
            #expect(failure.reason == .closedByServer)
            #expect(error?.isRetryable == false)
            let next = try await client.send(["GET", "n"])
            #expect(next == .integer(1))
            server.stop()
            var received: [ScriptedRedis.Command] = []
            for await command in server.commands { received.append(command) }
            #expect(
                received == [.init(connection: 0, words: ["INCR", "n"]), .init(connection: 1, words: ["GET", "n"])]
            )
        }
    }

    @Test func `what was not written when the connection broke is sent on the next one, and nothing goes twice`()
        async throws
    {
        let mayClose = Gate()
        let server = try ScriptedRedis { command in
            command.connection == 0 ? .closeAfter(mayClose) : .reply("+\(command.words[1])\r\n")
        }
        try await withClient(server.connectionString) { client in
            // The server reads the first and then stops. The kernel takes some megabytes more, and the rest stays here.
            let first = Task { await failure { try await client.send(["ECHO", "first"]) } }
            var commands = server.commands.makeAsyncIterator()
            #expect(await commands.next()?.words == ["ECHO", "first"])
            let count = 64
            let payload = RedisArgument([UInt8](repeating: 7, count: 1 << 20))
            let outcomes = await withTaskGroup(of: (Int, RedisError?).self) { group in
                for number in 0..<count {
                    group.addTask {
                        let error = await failure {
                            let reply = try await client.send(["SET", RedisArgument(number), payload])
                            #expect(reply.text == "\(number)")
                        }
                        return (number, error)
                    }
                }
                mayClose.open()
                return await group.reduce(into: [Int: RedisError?]()) { $0[$1.0] = .some($1.1) }
            }
            guard case .connectionLost(mayHaveBeenExecuted: true, _)? = await first.value else {
                Issue.record("\(String(describing: await first.value))")
                return
            }
            server.stop()
            var received: [String] = []
            while let command = await commands.next() { received.append(command.words[1]) }
            #expect(Set(received).count == received.count)
            let succeeded = outcomes.filter { $0.value == nil }.keys.map { "\($0)" }
            #expect(Set(received) == Set(succeeded))
            #expect(succeeded.count > count / 2)
            #expect(outcomes.count == count)
            for error in outcomes.values.compactMap(\.self) {
                guard case .connectionLost = error else {
                    Issue.record("\(error)")
                    continue
                }
            }
        }
    }

    @Test func `cancelling returns at once, and the late reply goes to nobody`() async throws {
        let server = try ScriptedRedis { command in
            switch command.words {
            case ["ECHO", "slow"]: .silence
            case ["ECHO", "next"]: .reply("$4\r\nslow\r\n$4\r\nnext\r\n")
            default: .close
            }
        }
        defer { server.stop() }
        try await withClient(server.connectionString) { client in
            let slow = Task { await failure { try await client.send(["ECHO", "slow"]) } }
            var commands = server.commands.makeAsyncIterator()
            #expect(await commands.next()?.words == ["ECHO", "slow"])
            slow.cancel()
            #expect(await slow.value == .cancelled)
            let next = try await client.send(["ECHO", "next"])
            #expect(next.text == "next")
        }
    }

    @Test func `a command of a cancelled task is not sent`() async throws {
        let server = try ScriptedRedis { _ in .reply("+OK\r\n") }
        try await withClient(server.connectionString) { client in
            let task = Task {
                withUnsafeCurrentTask { $0?.cancel() }
                return await failure { try await client.send(["SET", "k", "v"]) }
            }
            #expect(await task.value == .cancelled)
            _ = try await client.send(["GET", "k"])
            server.stop()
            var received: [[String]] = []
            for await command in server.commands { received.append(command.words) }
            #expect(received == [["GET", "k"]])
        }
    }

    @Test func `shutting down fails who waits, returns, and stays shut`() async throws {
        let server = try ScriptedRedis { _ in .silence }
        defer { server.stop() }
        try await withClient(server.connectionString) { client in
            let waiting = Task { await failure { try await client.send(["GET", "k"]) } }
            var commands = server.commands.makeAsyncIterator()
            #expect(await commands.next() != nil)
            async let one: Void = client.shutdown()
            async let two: Void = client.shutdown()
            _ = await (one, two)
            #expect(await waiting.value == .clientClosed(mayHaveBeenExecuted: true))
            let later = await failure { try await client.ping() }
            #expect(later == .clientClosed(mayHaveBeenExecuted: false))
            let connect = await failure { try await client.connect() }
            #expect(connect == .clientClosed(mayHaveBeenExecuted: false))
            #expect(client.state == .closed)
            var states: [RedisConnectionState] = []
            for await state in client.states() { states.append(state) }
            #expect(states == [.closed])
        }
    }

    @Test func `a client that is let go of ends its connection`() async throws {
        let server = try ScriptedRedis { _ in .reply("+OK\r\n") }
        defer { server.stop() }
        var client: RedisClient? = try RedisClient(configuration: configuration(server.connectionString))
        _ = try await client?.send(["GET", "k"])
        let states = client?.states()
        client = nil
        var last: RedisConnectionState?
        if let states { for await state in states { last = state } }
        #expect(last == .closed)
    }

    @Test(arguments: ["what?\r\n", "$3\r\nabc\r\n+unasked\r\n", "*99999999\r\n"])
    func `nonsense ends the connection, and the next one works`(nonsense: String) async throws {
        let server = try ScriptedRedis { command in
            command.connection == 0 && command.words[1] == "bad" ? .reply(nonsense) : .reply("+fine\r\n")
        }
        defer { server.stop() }
        try await withClient(server.connectionString) { client in
            let states = client.states()
            _ = await failure { try await client.send(["GET", "bad"]) }
            let broken = await states.first { $0.failure != nil }
            #expect(broken?.failure?.reason == .protocolViolation)
            let next = try await client.send(["GET", "good"])
            #expect(next.text == "fine")
        }
    }

    @Test func `a reply beyond the limit ends the connection with a clear error`() async throws {
        let server = try ScriptedRedis { command in
            command.words[1] == "large"
                ? .reply("$200000\r\n" + String(repeating: "x", count: 200_000)) : .reply("+fine\r\n")
        }
        defer { server.stop() }
        try await withClient(configuration(server.connectionString) { $0.maximumReplySize = 100_000 }) { client in
            let error = await failure { try await client.send(["GET", "large"]) }
            #expect(error?.description.contains("larger than 100000 bytes") == true)
            #expect(error?.mayHaveBeenExecuted == true)
            let next = try await client.send(["GET", "small"])
            #expect(next.text == "fine")
        }
    }

    @Test func `replies that came before the connection ended still count`() async throws {
        let server = try ScriptedRedis { _ in .replyAndClose(Array("+made it\r\n".utf8)) }
        defer { server.stop() }
        try await withClient(server.connectionString) { client in
            let states = client.states()
            for _ in 0..<5 {
                let reply = try await client.send(["GET", "k"])
                #expect(reply.text == "made it")
                _ = await states.first { $0.failure != nil }
            }
        }
    }

    @Test func `a command that could not be sent in time is taken back`() async throws {
        let port = try FreePort.find()
        // Who waited for the connection would wait for an hour.
        try await withClient(
            "127.0.0.1:\(port),abortConnect=false,syncTimeout=100,connectTimeout=3600000"
        ) { client in
            let error = await failure { try await client.send(["INCR", "n"]) }
            guard case .connectionFailed = error else {
                Issue.record("\(String(describing: error))")
                return
            }
            #expect(error?.mayHaveBeenExecuted == false)
        }
    }
}
