import CRDs
import Foundation
import JSON
import KubeClient
import TestEnvironment
import Testing
import Workflows

/// What survives the death of the operator, of Redis and of the API server.
@Suite(.timeLimit(.minutes(10))) struct DurabilityTests {
    /// How often steps 2 and 3 reach their services when the operator dies at a point of step 3: twice if the effect had
    /// happened and its result was not recorded. The result of step 2 and the start of step 3 are one commit, so dying
    /// before that commit leaves step 2 unknown.
    private static let effects: [FailPoint: (step2: Int, step3: Int)] = [
        .beforeStarted: (2, 1), .afterStarted: (1, 1), .afterEffect: (1, 2), .beforeCompleted: (1, 2),
        .afterCompleted: (1, 1),
    ]

    @Test(arguments: effects.keys.sorted { $0.rawValue < $1.rawValue })
    func `an operator killed at a point loses nothing and repeats only what nobody can know`(
        point: FailPoint
    ) async throws {
        try await RedisServer.with { redis in
            try await EffectServer.with { server in
                try await OperatorFixture.with { fixture in
                    let first = try await fixture.start(
                        redis: redis.connectionString,
                        failPoint: "\(point.rawValue):step3"
                    )
                    try await fixture.create("five", OperatorFixture.fiveEffects(on: server))
                    #expect(await first.child.waitForEnd() == 128 + SIGKILL)
                    #expect(server.keys(of: "step4").isEmpty)
                    try await fixture.withOperator(redis: redis.connectionString) { _ async throws in
                        let process = try await fixture.waitForEnd("five")
                        #expect(process.condition("Ready") == .true)
                        #expect(process.status?.state?.epoch == 2)
                        for step in ["step1", "step4", "step5"] {
                            #expect(server.keys(of: step).count == 1, "\(step)")
                        }
                        #expect(server.keys(of: "step2").count == Self.effects[point]?.step2)
                        #expect(server.keys(of: "step3").count == Self.effects[point]?.step3)
                        #expect(Set(server.effects.map(\.key)).count == 5)
                    }
                }
            }
        }
    }

    /// Where an operator dies that undoes what was done: the point, the execution, and what is called twice for it.
    private static let deaths: [(FailPoint, String, twice: Set<String>)] = [
        // The failure of c is part of the commit before which it dies.
        (.beforeStarted, "b/compensate", ["c"]), (.afterStarted, "b/compensate", []),
        (.afterEffect, "b/compensate", ["undo-b"]), (.beforeCompleted, "b/compensate", ["undo-b"]),
        (.afterCompleted, "b/compensate", []), (.afterLock, "b", []), (.afterPart, "large", []),
        // It dies while the lock is being given back and c is called.
        (.beforeRelease, "b", ["c?"]), (.beforeStarted, "last", ["undo-a"]), (.afterEffect, "last", ["last"]),
    ]

    @Test(arguments: deaths)
    func `an operator killed between locks, parts, undoing and final steps leaves nothing out and nothing locked`(
        point: FailPoint,
        execution: String,
        twice: Set<String>
    ) async throws {
        try await RedisServer.with { redis in
            try await EffectServer.with { server in
                server.answer("c", with: [400, 400])
                try await OperatorFixture.with { fixture in
                    let first = try await fixture.start(
                        redis: redis.connectionString,
                        failPoint: "\(point.rawValue):\(execution)"
                    )
                    try await fixture.create("undo", OperatorFixture.undoneEffects(on: server))
                    #expect(await first.child.waitForEnd() == 128 + SIGKILL)
                    try await fixture.withOperator(redis: redis.connectionString) { _ async throws in
                        let process = try await fixture.waitForEnd("undo")
                        #expect(process.reason() == "RolledBack", "\(process.message() ?? "")")
                        let order = server.effects.map(\.name).reduce(into: [String]()) {
                            if !$0.contains($1) { $0.append($1) }
                        }
                        #expect(order == ["a", "b", "c", "undo-b", "undo-a", "last"])
                        for name in order where !twice.contains("\(name)?") {
                            #expect(server.keys(of: name).count == (twice.contains(name) ? 2 : 1), "\(name)")
                        }
                        #expect(Set(server.effects.map(\.key)).count == 6)
                        try await fixture.create(
                            "next",
                            [
                                "steps": [
                                    [
                                        "name": "s", "action": "echo", "with": ["message": 1],
                                        "locks": [["name": "database"]],
                                    ]
                                ]
                            ]
                        )
                        let next = try await fixture.waitForEnd("next")
                        #expect(next.condition("Ready") == .true)
                    }
                }
            }
        }
    }

    @Test func `a Redis that is away for ten seconds holds processes, and loses and repeats nothing`() async throws {
        try await RedisServer.with(RedisServer.Options(arguments: ["--appendonly", "yes", "--appendfsync", "always"])) {
            redis in
            try await EffectServer.with { server in
                try await OperatorFixture.with { fixture in
                    try await fixture.withOperator(redis: redis.connectionString) { operatorProcess in
                        server.hold("step3")
                        try await fixture.create("five", OperatorFixture.fiveEffects(on: server))
                        await server.received("step3")
                        let outage = ContinuousClock.now
                        await redis.stop()
                        server.release("step3")
                        // The step's result cannot be stored, and the resource says why.
                        let held = try await fixture.processes.wait(for: "five") {
                            $0.message()?.contains("Redis connection failed") == true
                        }
                        #expect(held.condition("Ready") == .unknown)
                        #expect(conditionLaws(held) == [])
                        try await ContinuousClock().sleep(until: outage + .seconds(10))
                        #expect(server.keys(of: "step4").isEmpty)
                        try await redis.start()
                        #expect(try await fixture.waitForEnd("five").condition("Ready") == .true)
                        #expect(server.effects.map(\.name) == ["step1", "step2", "step3", "step4", "step5"])
                        try await operatorProcess.child.line(containing: "the state store answers again")
                    }
                }
            }
        }
    }

    @Test func `an API server that is away for ten seconds stops no step, and the status catches up`() async throws {
        try await RedisServer.with { redis in
            try await EffectServer.with { server in
                try await OperatorFixture.with(ownCluster: true) { fixture in
                    try await fixture.withOperator(redis: redis.connectionString) { _ async throws in
                        server.hold("step3")
                        try await fixture.create("five", OperatorFixture.fiveEffects(on: server))
                        await server.received("step3")
                        let outage = ContinuousClock.now
                        try await fixture.cluster.stopAPIServer()
                        server.release("step3")
                        await server.received("step5")
                        try await ContinuousClock().sleep(until: outage + .seconds(10))
                        try await fixture.cluster.startAPIServer()
                        #expect(try await fixture.waitForEnd("five").condition("Ready") == .true)
                        #expect(server.effects.map(\.name) == ["step1", "step2", "step3", "step4", "step5"])
                    }
                }
            }
        }
    }

    @Test func `a graceful stop in the middle of a step ends with status 0, and the next operator goes on`()
        async throws
    {
        try await RedisServer.with { redis in
            try await EffectServer.with { server in
                try await OperatorFixture.with { fixture in
                    let first = try await fixture.start(redis: redis.connectionString)
                    server.hold("step3")
                    try await fixture.create("five", OperatorFixture.fiveEffects(on: server))
                    await server.received("step3")
                    #expect(await first.terminate() == 0)
                    server.release("step3")
                    try await fixture.withOperator(redis: redis.connectionString) { _ async throws in
                        #expect(try await fixture.waitForEnd("five").condition("Ready") == .true)
                        #expect(server.keys(of: "step1").count == 1)
                        #expect(server.keys(of: "step3").count == 2)
                        #expect(Set(server.effects.map(\.key)).count == 5)
                    }
                }
            }
        }
    }

    @Test func `a process whose state is gone waits for recovery and goes on when it is back`() async throws {
        try await RedisServer.with { redis in
            try await EffectServer.with { server in
                try await OperatorFixture.with { fixture in
                    server.hold("step2")
                    let first = try await fixture.start(redis: redis.connectionString)
                    let created = try await fixture.create("five", OperatorFixture.fiveEffects(on: server))
                    await server.received("step2")
                    try await fixture.processes.wait(for: "five") { $0.status?.state != nil }
                    await first.kill()
                    server.release("step2")
                    let key = "honua:process:\(created.metadata.uid)"
                    let document = try #require(try await redis.get(key))
                    try await redis.delete(key)
                    try await fixture.withOperator(redis: redis.connectionString) { _ async throws in
                        let waiting = try await fixture.processes.wait(for: "five") {
                            $0.reason("Reconciling") == "WaitingForRecovery"
                        }
                        #expect(conditionLaws(waiting) == [])
                        #expect(server.keys(of: "step1").count == 1)
                        try await redis.set(key, document)
                        #expect(try await fixture.waitForEnd("five").condition("Ready") == .true)
                        #expect(server.keys(of: "step1").count == 1)
                    }
                }
            }
        }
    }

    @Test func `state in Redis is one JSON document with a time to live, gone with the resource`() async throws {
        try await RedisServer.with { redis in
            try await OperatorFixture.with { fixture in
                try await fixture.withOperator(redis: redis.connectionString) { _ async throws in
                    let created = try await fixture.create("test", ["processType": "Test", "input": ["a": 1]])
                    try await fixture.waitForEnd("test")
                    let key = "honua:process:\(created.metadata.uid)"
                    let state = try JSONValue(parsing: try #require(try await redis.get(key)))
                    #expect(state["status"] == "Completed")
                    #expect(state["processId"]?.string == created.metadata.uid)
                    #expect(state["input"] == ["a": 1])
                    #expect(state["schemaVersion"] == 2)
                    let timeToLive = try await redis.timeToLive(key)
                    #expect((1...86400).contains(timeToLive), "\(timeToLive) s")
                    try await fixture.processes.delete("test")
                    try await fixture.processes.waitUntilGone("test")
                    #expect(try await redis.get(key) == nil)
                }
            }
        }
    }

    @Test func `a Redis that has lost everything is filled from an archive, and processes go on where they were`()
        async throws
    {
        try await RedisServer.with { redis in
            try await EffectServer.with { server in
                try await OperatorFixture.with { fixture in
                    try await fixture.withOperator(redis: redis.connectionString) { _ in
                        server.hold("step3")
                        try await fixture.create("five", OperatorFixture.fiveEffects(on: server))
                        await server.received("step3")
                        let archive = FileManager.default.temporaryDirectory.appending(
                            path: "\(UUID().uuidString).jsonl"
                        ).path
                        defer { try? FileManager.default.removeItem(atPath: archive) }
                        let access = ["--redis", redis.connectionString]
                        _ = try Command.run([Project.honua.path, "state", "export", "--output", archive] + access)
                        try await redis.removeEverything()
                        server.release("step3")
                        try await fixture.processes.wait(for: "five") {
                            $0.reason("Reconciling") == "WaitingForRecovery"
                        }
                        _ = try Command.run([Project.honua.path, "state", "import", archive] + access)
                        let process = try await fixture.waitForEnd("five")
                        #expect(process.condition("Ready") == .true, "\(process.message() ?? "")")
                        for step in ["step1", "step2", "step4", "step5"] {
                            #expect(server.keys(of: step).count == 1, "\(step)")
                        }
                        #expect(Set(server.keys(of: "step3")).count == 1, "the step at work is asked for under its key")
                        _ = try Command.run([Project.honua.path, "state", "verify"] + access)
                    }
                }
            }
        }
    }
}
