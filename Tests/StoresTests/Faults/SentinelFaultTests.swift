import RedisClient
import TestEnvironment
import Testing

@testable import Workflows

/// Two replicas at work while a replica of Redis takes over that has not got the latest writes.
@Suite(.timeLimit(.minutes(5))) struct SentinelFaultTests {
    private static let ofA = (0..<25).map { "a-\($0)" }
    private static let ofB = (0..<30).map { "b-\($0)" }
    /// Those of replica `a` that `b` takes over in the middle of `s2`. The failover loses that.
    private static let seized = (0..<5).map { "seized-\($0)" }
    /// Those of replica `b` whose documents the failover loses altogether.
    private static let lost = (0..<4).map { "lost-\($0)" }

    @Test func `what a failover loses is stored again, and no completed step runs again`() async throws {
        try await RedisSentinels.with(password: "hunter2") { sentinels in
            // A replica whose link has been down for more than ten times this is not promoted.
            for sentinel in sentinels.sentinels {
                try sentinel.command("SENTINEL", "SET", sentinels.serviceName, "down-after-milliseconds", "60000")
            }
            let course = Course()
            let work = SharedWork(connectionString: sentinels.connectionString) { await course.wait(after: $0) }
            try await ReplicaDriver.with("a", work) { a in
                try await ReplicaDriver.with("b", work) { b in
                    for id in Self.ofA + Self.seized { a.engine.submit(.effects(id), mode: .begin) }
                    for id in Self.ofB { b.engine.submit(.effects(id), mode: .begin) }
                    try await eventually { work.ledger.effects.count { $0.step == "s1" } == 60 }
                    try await cutReplication(sentinels, after: Self.ofA + Self.ofB + Self.seized)
                    course.isCut.open()
                    for id in Self.lost { b.engine.submit(.effects(id), mode: .begin) }
                    // From here on nothing reaches the replica that is about to be the master.
                    try await eventually { course.stuck(in: work.ledger) == Self.seized.count }
                    for id in Self.seized { b.engine.submit(.effects(id), mode: .recover(knownEpoch: 1)) }
                    try await eventually { work.ledger.effects.count { $0.step == "s3" } == 64 }
                    course.areSeized.open()
                    let superseded = try await a.ends(of: Self.seized)
                    #expect(superseded.values.allSatisfy { $0 == .superseded }, "\(superseded)")
                    // The results of s3 are stored while the failover is under way.
                    async let failover: Void = sentinels.forceFailover()
                    course.hasBegun.open()
                    try await failover
                    // The Sentinels let it go on as a master for some seconds. What it stores meanwhile is lost.
                    try await eventually {
                        (try? sentinels.servers[0].command("ROLE").list.first?.text) == "slave"
                    }
                    course.isOver.open()

                    let ends = try await a.ends(of: Self.ofA).merging(
                        b.ends(of: Self.ofB + Self.seized + Self.lost)
                    ) { $1 }
                    let missing = ends.filter { $0.value == .stateMissing }.keys.sorted()
                    #expect(missing == Self.lost, "what was created within the loss is missed, and nothing else")
                    #expect(ends.values.count { $0 == .finished } == 60)
                    try await check(work, a.client)
                }
            }
        }
    }

    private func check(_ work: SharedWork, _ client: RedisClient) async throws {
        let times = work.ledger.timesByKey
        for id in Self.ofA + Self.ofB + Self.seized {
            let isSeized = Self.seized.contains(id)
            let state = try await client.state(of: id)
            #expect(state.status == .completed)
            #expect(state.epoch == (isSeized ? 2 : 1))
            for step in state.steps {
                // Whoever is seized was interrupted once, and its own result came too late.
                let isInterrupted = isSeized && step.name == "s2"
                #expect(step.execution.interruptions == (isInterrupted ? 1 : 0), "\(step.name) of \(id)")
                #expect(times[step.execution.key ?? ""] == (isInterrupted ? 2 : 1), "\(step.name) of \(id)")
            }
            #expect(work.witness.forks(of: id) > 0, "nothing of \(id) was lost, or it was not noticed")
        }
        for id in Self.lost {
            let effects = work.ledger.effects.filter { $0.process == id }
            #expect(Set(effects.map(\.key)).count == effects.count, "\(id)")
            #expect(try await client.get("honua:process:\(id)") == nil)
        }
    }

    /// Keeps the replica from what is written from now on, once it has all these states as they are.
    private func cutReplication(_ sentinels: RedisSentinels, after ids: [String]) async throws {
        let (master, replica) = (sentinels.servers[0], sentinels.servers[1])
        for id in ids {
            let key = "honua:process:\(id)"
            try await eventually { (try? master.command("GET", key).text == replica.command("GET", key).text) ?? false }
        }
        try replica.command("CONFIG", "SET", "masterauth", "wrong")
        try master.command("CLIENT", "KILL", "TYPE", "replica")
        try await eventually {
            (try? replica.command("INFO", "replication").text.contains("master_link_status:down")) ?? false
        }
    }

    /// Where steps wait: `s1` until replication is cut, `s3` until the failover begins, and `s4` until it is over.
    private struct Course: Sendable {
        let isCut = Gate()
        let areSeized = Gate()
        let hasBegun = Gate()
        let isOver = Gate()

        func wait(after effect: EffectLedger.Effect) async {
            switch effect.step {
            case "s1": await isCut.passed()
            case "s2" where isStuck(effect): await areSeized.passed()
            case "s3": await hasBegun.passed()
            case "s4": await isOver.passed()
            default: break
            }
        }

        func stuck(in ledger: EffectLedger) -> Int {
            ledger.effects.count { $0.step == "s2" && isStuck($0) }
        }

        private func isStuck(_ effect: EffectLedger.Effect) -> Bool {
            effect.replica == "a" && SentinelFaultTests.seized.contains(effect.process)
        }
    }
}
