import TestEnvironment
import Testing

@testable import RedisClient

extension RealRedisTests {
    @Suite struct PoolTests {
        /// The connections of the client as the server sees them.
        private func connections(_ server: RedisServer) -> Int {
            let list = (try? server.command("CLIENT", "LIST").text) ?? ""
            return list.split(whereSeparator: \.isNewline).count { $0.contains("name=honua-operator ") }
        }

        @Test func `the minimum of connections is opened at the start, each with its name, and none stays`()
            async throws
        {
            try await RedisServer.with { server in
                try await withClient(configuration(server.connectionString) { $0.minimumConnections = 4 }) { client in
                    try await client.connect()
                    try await eventually { connections(server) == 4 }
                }
                try await eventually { connections(server) == 0 }
                #expect(try server.command("CLIENT", "LIST").text.split(whereSeparator: \.isNewline).count == 1)
            }
        }

        @Test func `one connection is enough for commands one after the other`() async throws {
            try await RedisServer.with { server in
                try await withClient(server.connectionString) { client in
                    for _ in 0..<200 { _ = try await client.ping() }
                    #expect(connections(server) == 1)
                }
            }
        }

        @Test func `more connections are opened for more commands than fit, up to the maximum`() async throws {
            try await RedisServer.with { server in
                try await withClient(
                    configuration(server.connectionString) {
                        $0.pipelineDepth = 1
                        $0.maximumConnections = 3
                    }
                ) { client in
                    let isSeen = Gate()
                    try await withThrowingTaskGroup(of: Void.self) { group in
                        for _ in 0..<6 {
                            group.addTask { () async throws in
                                while !isSeen.isOpen { _ = try await client.ping() }
                            }
                        }
                        defer { isSeen.open() }
                        try await eventually { connections(server) == 3 }
                        isSeen.open()
                        try await group.waitForAll()
                    }
                    #expect(connections(server) == 3)
                }
            }
        }

        @Test func `a connection that is not needed any more is closed`() async throws {
            try await RedisServer.with { server in
                let configuration = try configuration(server.connectionString) {
                    $0.pipelineDepth = 1
                    $0.minimumConnections = 2
                    $0.maximumConnections = 8
                    $0.idleConnectionLimit = .milliseconds(200)
                }
                try await withClient(configuration) { client in
                    let isSeen = Gate()
                    try await withThrowingTaskGroup(of: Void.self) { group in
                        for _ in 0..<16 {
                            group.addTask { () async throws in
                                while !isSeen.isOpen { _ = try await client.ping() }
                            }
                        }
                        defer { isSeen.open() }
                        try await eventually { connections(server) > 2 }
                        isSeen.open()
                        try await group.waitForAll()
                    }
                    try await eventually { connections(server) == 2 }
                    #expect(try await client.ping() > .zero)
                }
            }
        }

        @Test func `who waits for room too long is told the size of the pool`() async throws {
            try await RedisServer.with { server in
                let configuration = try configuration(server.connectionString) {
                    $0.pipelineDepth = 2
                    $0.maximumConnections = 2
                    $0.syncTimeout = .milliseconds(500)
                }
                try await withClient(configuration) { client in
                    let states = client.states()
                    _ = await failure { try await client.connect() }
                    #expect(await states.first { $0.isConnected } != nil)
                    server.pause()
                    defer { server.resume() }
                    let errors = await withTaskGroup(of: RedisError?.self) { group in
                        for _ in 0..<10 { group.addTask { await failure { try await client.send(["GET", "k"]) } } }
                        return await group.reduce(into: [RedisError]()) { if let error = $1 { $0.append(error) } }
                    }
                    #expect(errors.count == 10)
                    let unsent = errors.filter { !$0.mayHaveBeenExecuted }
                    // A second connection is greeted by nobody, so that there are two places at most.
                    #expect(unsent.count >= 8)
                    for error in unsent {
                        #expect(error.description.contains("GET waited for room on one of"))
                        #expect(error.description.contains("of at most 2 (MaxConnectionPoolSize)"))
                        #expect(error.description.contains("at most 2 commands in flight (PipelineBatchSize)"))
                        #expect(error.isRetryable)
                    }
                }
            }
        }

        @Test func `a server that takes no more clients costs nothing but the larger pool`() async throws {
            try await RedisServer.with(.init(arguments: ["--maxclients", "1"])) { server in
                let configuration = try configuration(server.connectionString) {
                    $0.pipelineDepth = 1
                    $0.minimumConnections = 2
                }
                try await withClient(configuration) { client in
                    try await withThrowingTaskGroup(of: Void.self) { group in
                        for _ in 0..<100 { group.addTask { () async throws in _ = try await client.ping() } }
                        try await group.waitForAll()
                    }
                    #expect(client.state.isConnected)
                }
            }
        }

        @Test func `a connection that is lost among several costs only what it was owed`() async throws {
            try await RedisServer.with { server in
                try await withClient(configuration(server.connectionString) { $0.minimumConnections = 4 }) { client in
                    try await client.connect()
                    for _ in 0..<3 {
                        try await eventually { connections(server) == 4 }
                        let ids = try server.command("CLIENT", "LIST").text.split(whereSeparator: \.isNewline)
                            .filter { $0.contains("name=honua-operator ") }
                            .compactMap { $0.split(separator: " ").first?.dropFirst("id=".count) }
                        try server.command("CLIENT", "KILL", "ID", String(ids.randomElement() ?? ""))
                        let error = await failure { try await client.ping() }
                        if let error { #expect(error.mayHaveBeenExecuted, "\(error)") }
                    }
                    try await eventually { connections(server) == 4 }
                    _ = try await client.ping()
                }
            }
        }

        @Test func `a write waits for its replicas, alone and in a script`() async throws {
            try await RedisSentinels.with(replicas: 2) { sentinels in
                try await withClient(sentinels.servers[0].connectionString) { client in
                    let set = try await client.send(["SET", "k", "v"], waitingFor: 2, timeout: .seconds(30))
                    #expect(set == ReplicatedReply(reply: .status("OK"), replicas: 2, waitError: nil))
                    let script = RedisScript("return redis.call('INCR', KEYS[1])")
                    for number in 1...3 {
                        let reply = try await client.evaluate(
                            script,
                            keys: ["n"],
                            waitingFor: 1,
                            timeout: .seconds(30)
                        )
                        #expect(reply.reply == .integer(Int64(number)))
                        #expect(reply.replicas >= 1)
                    }
                    // More than there are: the time passes, and the write stands.
                    let start = ContinuousClock.now
                    let many = try await client.send(["SET", "k", "w"], waitingFor: 3, timeout: .milliseconds(100))
                    #expect(many.reply == .status("OK"))
                    #expect(many.replicas == 2)
                    #expect(start.duration(to: .now) >= .milliseconds(100))
                    let error = await failure {
                        try await client.send(["INCR", "k"], waitingFor: 1, timeout: .seconds(1))
                    }
                    #expect(error?.description.contains("not an integer") == true)
                    let alone = await failure { try await client.send(["WAIT", 1, 100]) }
                    #expect(alone?.description.contains("waitingFor") == true)
                    let tooLong = await failure {
                        try await client.send(["SET", "k", "v"], waitingFor: 1, timeout: .seconds(3600))
                    }
                    #expect(tooLong?.description.contains("less than connectTimeout") == true)
                }
            }
        }
    }
}
