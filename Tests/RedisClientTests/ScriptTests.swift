import RedisClient
import TestEnvironment
import Testing

extension RealRedisTests {
    /// The shape of a commit: replace the value only if it is still the one that was read, and renew its time to live.
    @Suite struct ScriptTests {
        private static let compareAndSet = RedisScript(
            """
            local current = redis.call('GET', KEYS[1])
            if not current or redis.sha1hex(current) ~= ARGV[1] then return 0 end
            redis.call('SET', KEYS[1], ARGV[2], 'EX', ARGV[3])
            return 1
            """
        )

        private func commit(
            _ client: RedisClient,
            from old: String,
            to new: String
        ) async throws(RedisError) -> RedisValue {
            let digest = RedisScript(old).sha1 ?? ""
            return try await client.evaluate(
                Self.compareAndSet,
                keys: ["k"],
                arguments: [RedisArgument(digest), RedisArgument(new), 60]
            )
        }

        @Test func `a compare-and-set by digest, before and after the server forgets it`() async throws {
            try await RedisServer.with { server in
                try await withClient(server.connectionString + ",allowAdmin=true") { client in
                    #expect(try await commit(client, from: "", to: "a") == .integer(0))
                    try await client.set("k", Array("a".utf8), expiresIn: .seconds(60))
                    #expect(try await commit(client, from: "a", to: "b") == .integer(1))
                    #expect(try await commit(client, from: "a", to: "c") == .integer(0))
                    _ = try await client.send(["SCRIPT", "FLUSH"])
                    #expect(try await commit(client, from: "b", to: "c") == .integer(1))
                    #expect(try await client.get("k") == Array("c".utf8))
                    let calls = try await client.send(["INFO", "commandstats"]).text ?? ""
                    // The text went over the wire twice: at the first use, and after the flush.
                    #expect(calls.contains("cmdstat_eval:calls=2,"))
                    #expect(calls.contains("cmdstat_evalsha:calls=4,"))
                }
            }
        }

        @Test func `of many at once from one state, one wins`() async throws {
            try await RedisServer.with { server in
                try await withClient(server.connectionString) { client in
                    try await client.set("k", Array("start".utf8), expiresIn: .seconds(60))
                    let winners = try await withThrowingTaskGroup(of: Bool.self) { group in
                        for number in 0..<100 {
                            group.addTask { try await commit(client, from: "start", to: "\(number)") == .integer(1) }
                        }
                        return try await group.reduce(into: 0) { $0 += $1 ? 1 : 0 }
                    }
                    #expect(winners == 1)
                }
            }
        }

        @Test func `a script's own error is passed on and the text is not sent a second time`() async throws {
            try await RedisServer.with { server in
                try await withClient(server.connectionString) { client in
                    let script = RedisScript("redis.call('INCR', KEYS[1]) return redis.error_reply('OOPS no')")
                    for _ in 0..<2 {
                        let error = await failure { try await client.evaluate(script, keys: ["n"]) }
                        guard case .server(let reply) = error else {
                            Issue.record("\(String(describing: error))")
                            return
                        }
                        #expect(reply.code == "OOPS")
                    }
                    let count = try await client.get("n")
                    #expect(count == Array("2".utf8))
                }
            }
        }
    }
}
