import RedisClient
import Synchronization
import TestEnvironment
import Testing

@testable import Workflows

/// Two replicas at work on a cluster of three while its slots move about.
@Suite(.timeLimit(.minutes(5))) struct ClusterFaultTests {
    /// Those of replica `a` that `b` takes over in the middle of `s2`.
    private static let seized = (0..<10).map { "seized-\($0)" }
    private static let ofA = (0..<20).map { "a-\($0)" }
    private static let ofB = (0..<30).map { "b-\($0)" }

    @Test func `while slots move, each effect happens once, and nothing of a former owner is stored`() async throws {
        try await RedisCluster.with { cluster in
            let course = Course()
            let work = SharedWork(connectionString: cluster.connectionString) { await course.wait(after: $0) }
            try await ReplicaDriver.with("a", work) { a in
                try await ReplicaDriver.with("b", work) { b in
                    for id in Self.ofA + Self.seized { a.engine.submit(.effects(id), mode: .begin) }
                    for id in Self.ofB { b.engine.submit(.effects(id), mode: .begin) }
                    try await withThrowingTaskGroup(of: Void.self) { group in
                        defer { course.end() }
                        group.addTask { try await course.moveSlots(of: cluster) }
                        try await eventually { course.stuck.count == Self.seized.count }
                        for id in Self.seized { b.engine.submit(.effects(id), mode: .recover(knownEpoch: 1)) }
                        let ofB = try await b.ends(of: Self.ofB + Self.seized)
                        #expect(ofB.values.allSatisfy { $0 == .finished }, "\(ofB)")
                        // What the former owner has under way comes to its end only now.
                        course.areSeized.open()
                        let ofA = try await a.ends(of: Self.ofA + Self.seized)
                        for (id, end) in ofA {
                            #expect(end == (Self.seized.contains(id) ? .superseded : .finished), "\(id)")
                        }
                        course.end()
                        try await group.waitForAll()
                    }
                    try await check(work, a.client)
                }
            }
            let errors = cluster.masters.map { (try? $0.command("INFO", "errorstats").text) ?? "" }
            #expect(
                errors.contains { $0.contains("errorstat_MOVED") || $0.contains("errorstat_ASK") },
                "no replica has met a slot that moves or has moved"
            )
        }
    }

    /// Has steps end while slots move: the n-th of each process waits for n moves.
    private final class Course: Sendable {
        private let moves = (0..<5).map { _ in Gate() }
        let areSeized = Gate()
        private let isOver = Atomic(false)
        private let waiting = Mutex<Set<String>>([])

        /// The processes that wait to be seized.
        var stuck: Set<String> { waiting.withLock { $0 } }

        func end() { isOver.store(true, ordering: .relaxed) }

        func wait(after effect: EffectLedger.Effect) async {
            if effect.replica == "a", effect.step == "s2", ClusterFaultTests.seized.contains(effect.process) {
                waiting.withLock { _ = $0.insert(effect.process) }
                await areSeized.passed()
            } else if let number = Int(effect.step.dropFirst()) {
                await moves[number].passed()
            }
        }

        /// Each third of the slots goes around, until all is over.
        func moveSlots(of cluster: RedisCluster) async throws {
            let slots = try ClusterFaultTests.slots(of: cluster)
            var done = 0
            while done < moves.count || !isOver.load(ordering: .relaxed) {
                let third = done % 3
                try await cluster.moveSlots(
                    slots.filter { cluster.firstOwner(ofSlot: $0) === cluster.masters[third] },
                    from: cluster.masters[(third + done / 3) % 3],
                    to: cluster.masters[(third + done / 3 + 1) % 3]
                )
                if done < moves.count { moves[done].open() }
                done += 1
            }
        }
    }

    private func check(_ work: SharedWork, _ client: RedisClient) async throws {
        let times = work.ledger.timesByKey
        #expect(times.count == 60 * 5)
        for id in Self.ofA + Self.ofB + Self.seized {
            let isSeized = Self.seized.contains(id)
            let state = try await client.state(of: id)
            #expect(state.status == .completed)
            #expect(state.epoch == (isSeized ? 2 : 1))
            for step in state.steps {
                let isInterrupted = isSeized && step.name == "s2"
                #expect(step.execution.interruptions == (isInterrupted ? 1 : 0), "\(step.name) of \(id)")
                #expect(times[step.execution.key ?? ""] == (isInterrupted ? 2 : 1), "\(step.name) of \(id)")
            }
            // One line from the first commit to the last, on which a former owner has nothing after a later one.
            let chain = work.witness.chain(of: id)
            #expect(work.witness.forks(of: id) == 0, "\(id)")
            #expect(chain.count == work.witness.commits(of: id).count, "\(id)")
            #expect(chain.map(\.epoch) == chain.map(\.epoch).sorted(), "\(id)")
            #expect(chain.filter { $0.epoch == 2 }.allSatisfy { $0.replica == "b" }, "\(id)")
            let stored = try await client.get("honua:process:\(id)").map { StoredDocument($0).digest }
            #expect(chain.last?.digest == stored, "\(id)")
        }
        let late = work.ledger.effects.filter {
            $0.replica == "a" && Self.seized.contains($0.process) && $0.step > "s2"
        }
        #expect(late.isEmpty, "a former owner goes on")
    }

    /// Of all that the replicas write: states, heartbeats, and the list of replicas.
    private static func slots(of cluster: RedisCluster) throws -> Set<Int> {
        var keys = (ofA + ofB + seized).map { "honua:process:\($0)" }
        keys += ["a", "b"].map { "honua:process-replica:default:\($0)" } + ["honua:process-replicas:default"]
        return try Set(keys.map { try cluster.slot(of: $0) })
    }
}
