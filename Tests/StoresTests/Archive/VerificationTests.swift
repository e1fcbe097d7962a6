import JSON
import RedisClient
import Stores
import TestEnvironment
import Testing

@testable import Workflows

@Suite(.timeLimit(.minutes(4))) struct VerificationTests {
    private func findings(_ redis: RedisDriver) async throws -> [StateVerification.Finding] {
        try await StateVerification.server(redis.client, RedisKeyspace()).findings
    }

    @Test func `sound states have no faults, and everything is counted`() async throws {
        try await RedisDriver.with { redis in
            try await redis.run("p")
            let report = try await StateVerification.server(redis.client, RedisKeyspace())
            #expect(report.findings == [])
            #expect(report.counts == [.state: 1, .part: 2])
            #expect(report.json["counts"]?["state"] == 1)
            #expect(report.json["findings"] == [])
        }
    }

    @Test func `each fault of a state is found at its key`() async throws {
        try await RedisDriver.with { redis in
            for id in ["broken", "endless", "partless", "changed"] { try await redis.run(id) }
            try await redis.send("SET", "honua:process:broken", "{", "EX", "100")
            try await redis.send("PERSIST", "honua:process:endless")
            try await redis.send("LPUSH", "honua:process:list", "x")
            try await redis.send("EXPIRE", "honua:process:list", "100")
            let parts = try await redis.keys().filter { $0.hasPrefix("honua:process-part:") }
            let lost = try #require(parts.first { $0.contains(":partless:") })
            let changed = try #require(parts.first { $0.contains(":changed:") })
            try await redis.send("DEL", lost)
            try await redis.send("SET", changed, "1", "EX", "100")

            let faults = try await findings(redis).filter(\.isFault)
            var messages: [String: String] = [:]
            for fault in faults { messages[fault.key] = fault.message }
            #expect(
                Set(messages.keys) == [
                    "honua:process:broken", "honua:process:endless", "honua:process:list", "honua:process:partless",
                    "honua:process:changed", changed,
                ]
            )
            #expect(messages["honua:process:broken"]?.contains("Invalid state") == true)
            #expect(messages["honua:process:endless"] == "has no time to live")
            #expect(messages["honua:process:list"] == "holds a list, expected a string")
            #expect(messages["honua:process:partless"]?.contains("gone from the store") == true)
            #expect(messages["honua:process:changed"]?.contains("was changed") == true)
        }
    }

    @Test func `a part that no state refers to is worth a note, and no fault`() async throws {
        try await RedisDriver.with { redis in
            let bytes = Array(#""left over""#.utf8)
            let key = "honua:process-part:gone:\(Digest.sha256(bytes))"
            try await redis.client.set(key, bytes, expiresIn: .seconds(100))
            let report = try await StateVerification.server(redis.client, RedisKeyspace())
            #expect(report.findings.map(\.key) == [key])
            #expect(!report.hasFaults)
        }
    }
}
