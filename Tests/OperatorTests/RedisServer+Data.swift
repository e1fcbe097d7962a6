import JSON
import RedisClient
import TestEnvironment

/// What an operator of Redis does by hand.
extension RedisServer {
    private func withClient<Value>(
        _ options: String = "",
        _ body: (RedisClient) async throws -> Value
    ) async throws -> Value {
        let string = try RedisConnectionString(connectionString + options)
        let client = try RedisClient(
            // Bounds a hang.
            configuration: RedisConfiguration(string, connectTimeout: .seconds(60), syncTimeout: .seconds(60))
        )
        let value = try await body(client)
        await client.shutdown()
        return value
    }

    func get(_ key: String) async throws -> [UInt8]? { try await withClient { try await $0.get(key) } }

    func set(_ key: String, _ value: [UInt8]) async throws {
        try await withClient { try await $0.set(key, value, expiresIn: nil) }
    }

    func delete(_ key: String) async throws { try await withClient { _ = try await $0.del(key) } }

    /// In seconds; -1 without one.
    func timeToLive(_ key: String) async throws -> Int64 {
        try await withClient { try await $0.send(["TTL", RedisArgument(key)]).integer ?? -1 }
    }

    /// From now on.
    func recordSlowCommands(over limit: Duration) async throws {
        let microseconds = limit.milliseconds * 1000
        try await withClient(",allowAdmin=true") { client in
            _ = try await client.send(["CONFIG", "SET", "slowlog-log-slower-than", RedisArgument(microseconds)])
            _ = try await client.send(["SLOWLOG", "RESET"])
        }
    }

    /// The names and microseconds of commands that took longer.
    func slowCommands() async throws -> [String] {
        try await withClient { client in
            let reply = try await client.send(["SLOWLOG", "GET", "100"])
            return (reply.array ?? []).map { entry in
                let parts = entry.array ?? []
                let words = parts.count > 3 ? (parts[3].array ?? []).prefix(2).compactMap(\.text) : []
                return "\(words.joined(separator: " ").prefix(80)): \(parts.count > 2 ? parts[2].integer ?? 0 : 0) us"
            }
        }
    }
}
