import Foundation
import JSON
import RedisClient
import Stores
import Synchronization
import TestEnvironment
import Testing

@testable import Workflows

/// What an archive is for: processes go on from it.
@Suite(.timeLimit(.minutes(4))) struct RecoveryFromArchiveTests {
    /// Counts its calls by step, and stops at step b until it may go on.
    private final class Gate: Action {
        let name = "large"
        let about = "For tests."
        let isIdempotent = true
        var inputSchema: JSONSchema { .anyObject }
        let calls = Mutex<[String]>([])
        let isOpen = Mutex(false)

        func perform(_ inputs: JSONValue, _ context: StepContext) async throws -> JSONValue {
            calls.withLock { $0.append(context.step) }
            guard context.step == "b", !isOpen.withLock({ $0 }) else {
                return .string("\(context.step) " + String(repeating: "x", count: 9_000))
            }
            // Until the engine is stopped, which cancels it.
            try await Task.sleep(for: .seconds(3600))
            return .null
        }
    }

    /// Runs the process until the condition holds, as one operator does that is stopped then.
    private func operate(
        _ redis: RedisDriver,
        _ action: Gate,
        _ mode: RunMode,
        until condition: (RunSnapshot) -> Bool
    ) async throws -> RunSnapshot? {
        var configuration = EngineConfiguration()
        configuration.announcesTakeovers = false
        let (changes, tick) = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))
        let engine = ProcessEngine(
            store: redis.store,
            actions: ActionCatalog([action]),
            configuration: configuration,
            logger: .silent,
            onChange: { _ in tick.yield() }
        )
        let running = Task { await engine.run() }
        var reached: RunSnapshot?
        engine.submit(.large("p"), mode: mode)
        for await _ in changes {
            guard let run = engine.snapshot(of: "p"), condition(run) else { continue }
            reached = run
            break
        }
        running.cancel()
        await running.value
        return reached
    }

    @Test func `a process goes on from an imported state, and what was done is not done again`() async throws {
        try await RedisDriver.with { redis in
            try await withTemporaryDirectory { directory in
                let action = Gate()
                _ = try await operate(redis, action, .begin) { $0.state?.completedSteps == 1 }
                let path = directory.appendingPathComponent("state").path
                _ = try await StateExport(client: redis.client, keyspace: RedisKeyspace()).run(to: path)
                try await redis.send("FLUSHALL")
                let lost = try await operate(redis, action, .recover(knownEpoch: 1)) { run in
                    if case .ended = run.activity { true } else { false }
                }
                #expect(lost?.activity == .ended(.stateMissing))

                let importer = StateImport(
                    client: redis.client,
                    keyspace: RedisKeyspace(),
                    defaultTimeToLive: .seconds(604_800)
                )
                #expect(try await importer.run(from: path).isComplete)
                action.isOpen.withLock { $0 = true }
                let end = try await operate(redis, action, .recover(knownEpoch: 1)) { run in
                    if case .ended = run.activity { true } else { false }
                }
                #expect(end?.state?.status == .completed)
                #expect(end?.state?.steps.allSatisfy { $0.status == .completed } == true)
                let firstCalls = action.calls.withLock { calls in calls.count { $0 == "a" } }
                #expect(firstCalls == 1)
            }
        }
    }

    private final class End: Sendable {
        let hasCome = Atomic(false)
    }

    /// Some processes begin while others end, and their states are removed all the time.
    private static func churn(_ redis: RedisDriver) async throws {
        try await withThrowingTaskGroup { group in
            for number in 0..<40 {
                group.addTask {
                    for _ in 0..<5 {
                        try await redis.run("p\(number)")
                        try await redis.send("DEL", "honua:process:p\(number)")
                    }
                }
            }
            try await group.waitForAll()
        }
    }

    @Test func `an export while processes run holds everything that its states refer to`() async throws {
        try await RedisDriver.with { redis in
            try await RedisDriver.with { copy in
                try await withTemporaryDirectory { directory in
                    let end = End()
                    try await withThrowingTaskGroup { group in
                        group.addTask {
                            try await Self.churn(redis)
                            end.hasCome.store(true, ordering: .relaxed)
                        }
                        var isLast = false
                        var states = 0
                        while !isLast {
                            isLast = end.hasCome.load(ordering: .relaxed)
                            let path = directory.appendingPathComponent("state").path
                            let report = try await StateExport(client: redis.client, keyspace: RedisKeyspace())
                                .run(to: path)
                            #expect(report.warnings == [])
                            #expect(StateVerification.archive(path).findings == [])
                            states += report.counts[.state] ?? 0
                            try await copy.send("FLUSHALL")
                            let importer = StateImport(
                                client: copy.client,
                                keyspace: RedisKeyspace(),
                                defaultTimeToLive: .seconds(604_800)
                            )
                            #expect(try await importer.run(from: path).isComplete)
                            #expect(try await StateVerification.server(copy.client, RedisKeyspace()).findings == [])
                        }
                        #expect(states > 0)
                        try await group.waitForAll()
                    }
                }
            }
        }
    }

    @Test func `what is exported from a cluster can be imported into one server, and the other way round`() async throws
    {
        try await RedisCluster.with { cluster in
            try await RedisDriver.with { single in
                try await withTemporaryDirectory { directory in
                    let client = try RedisDriver.client(cluster.connectionString)
                    let clustered = RedisDriver(server: cluster.masters[0], client: client)
                    for id in ["p", "q", "r"] { try await clustered.run(id) }
                    let path = directory.appendingPathComponent("state").path
                    let keyspace = RedisKeyspace()
                    let report = try await StateExport(client: client, keyspace: keyspace).run(to: path)
                    #expect(report.counts == [.state: 3, .part: 6])
                    let values = try await clustered.values()
                    let week = Duration.seconds(604_800)
                    let there = StateImport(client: single.client, keyspace: keyspace, defaultTimeToLive: week)
                    #expect(try await there.run(from: path).isComplete)
                    #expect(try await single.values() == values)

                    for key in values.keys { try await clustered.send("DEL", key) }
                    let back = StateImport(client: client, keyspace: keyspace, defaultTimeToLive: week)
                    #expect(try await back.run(from: path).restored == [.state: 3, .part: 6])
                    #expect(try await clustered.values() == values)
                    #expect(try await StateVerification.server(client, keyspace).findings == [])
                    await client.shutdown()
                }
            }
        }
    }
}
