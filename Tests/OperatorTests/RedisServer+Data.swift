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

    func removeEverything() async throws {
        try await withClient(",allowAdmin=true") { _ = try await $0.send(["FLUSHALL"]) }
    }

    /// In seconds; -1 without one.
    func timeToLive(_ key: String) async throws -> Int64 {
        try await withClient { try await $0.send(["TTL", RedisArgument(key)]).integer ?? -1 }
    }

    /// The bytes of the largest value there is.
    func largestValue() async throws -> Int64 {
        try await withClient(",allowAdmin=true") { client in
            var largest: Int64 = 0
            for key in (try await client.send(["KEYS", "*"]).array ?? []).compactMap(\.bytes) {
                // The history of all processes is no string.
                guard try await client.send(["TYPE", RedisArgument(key)]).text == "string" else { continue }
                largest = max(largest, try await client.send(["STRLEN", RedisArgument(key)]).integer ?? 0)
            }
            return largest
        }
    }
}
