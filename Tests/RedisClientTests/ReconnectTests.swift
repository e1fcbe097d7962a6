import Logging
import RedisClient
import ScriptedServers
import TestEnvironment
import Testing

extension RealRedisTests {
    @Suite struct ReconnectTests {
        @Test func `after a restart of the server the next command works, and the log says so once`() async throws {
            let log = RecordedLog()
            try await RedisServer.with { server in
                try await withClient(server.connectionString, logger: log.logger) { client in
                    let states = client.states()
                    #expect(client.state == .idle)
                    _ = try await client.ping()
                    #expect(client.state == .connected(RedisEndpoint(host: "127.0.0.1", port: server.port)))

                    await server.stop()
                    let lost = await states.first { $0.failure != nil }
                    #expect(lost?.failure?.wasEstablished == true)
                    try await server.start()
                    let back = await states.first { $0.isConnected }
                    #expect(back != nil)
                    _ = try await client.ping()
                }
            }
            let successes = log.lines.filter { $0.message.wholeMatch(of: /Redis.*connected.*/) != nil }
            #expect(successes.count == 2)
            #expect(successes.allSatisfy { $0.level == .info && $0.message.hasPrefix("Redis connected to 127.0.0.1:") })
            let failures = log.lines.filter { $0.level == .warning }
            #expect(failures.allSatisfy { $0.message.hasPrefix("Redis connection failed: RedisConnectionException: ") })
            #expect(!failures.isEmpty)
        }

        @Test func `a command given during an outage that lasts fails with the phrases people look for`() async throws {
            try await RedisServer.with { server in
                try await withClient(server.connectionString + ",syncTimeout=500") { client in
                    let states = client.states()
                    try await client.connect()
                    await server.stop()
                    let lost = await states.first { $0.failure != nil }
                    #expect(lost?.failure?.wasEstablished == true)
                    let down = await failure { try await client.ping() }
                    guard case .connectionFailed = down else {
                        Issue.record("\(String(describing: down))")
                        return
                    }
                    let text = down?.description ?? ""
                    #expect(text.contains("Redis connection failed"))
                    #expect(text.contains("It was not possible to connect to the redis server(s)"))
                    #expect(text.contains("RedisConnectionException"))
                }
            }
        }

        @Test func `a command given during an outage is sent when the server is back in time`() async throws {
            try await RedisServer.with { server in
                try await withClient(server.connectionString) { client in
                    let states = client.states()
                    _ = try await client.ping()
                    await server.stop()
                    _ = await states.first { $0.failure != nil }
                    async let early = client.send(["INCR", "n"])
                    try await server.start()
                    #expect(try await early == .integer(1))
                }
            }
        }

        @Test func `a server that stands still costs its commands, and replies still match afterwards`() async throws {
            // Nil when the machine stood still, too, and another command than the one meant ran out of time.
            let states = try await withGrowingLimit(from: .seconds(2)) { limit -> [String]? in
                try await RedisServer.with { server in
                    try await withClient(configuration(server.connectionString) { $0.syncTimeout = limit }) { client in
                        do throws(RedisError) {
                            _ = try await client.ping()
                            let states = client.states()
                            server.pause()
                            let start = ContinuousClock.now
                            let error = await failure { try await client.send(["SET", "k", "late"]) }
                            #expect(start.duration(to: .now) >= limit)
                            guard case .timedOut(let mayHaveBeenExecuted, let detail) = error else {
                                Issue.record("\(String(describing: error))")
                                return []
                            }
                            guard mayHaveBeenExecuted else { return nil }
                            #expect(detail.contains("SET"))
                            server.resume()
                            // The reply to SET comes first and is dropped.
                            #expect(try await client.get("k") == Array("late".utf8))
                            for number in 0..<50 {
                                #expect(try await client.send(["ECHO", RedisArgument(number)]).text == "\(number)")
                            }
                            return await client.shutdownStates(states)
                        } catch {
                            guard case .timedOut = error else { throw error }
                            return nil
                        }
                    }
                }
            }
            // All on the first connection.
            #expect(states == ["connected", "closed"])
        }

        @Test func `a server silent for connectTimeout is given up, and found again`() async throws {
            try await RedisServer.with { server in
                try await withClient(server.connectionString + ",syncTimeout=500,connectTimeout=1000") { client in
                    let states = client.states()
                    _ = await failure { try await client.connect() }
                    #expect(await states.first { $0.isConnected } != nil)
                    server.pause()
                    _ = await failure { try await client.ping() }
                    let silence = await states.first { $0.failure != nil }
                    #expect(silence?.failure?.reason == .timeout)
                    #expect(silence?.failure?.detail.contains("said nothing for 1000 ms") == true)
                    // The kernel still accepts connections for a process that stands still.
                    let greeting = await states.first { $0.failure?.detail.contains("greeting") == true }
                    #expect(greeting?.failure?.wasEstablished == false)
                    server.resume()
                    #expect(await states.first { $0.isConnected } != nil)
                }
            }
        }

        @Test func `an idle connection is probed, so that its death is noticed`() async throws {
            try await RedisServer.with { server in
                try await withClient(
                    configuration(server.connectionString + ",connectTimeout=1000") {
                        $0.keepAlive = .milliseconds(200)
                    }
                ) { client in
                    let states = client.states()
                    _ = await failure { try await client.connect() }
                    #expect(await states.first { $0.isConnected } != nil)
                    server.pause()
                    #expect(await states.first { $0.failure?.reason == .timeout } != nil)
                    server.resume()
                    #expect(await states.first { $0.isConnected } != nil)
                }
            }
        }

        @Test func `connect() fails after connectRetry attempts with the phrases people look for`() async throws {
            let port = try FreePort.find()
            // Who waited for the time to run out would wait for an hour.
            try await withClient("127.0.0.1:\(port),connectRetry=2,connectTimeout=3600000") { client in
                let error = await failure { try await client.connect() }
                guard case .connectionFailed(let failure) = error else {
                    Issue.record("\(String(describing: error))")
                    return
                }
                #expect(failure.reason == .network)
                #expect(failure.description.contains("Connection refused"))
                #expect(failure.description.contains("Is the server running"))
                #expect(error?.isRetryable == true)
            }
        }

        @Test func `with abortConnect nothing goes on in the background before the first success`() async throws {
            let port = try FreePort.find()
            try await withClient("127.0.0.1:\(port),connectRetry=1,abortConnect=true") { client in
                let states = client.states()
                _ = await failure { try await client.connect() }
                _ = await states.first { $0.failure != nil }
                // Without it, a client goes on. Five failures take it far longer than the delay before the second.
                try await withClient("127.0.0.1:\(port),connectRetry=1,abortConnect=false") { other in
                    let otherStates = other.states()
                    _ = await failure { try await other.connect() }
                    for _ in 1...5 { #expect(await otherStates.first { $0.failure != nil } != nil) }
                }
                #expect(await client.shutdownStates(states) == ["closed"])
            }
        }

        @Test func `a host without an address says so`() async throws {
            try await withClient("no-such-host.invalid:6379") { client in
                let error = await failure { try await client.connect() }
                guard case .connectionFailed(let failure) = error else {
                    Issue.record("\(String(describing: error))")
                    return
                }
                #expect(failure.reason == .nameResolution)
            }
        }

        @Test func `a name is looked up, and its addresses are tried in turn`() async throws {
            try await RedisServer.with { server in
                try await withClient("localhost:\(server.port)") { client in
                    try await client.connect()
                    _ = try await client.ping()
                }
            }
        }
    }
}

extension RedisClient {
    /// Shuts down and names the states that were still in the stream.
    fileprivate func shutdownStates(_ states: AsyncStream<RedisConnectionState>) async -> [String] {
        await shutdown()
        var names: [String] = []
        for await state in states {
            switch state {
            case .idle: names.append("idle")
            case .connected: names.append("connected")
            case .unavailable: names.append("unavailable")
            case .closed: names.append("closed")
            }
        }
        return names
    }
}
