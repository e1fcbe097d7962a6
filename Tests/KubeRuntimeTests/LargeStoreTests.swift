import JSON
import KubeClient
import KubeRuntime
import Synchronization
import TestEnvironment
import Testing

/// Ten thousand objects of 2 kB on a real API server.
@Suite(.timeLimit(.minutes(10))) struct LargeStoreTests {
    private static let count = 10_000
    private static let changes = 1000

    /// Runs `body` for each number, 16 at once.
    private func each(_ count: Int, _ body: @escaping @Sendable (Int) async throws -> Void) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for first in 0..<16 {
                group.addTask {
                    for index in stride(from: first, to: count, by: 16) { try await body(index) }
                }
            }
            try await group.waitForAll()
        }
    }

    @Test func `ten thousand objects are listed and watched, and each of a thousand changes is seen`() async throws {
        let cluster = try await ControlPlane.start()
        let client = try cluster.client()
        defer { client.shutdown() }
        let maps = client.resources(ServedMap.self, namespace: "default")
        let filler = String(repeating: "x", count: 2000)
        let clock = ContinuousClock()
        let creating = try await clock.measure {
            try await each(Self.count) { index in
                _ = try await maps.create(ServedMap(metadata: ObjectMeta(name: "m\(index)"), data: ["x": filler]))
            }
        }
        let cache = Cache(client: client, logger: .quiet)
        let seen = Mutex<Set<String>>([])
        let (all, allSeen) = AsyncStream<Void>.makeStream()
        try await running([{ await cache.run() }]) {
            let store = cache.store(ServedMap.self, namespaces: ["default"])
            let listing = await clock.measure { await store.waitUntilSynced() }
            #expect(store.count == Self.count)
            #expect(store.objects.allSatisfy { $0.data?["x"] == filler })
            let subscription = store.subscribe { change in
                guard case .updated(_, let new) = change, new.data?["changed"] == "yes" else { return }
                let isComplete = seen.withLock { seen in
                    seen.insert(new.metadata.name)
                    return seen.count == Self.changes
                }
                if isComplete { allSeen.finish() }
            }
            let changing = try await clock.measure {
                try await each(Self.changes) { index in
                    _ = try await maps.patch("m\(index * 10)", .merge(["data": ["changed": "yes"]]))
                }
                for await _ in all {}
            }
            store.unsubscribe(subscription)
            #expect(store.count == Self.count)
            print(
                "\(Self.count) objects: created in \(creating), listed in \(listing), \(Self.changes) changes seen in \(changing)"
            )
        }
        await cluster.stop()
    }
}
