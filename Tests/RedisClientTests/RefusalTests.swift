import RedisClient
import TestEnvironment
import Testing

extension RealRedisTests {
    /// Servers that work, and will not do it.
    @Suite struct RefusalTests {
        @Test func `a server without memory says so`() async throws {
            let options = RedisServer.Options(arguments: ["--maxmemory", "1mb", "--maxmemory-policy", "noeviction"])
            try await RedisServer.with(options) { server in
                try await withClient(server.connectionString) { client in
                    let error = await failure {
                        for number in 0..<100 {
                            try await client.set("k\(number)", [UInt8](repeating: 1, count: 100_000), expiresIn: nil)
                        }
                    }
                    guard case .server(let reply) = error else {
                        Issue.record("\(String(describing: error))")
                        return
                    }
                    #expect(reply.code == "OOM")
                    #expect(error?.description.contains("used memory > 'maxmemory'") == true)
                    #expect(error?.mayHaveBeenExecuted == false)
                }
            }
        }

        @Test func `a value of another type says so`() async throws {
            try await RedisServer.with { server in
                try await withClient(server.connectionString) { client in
                    _ = try await client.send(["RPUSH", "list", "x"])
                    let error = await failure { try await client.get("list") }
                    #expect(error?.description.contains("WRONGTYPE") == true)
                    #expect(error?.isRetryable == false)
                }
            }
        }

        @Test func `a server that has become a replica is told, and asked for anew`() async throws {
            try await RedisServer.with { server in
                try await withClient(server.connectionString + ",allowAdmin=true") { client in
                    let states = client.states()
                    try await client.set("k", [1], expiresIn: nil)
                    _ = await states.first { $0.isConnected }
                    let nobody = try FreePort.find()
                    try server.command("REPLICAOF", "127.0.0.1", "\(nobody)")
                    // That alone drops no connection.
                    #expect(try await client.get("k") == [1])
                    let error = await failure { try await client.set("k", [2], expiresIn: nil) }
                    #expect(error?.description.contains("READONLY") == true)
                    #expect(error?.description.contains("The server is a replica") == true)
                    #expect(error?.isRetryable == true)
                    let renewal = await states.first { $0.failure != nil }
                    #expect(renewal?.failure?.detail.contains("read-only replica") == true)
                    #expect(await states.first { $0.isConnected } != nil)
                    try server.command("REPLICAOF", "NO", "ONE")
                    try await client.set("k", [3], expiresIn: nil)
                }
            }
        }
    }
}
