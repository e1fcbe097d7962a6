import RedisClient
import Stores
import TestEnvironment
import Testing
import Workflows

/// What whoever keeps house finds and mends.
@Suite(.timeLimit(.minutes(4))) struct StateSweepTests {
    private func state(_ id: String, _ status: String, parent: String? = nil) -> [UInt8] {
        let parent = parent.map { #","parent":"\#($0)""# } ?? ""
        return Array(
            (#"{"schemaVersion":2,"processId":"\#(id)","namespace":"gis","name":"n-\#(id)","epoch":1,"version":1,"#
                + #""status":"\#(status)","definition":{"name":"d","steps":[{"name":"a","action":"echo"}]},"steps":[]\#(parent)}"#)
                .utf8
        )
    }

    @Test func `states without a time to live get one, and unfinished ones without a resource are told`() async throws {
        try await RedisServer.with { redis in
            let client = try RedisClient(
                configuration: RedisConfiguration(RedisConnectionString(redis.connectionString))
            )
            let states: [(String, [UInt8])] = [
                ("known", state("known", "Running")), ("orphan", state("orphan", "Running")),
                ("over", state("over", "Completed")), ("child", state("child", "Running", parent: "known")),
                ("broken", Array("{".utf8)),
            ]
            for (id, bytes) in states {
                try await client.set("honua:process:\(id)", bytes, expiresIn: id == "orphan" ? nil : .seconds(100))
            }
            try await client.set("honua:process-lock:x:y", [1], expiresIn: nil)
            let sweep = StateSweep(client: client, keyspace: RedisKeyspace(), timeToLive: .seconds(500))
            let findings = try await sweep.run { $0 == "known" }
            #expect(findings.states == 5)
            #expect(findings.unlimited == ["orphan"])
            #expect(findings.orphans == [StateSweep.Orphan(id: "orphan", namespace: "gis", name: "n-orphan")])
            let left = try await client.send(["TTL", "honua:process:orphan"]).integer ?? 0
            #expect((400...500).contains(left))
            #expect(
                try await client.send(["TTL", "honua:process-lock:x:y"]).integer == -1,
                "nobody else's key is touched"
            )
            await client.shutdown()
        }
    }
}
