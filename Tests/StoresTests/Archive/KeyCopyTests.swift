import JSON
import RedisClient
import Stores
import TestEnvironment
import Testing

@testable import Workflows

@Suite(.timeLimit(.minutes(4))) struct KeyCopyTests {
    private let week = Duration.seconds(7 * 86400)

    private func copy(_ source: RedisDriver, _ target: RedisDriver, replaces: Bool = false) -> KeyCopy {
        KeyCopy(
            from: source.client,
            to: target.client,
            keyspace: RedisKeyspace(),
            defaultTimeToLive: week,
            replaces: replaces
        )
    }

    private func withServers(
        _ body: (_ backup: RedisDriver, _ production: RedisDriver) async throws -> Void
    )
        async throws
    {
        try await RedisDriver.with { backup in
            try await RedisDriver.with { production in try await body(backup, production) }
        }
    }

    @Test func `a state comes from another server with its parts, each with value and time to live`() async throws {
        try await withServers { backup, production async throws in
            for id in ["p", "q"] { try await backup.run(id) }
            let report = try await copy(backup, production).run(["honua:process:p"])
            #expect(report.isComplete)
            #expect(report.copied.count == 3)
            #expect(report.copied.last == "honua:process:p", "the state comes after its parts")
            let copied = try await production.values()
            let wanted = try await backup.values().filter { !$0.key.contains(":q") }
            #expect(copied == wanted)
            for key in copied.keys {
                let (one, other) = (try await backup.timeToLive(key), try await production.timeToLive(key))
                #expect(other > 0 && abs(one - other) < 120_000)
            }
            #expect(try await !StateVerification.server(production.client, RedisKeyspace()).hasFaults)
        }
    }

    @Test func `patterns choose keys, and any bytes are copied as they are`() async throws {
        try await withServers { backup, production async throws in
            let bytes = [UInt8](0...255)
            for key in ["honua:process:a1", "honua:process:a2", "honua:process:b1"] {
                try await backup.client.set(key, bytes, expiresIn: nil)
            }
            let report = try await copy(backup, production).run(["honua:process:a*"])
            #expect(report.copied.sorted() == ["honua:process:a1", "honua:process:a2"])
            #expect(try await production.client.get("honua:process:a2") == bytes)
            let left = try await production.timeToLive("honua:process:a1")
            #expect(left > 6 * 86_400_000, "a key without a time to live gets one")
        }
    }

    @Test func `what is there is kept unless it is to be replaced, and what is not there is told`() async throws {
        try await withServers { backup, production async throws in
            try await backup.client.set("honua:process:a", [1], expiresIn: .seconds(100))
            try await production.client.set("honua:process:a", [2], expiresIn: .seconds(100))
            let kept = try await copy(backup, production).run(["honua:process:a", "honua:process:b", "x*"])
            #expect(kept.kept.count == 3)
            #expect(try await production.client.get("honua:process:a") == [2])
            #expect(try await copy(backup, production, replaces: true).run(["honua:process:a"]).isComplete)
            #expect(try await production.client.get("honua:process:a") == [1])
        }
    }
}
