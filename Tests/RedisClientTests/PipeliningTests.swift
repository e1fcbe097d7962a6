import RedisClient
import TestEnvironment
import Testing

extension RealRedisTests {
    @Suite struct PipeliningTests {
        @Test func `ten thousand concurrent commands each get their own reply`() async throws {
            try await RedisServer.with { server in
                try await withClient(server.connectionString) { client in
                    let mismatches = try await withThrowingTaskGroup(of: Bool.self) { group in
                        for number in 0..<10_000 {
                            group.addTask {
                                let echo = try await client.send(["ECHO", RedisArgument(number)])
                                return echo.text != "\(number)"
                            }
                        }
                        return try await group.reduce(into: 0) { $0 += $1 ? 1 : 0 }
                    }
                    #expect(mismatches == 0)
                }
            }
        }

        @Test func `one task's commands are executed in their order`() async throws {
            try await RedisServer.with { server in
                try await withClient(server.connectionString) { client in
                    for number in 0..<200 { _ = try await client.send(["RPUSH", "list", RedisArgument(number)]) }
                    let list = try await client.send(["LRANGE", "list", 0, -1]).array?.map(\.text)
                    #expect(list == (0..<200).map { "\($0)" })
                }
            }
        }

        @Test func `any bytes survive, small and large`() async throws {
            try await RedisServer.with { server in
                try await withClient(server.connectionString) { client in
                    let everyByte = (0...255).map { UInt8($0) }
                    let large = (0..<(3 << 20)).map { UInt8(truncatingIfNeeded: $0 &* 31) }
                    for value in [[], everyByte, Array("\r\n$-1\r\n".utf8), large] {
                        try await client.set("key", value, expiresIn: .seconds(60))
                        #expect(try await client.get("key") == value)
                    }
                    #expect(try await client.get("no such key") == nil)
                    #expect(try await client.del("key"))
                    #expect(try await !client.del("key"))
                    #expect(try await client.ping() > .zero)
                }
            }
        }

        @Test func `a value and its time to live are one command`() async throws {
            try await RedisServer.with { server in
                try await withClient(server.connectionString) { client in
                    try await client.set("s", [1], expiresIn: .seconds(1000))
                    try await client.set("ms", [1], expiresIn: .milliseconds(900_500))
                    try await client.set("kept", [1], expiresIn: nil)
                    let seconds = try await client.send(["TTL", "s"]).integer ?? 0
                    let milliseconds = try await client.send(["PTTL", "ms"]).integer ?? 0
                    #expect((900...1000).contains(seconds))
                    #expect((800_000...900_500).contains(milliseconds))
                    #expect(try await client.send(["TTL", "kept"]) == .integer(-1))
                    let calls = try await client.send(["INFO", "commandstats"]).text ?? ""
                    #expect(calls.contains("cmdstat_set:calls=3,") && !calls.contains("expire:calls"))
                    let refusal = await failure { try await client.set("k", [], expiresIn: .zero) }
                    #expect(refusal?.description.contains("at least one millisecond") == true)
                }
            }
        }

        @Test func `an error reply is thrown, one inside an array is a value`() async throws {
            try await RedisServer.with { server in
                try await withClient(server.connectionString) { client in
                    _ = try await client.send(["RPUSH", "list", "x"])
                    let error = await failure { try await client.send(["GET", "list"]) }
                    guard case .server(let reply) = error else {
                        Issue.record("\(String(describing: error))")
                        return
                    }
                    #expect(reply.code == "WRONGTYPE")
                    let script = RedisScript("return {1, redis.error_reply('OOPS inside'), false, 'x'}")
                    let value = try await client.evaluate(script, keys: [])
                    #expect(value.array?.count == 4)
                    guard case .error(let inner)? = value.array?[1] else {
                        Issue.record("\(value)")
                        return
                    }
                    #expect(inner.code == "OOPS")
                }
            }
        }

        @Test func `the connection has its name and its database`() async throws {
            try await RedisServer.with { server in
                try await withClient(server.connectionString + ",defaultDatabase=3") { client in
                    let list = try await client.send(["CLIENT", "LIST"]).text ?? ""
                    #expect(list.contains("name=honua-operator"))
                    #expect(list.contains(" db=3 "))
                    #expect(list.split(separator: "\n").count == 1)
                }
                try await withClient(configuration(server.connectionString) { $0.clientName = "other" }) { client in
                    let name = try await client.send(["CLIENT", "GETNAME"])
                    #expect(name.text == "other")
                }
                try await withClient(configuration(server.connectionString) { $0.clientName = "" }) { client in
                    let name = try await client.send(["CLIENT", "GETNAME"])
                    #expect(name.text ?? "" == "")
                }
                try await withClient(server.connectionString + ",defaultDatabase=99") { client in
                    let error = await failure { try await client.connect() }
                    #expect(
                        error?.description.contains("SELECT 99 (defaultDatabase): ERR DB index is out of range") == true
                    )
                }
            }
        }

        @Test func `administrative commands work with allowAdmin`() async throws {
            try await RedisServer.with { server in
                try await withClient(server.connectionString + ",allowAdmin=true") { client in
                    try await client.set("k", [1], expiresIn: nil)
                    _ = try await client.send(["FLUSHALL"])
                    #expect(try await client.get("k") == nil)
                }
            }
        }
    }
}
