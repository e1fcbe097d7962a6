import RedisClient
import TestEnvironment
import Testing

extension RealRedisTests {
    @Suite struct SentinelTests {
        @Test func `the master is found, a failover is followed, and no commit is lost or made twice`() async throws {
            let log = RecordedLog()
            try await RedisSentinels.with { sentinels in
                try await withClient(sentinels.connectionString, logger: log.logger) { client in
                    try await client.connect()
                    let first = try sentinels.master()
                    #expect(client.state == .connected(RedisEndpoint(host: "127.0.0.1", port: first.port)))
                    let states = client.states()
                    let isOver = Gate()
                    try await withThrowingTaskGroup(of: Void.self) { group in
                        for number in 0..<8 {
                            group.addTask {
                                let key = RedisArgument("list:\(number)")
                                var acknowledged: [String] = []
                                var isUncertain: Set<String> = []
                                var next = 0
                                while !isOver.isOpen || next < 20 {
                                    let word = "\(next)"
                                    next += 1
                                    do throws(RedisError) {
                                        // What a replica has is not lost by the failover.
                                        let reply = try await client.send(
                                            ["RPUSH", key, RedisArgument(word)],
                                            waitingFor: 1,
                                            timeout: .seconds(5)
                                        )
                                        if reply.replicas >= 1 {
                                            acknowledged.append(word)
                                        } else {
                                            isUncertain.insert(word)
                                        }
                                    } catch {
                                        guard error.mayHaveBeenExecuted else { throw error }
                                        isUncertain.insert(word)
                                    }
                                }
                                let list =
                                    try await client.send(["LRANGE", key, 0, -1]).array?.compactMap(\.text) ?? []
                                #expect(Set(list).count == list.count)
                                #expect(list.filter { !isUncertain.contains($0) } == acknowledged)
                            }
                        }
                        defer { isOver.open() }
                        try await sentinels.forceFailover()
                        _ = await states.first { $0.failure != nil }
                        _ = await states.first { $0.isConnected }
                        isOver.open()
                        try await group.waitForAll()
                    }
                    let second = try sentinels.master()
                    #expect(second !== first)
                    #expect(client.state == .connected(RedisEndpoint(host: "127.0.0.1", port: second.port)))
                }
            }
            let successes = log.lines.filter { $0.message.wholeMatch(of: /Redis.*connected.*/) != nil }
            #expect(successes.count >= 2)
            #expect(successes.allSatisfy { $0.message.contains("the master \"mymaster\"") })
        }

        @Test func `a master that is killed is replaced, and so is a Sentinel`() async throws {
            try await RedisSentinels.with { sentinels in
                // Only one is configured; the others are learnt.
                let one = sentinels.sentinels[0].connectionString + ",serviceName=mymaster"
                try await withClient(one) { client in
                    try await client.set("k", [1], expiresIn: nil)
                    let master = try sentinels.master()
                    let states = client.states()
                    await sentinels.sentinels[0].stop()
                    await master.stop()
                    #expect(await states.first { $0.failure != nil } != nil)
                    #expect(try await client.get("k") == [1])
                    #expect(try sentinels.master() !== master)
                }
            }
        }

        @Test func `passwords of Sentinels and of servers are different things`() async throws {
            try await RedisSentinels.with(password: "of-servers", sentinelPassword: "of-sentinels") { sentinels in
                try await withClient(sentinels.connectionString) { client in
                    try await client.set("k", [1], expiresIn: nil)
                }
                let endpoint = "127.0.0.1:\(sentinels.sentinels[0].port),serviceName=mymaster,connectRetry=1"
                try await withClient(endpoint + ",password=of-servers") { client in
                    let error = await failure { try await client.connect() }
                    #expect(error?.description.contains("sentinelPassword=") == true)
                    #expect(error?.description.contains("of-servers") == false)
                }
            }
        }

        @Test func `a master nobody knows, and Sentinels that do not answer, are named`() async throws {
            try await RedisSentinels.with(replicas: 0) { sentinels in
                let down = try FreePort.find()
                let known = sentinels.sentinels[0].port
                try await withClient("127.0.0.1:\(down),127.0.0.1:\(known),serviceName=other,connectRetry=1") {
                    client in
                    let error = await failure { try await client.connect() }
                    let text = error?.description ?? ""
                    #expect(text.contains("no Sentinel led to the master \"other\""))
                    #expect(text.contains("127.0.0.1:\(down): connect: Connection refused"))
                    #expect(text.contains("127.0.0.1:\(known): this Sentinel knows no master \"other\""))
                    #expect(text.contains("It was not possible to connect to the redis server(s)"))
                }
                // A server that is no Sentinel.
                let server = sentinels.servers[0].port
                try await withClient("127.0.0.1:\(server),serviceName=mymaster,connectRetry=1") { client in
                    let error = await failure { try await client.connect() }
                    #expect(error?.description.contains("unknown command") == true)
                }
            }
        }
    }
}
