import Foundation
import JSON
import KubeClient
import Logging
import TestEnvironment
import Testing

@testable import KubeRuntime

/// Processes that compete for a lease of 3 s, renew deadline 2 s, retry period 0.5 s, at a real API server. Whoever leads
/// writes as fast as it can.
///
/// What is claimed of fenced writes holds always. Of writes that only the gate holds back it is claimed that at most the
/// one that was past the gate when its process was stopped comes late.
@Suite(.serialized, .timeLimit(.minutes(10))) struct LeaderProcessTests {
    private struct Candidates: Sendable {
        let processes: [String: ChildProcess]
        let leases: ResourceClient<Lease>
        let objects: ResourceClient<DynamicObject>

        /// Waits until another than `earlier` leads and has written both objects.
        func leader(after earlier: String? = nil) async throws -> (name: String, process: ChildProcess) {
            let lease = try await leases.wait(for: "leader") { lease in
                lease.spec.holder.map { $0 != earlier } ?? false
            }
            let name = try #require(lease.spec.holder)
            for object in ["fenced", "gated"] {
                try await objects.wait(for: object) { object in
                    let writer = object.content[path: "data", "writer"]?.string
                    return writer != nil && writer != earlier
                }
            }
            return (name, try #require(processes[name]))
        }

        /// Whether a process leads, by what it has said last.
        static func leads(_ process: ChildProcess) -> Bool {
            let words = ["leads under", "ended: "]
            let last = process.lines.last { line in words.contains { line.contains($0) } }
            return last?.contains(words[0]) == true
        }

        /// How often one of them has begun to lead.
        var terms: Int { processes.values.flatMap(\.lines).count { $0.contains("leads under") } }

        /// Waits until both objects were written under such an epoch.
        func waitForEpoch(atLeast epoch: Int) async throws {
            for object in ["fenced", "gated"] {
                try await objects.wait(for: object) { $0.epoch >= epoch }
            }
        }
    }

    /// Runs three candidates and returns the history of what they wrote.
    private func history(
        _ cluster: ControlPlane,
        _ body: (Candidates) async throws -> Void
    ) async throws -> LeaderHistory {
        let namespace = try await cluster.makeNamespace()
        let client = try cluster.client()
        defer { client.shutdown() }
        let configMaps = APIResource(version: "v1", kind: "ConfigMap", plural: "configmaps")
        let objects = client.resources(configMaps, namespace: namespace)
        for name in ["fenced", "gated"] {
            _ = try await objects.create(try DynamicObject(json: ["metadata": ["name": .string(name)]]))
        }
        let version = try await objects.list().resourceVersion
        let following = Task { try await LeaderHistory.follow(client, namespace, from: version) }
        var processes: [String: ChildProcess] = [:]
        for name in ["a", "b", "c"] {
            processes[name] = try ChildProcess(
                Project.program("LeaseCandidate"),
                [cluster.kubeconfig, namespace, name]
            )
        }
        let leases = client.resources(Lease.self, namespace: namespace)
        do {
            for process in processes.values { try await process.line(containing: "ready") }
            try await body(Candidates(processes: processes, leases: leases, objects: objects))
        } catch {
            following.cancel()
            for process in processes.values { process.signal(SIGKILL) }
            for (name, process) in processes { print("\(name):\n" + process.lines.suffix(20).joined(separator: "\n")) }
            throw error
        }
        for process in processes.values { process.signal(SIGTERM) }
        for process in processes.values {
            #expect([0, 128 + SIGKILL].contains(await process.waitForEnd()), "\(process.lines.suffix(40))")
        }
        _ = try await objects.create(try DynamicObject(json: ["metadata": ["name": "end"]]))
        return try await following.value
    }

    /// - Parameters:
    ///   - changes: how often the epoch changed at least.
    ///   - lateWrites: how many writes of one epoch, held back by the gate alone, may be late.
    private func expectOrder(_ history: LeaderHistory, changes: Int, lateWrites: Int = 0) {
        for object in ["fenced", "gated"] {
            #expect(history.epochs(of: object).count > changes, "\(history.epochs(of: object))")
        }
        #expect(history.lateWrites(to: "fenced") == [])
        for (epoch, writes) in Dictionary(grouping: history.lateWrites(to: "gated"), by: \.epoch) {
            #expect(writes.count <= lateWrites, "of epoch \(epoch)")
        }
        #expect(history.sharedEpochs == [])
    }

    @Test func `a leader that is killed is replaced`() async throws {
        let history = try await history(try await ControlPlane.shared) { candidates in
            let first = try await candidates.leader()
            first.process.signal(SIGKILL)
            _ = try await candidates.leader(after: first.name)
        }
        expectOrder(history, changes: 1)
    }

    @Test
    func
        `a leader stopped for longer than its lease writes, once awake, at most what was past the gate; fenced, nothing`()
        async throws
    {
        let history = try await history(try await ControlPlane.shared) { candidates in
            var stops = 0
            while stops < 3 {
                let stopped = try await candidates.leader()
                stopped.process.signal(SIGSTOP)
                guard Candidates.leads(stopped.process) else {
                    // It had lost the lease just before, because nobody gave it time to renew.
                    stopped.process.signal(SIGCONT)
                    continue
                }
                stops += 1
                let lines = stopped.process.lines.count
                _ = try await candidates.leader(after: stopped.name)
                stopped.process.signal(SIGCONT)
                // It has noticed, its writers have returned, and it is a candidate again.
                try await stopped.process.line(containing: "ended: ", from: lines)
            }
        }
        expectOrder(history, changes: 3, lateWrites: 1)
    }

    @Test func `a leader that is asked to end gives its lease back, and another takes it`() async throws {
        let history = try await history(try await ControlPlane.shared) { candidates in
            var leader = try await candidates.leader()
            leader.process.signal(SIGTERM)
            #expect(await leader.process.waitForEnd() == 0)
            if leader.process.lines.contains(where: { $0.contains("ended: lost") }) {
                // On a machine that stood still for seconds it had no lease any more that it could have given back.
                leader = try await candidates.leader(after: leader.name)
                leader.process.signal(SIGTERM)
                #expect(await leader.process.waitForEnd() == 0)
            }
            #expect(leader.process.lines.contains { $0.contains("ended: released") }, "\(leader.process.lines)")
            _ = try await candidates.leader(after: leader.name)
        }
        expectOrder(history, changes: 1)
    }

    @Test func `a lease deleted by hand is made anew, under a greater epoch`() async throws {
        let history = try await history(try await ControlPlane.shared) { candidates in
            let first = try await candidates.leader()
            for process in candidates.processes.values {
                try await process.line(containing: "leader=\(first.name)")
            }
            let before = try await candidates.leases.get("leader")
            let epoch = try await candidates.objects.get("fenced").epoch
            let deletion = ContinuousClock.now
            try await candidates.leases.delete("leader")
            let after = try await candidates.leases.wait(for: "leader") { $0.metadata.uid != before.metadata.uid }
            // The others have seen it hold the lease, and wait as long as that lasts.
            #expect(after.spec.holder == first.name || deletion.duration(to: .now) > .seconds(2))
            try await candidates.waitForEpoch(atLeast: epoch + 1)
        }
        expectOrder(history, changes: 1)
    }

    @Test func `a leader gives up while the API server is away, nobody else leads then, and afterwards one does`()
        async throws
    {
        let cluster = try await ControlPlane.start()
        let history = try await history(cluster) { candidates in
            _ = try await candidates.leader()
            let epoch = try await candidates.objects.get("fenced").epoch
            try await cluster.stopAPIServer()
            let terms = candidates.terms
            try await eventually { candidates.processes.values.allSatisfy { !Candidates.leads($0) } }
            #expect(candidates.terms == terms)
            try await cluster.startAPIServer()
            try await candidates.waitForEpoch(atLeast: epoch + 1)
        }
        expectOrder(history, changes: 1)
        await cluster.stop()
    }
}

extension DynamicObject {
    /// Under which its data was written.
    fileprivate var epoch: Int { content[path: "data", "epoch"]?.string.flatMap { Int($0) } ?? 0 }
}
