import RedisClient
import TestEnvironment
import Testing

@testable import Stores

@Suite(.timeLimit(.minutes(2))) struct KeyRestoreTests {
    @Test func `a key that somebody writes meanwhile is looked at again before it is replaced`() async throws {
        try await RedisDriver.with { redis in
            try await redis.send("SET", "k", "archived")
            let dump = try #require(try await redis.client.image(of: "k")).dump
            try await redis.send("SET", "k", "first")
            let restore = KeyRestore(
                client: redis.client,
                defaultTimeToLive: .seconds(100),
                replaces: true,
                isDryRun: false
            )
            var seen: [String] = []
            let outcome = try await restore.restore("k", dump, milliseconds: 5_000) { image in
                seen.append(String(decoding: image.value ?? [], as: UTF8.self))
                // Between the look and the replacement.
                if seen.count == 1 { _ = try? redis.server.command("SET", "k", "second") }
                return seen.count == 1 ? nil : "it is \(seen[1]) now"
            }
            #expect(seen == ["first", "second"])
            #expect(outcome == .kept("it is second now"))
            #expect(try await redis.client.get("k") == Array("second".utf8))
        }
    }
}
