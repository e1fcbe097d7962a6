import FaultServer
import JSON
import KubeClient
import Synchronization
import TestEnvironment
import Testing

@testable import KubeRuntime

/// The order in which a group ends, as the server sees it.
@Suite(.timeLimit(.minutes(4))) struct ControllerGroupTests {
    private static let leases = ServedKind(group: "coordination.k8s.io", kind: "Lease", plural: "leases")
    private static let events = ServedKind(kind: "Event", plural: "events")
    private let server: FaultyAPIServer
    private let client: KubeClient
    private let journal = Journal()

    init() throws {
        server = try FaultyAPIServer([.configMap, Self.leases, Self.events])
        client = try server.client()
    }

    private var elector: LeaderElector {
        get throws {
            LeaderElector(
                client: try server.client(),
                lease: ObjectKey(namespace: "default", name: "lease"),
                identity: "me",
                timing: try ElectionTiming(
                    leaseDuration: .seconds(60),
                    renewDeadline: .seconds(50),
                    retryPeriod: .milliseconds(100)
                ),
                logger: .quiet
            )
        }
    }

    /// A group of one controller whose reconcile waits for the gate, then writes.
    private func group(
        _ elector: LeaderElector? = nil,
        until gate: ElectionSignal,
        drainLimit: Duration = .seconds(30)
    ) -> ControllerGroup {
        let guarded = elector.map { client.guarded(by: $0) } ?? client
        let cache = Cache(client: guarded, timing: .quick, logger: .quiet)
        let recorder = EventRecorder(client: guarded, component: "tests", logger: .quiet)
        let group = ControllerGroup(
            cache: cache,
            recorder: recorder,
            elector: elector,
            drainLimit: drainLimit,
            logger: .quiet
        )
        let controller = Controller(ServedMap.self, cache: cache, logger: .quiet)
        _ = controller.store.subscribe { [journal] change in
            if change.object.metadata.name == "late" { journal.note("late is seen") }
        }
        group.add(controller) { [journal] key in
            journal.note("began")
            await gate.wait()
            if Task.isCancelled { journal.note("cancelled") }
            let written = try await controller.resources(namespace: key.namespace)
                .patch(key.name, .merge(["data": ["out": "1"]]))
            recorder.record(.normal, "Written", "it is", about: written.metadata, of: ServedMap.api)
            return .awaitChange
        }
        return group
    }

    private var holder: String? {
        server.objects(Self.leases).first?[path: "spec", "holderIdentity"]?.string.flatMap { $0.isEmpty ? nil : $0 }
    }

    private static let isRelease = RequestPattern { request in
        request.method == "PUT" && request.path.contains("leases")
            && request.document?[path: "spec", "holderIdentity"]?.string.map(\.isEmpty) ?? true
    }

    /// Returns when the cache has learned of a change, which it does only while its watch is open.
    private func awaitOpenCache() async {
        server.put("late")
        await journal.wait(for: "late is seen")
    }

    @Test func `the end goes from the controllers over the events and the lease to the cache`() async throws {
        server.put("a")
        let (elector, gate, hold) = (try elector, ElectionSignal(), Hold())
        server.plan(.hold(hold), for: Self.isRelease)
        let group = group(elector, until: gate)
        let run = Task { try await group.run() }
        await journal.wait(for: "began")
        group.stop()
        group.stop()
        #expect(holder == "me")
        gate.happen()
        await server.await(1, Self.isRelease)
        await awaitOpenCache()
        hold.release()
        #expect(try await run.value == .released)
        #expect(holder == nil)
        await server.awaitOpenWatches(0)
        let writes = server.requests.filter { $0.method != "GET" }
        let patch = try #require(writes.firstIndex { $0.method == "PATCH" && $0.path.contains("configmaps") })
        let event = try #require(writes.firstIndex { $0.path.hasSuffix("events") })
        let release = try #require(writes.lastIndex { $0.path.contains("leases") && $0.method == "PUT" })
        #expect(patch < event && event < release)
        #expect(release == writes.count - 1)
    }

    @Test func `without an election the end goes from the controllers over the events to the cache`() async throws {
        server.put("a")
        let (gate, hold) = (ElectionSignal(), Hold())
        let isEvent = RequestPattern { $0.path.hasSuffix("events") }
        server.plan(.hold(hold), for: isEvent)
        let group = group(until: gate)
        let run = Task { try await group.run() }
        await journal.wait(for: "began")
        group.stop()
        gate.happen()
        await server.await(1, isEvent)
        await awaitOpenCache()
        hold.release()
        #expect(try await run.value == nil)
        await server.awaitOpenWatches(0)
        #expect(server.requests.map(\.method).filter { $0 != "GET" } == ["PATCH", "POST"])
        #expect(server.objects(Self.events).count == 1)
        #expect(!journal.entries.contains("cancelled"))
    }

    @Test(arguments: [true, false])
    func `stopped before it runs, it returns without work, whether or not the lease was had for a moment`(
        isElected: Bool
    ) async throws {
        server.put("a")
        let elector = isElected ? try elector : nil
        let group = group(elector, until: ElectionSignal())
        group.stop()
        let ending = try await group.run()
        #expect(isElected ? ending == .neverLed || ending == .released : ending == nil)
        #expect(holder == nil)
        #expect(journal.entries.isEmpty)
        #expect(server.requests.allSatisfy { $0.method == "GET" || $0.path.contains("leases") })
    }

    @Test func `stopped while another leads, it returns at once and has written nothing`() async throws {
        server.put("a")
        let first = try elector
        let other = LeaderElector(
            client: try server.client(),
            lease: first.lease,
            identity: "other",
            timing: first.timing,
            logger: .quiet
        )
        let gate = ElectionSignal()
        let leading = Task { try await other.run { _ in await gate.wait() } }
        try await eventually { other.isLeader }
        let group = group(first, until: ElectionSignal())
        let run = Task { try await group.run() }
        await server.awaitOpenWatches()
        try await eventually { first.leader == "other" }
        group.stop()
        #expect(try await run.value == .neverLed)
        // The cache was filled, so that it could have begun at once; nothing was written.
        #expect(server.requests.allSatisfy { $0.method == "GET" || $0.path.contains("leases") })
        #expect(journal.entries.isEmpty)
        gate.happen()
        #expect(try await leading.value == .released)
    }

    @Test(arguments: [true, false]) func `what does not drain in time is cancelled`(isElected: Bool) async throws {
        server.put("a")
        let elector = isElected ? try elector : nil
        // Never opens; cancellation ends the wait.
        let group = group(elector, until: ElectionSignal(), drainLimit: .milliseconds(50))
        let run = Task { try await group.run() }
        await journal.wait(for: "began")
        group.stop()
        #expect(try await run.value == (isElected ? .released : nil))
        #expect(journal.entries == ["began", "cancelled"])
        #expect(holder == nil)
    }

    @Test func `cancelled, it cancels and ends`() async throws {
        server.put("a")
        let elector = try elector
        let group = group(elector, until: ElectionSignal())
        let run = Task { try await group.run() }
        await journal.wait(for: "began")
        run.cancel()
        #expect(try await run.value == .released)
        #expect(journal.entries == ["began", "cancelled"])
    }

    @Test func `the loss of leadership ends it, and nothing is written any more`() async throws {
        server.put("a")
        let group = group(try elector, until: ElectionSignal())
        let run = Task { try await group.run() }
        await journal.wait(for: "began")
        var lease = try #require(server.objects(Self.leases).first)
        lease["spec"]?["holderIdentity"] = "thief"
        server.put(lease, Self.leases)
        guard case .lost = try await run.value else {
            Issue.record("not lost")
            return
        }
        #expect(journal.entries == ["began", "cancelled"])
        #expect(server.count(.method("PATCH")) == 0)
        #expect(holder == "thief")
    }
}
