import FaultServer
import JSON
import KubeClient
import KubeRuntime
import Synchronization
import TestEnvironment
import Testing

/// Against a real API server.
@Suite(.timeLimit(.minutes(4))) struct FinalizerTests {
    private let finalizer = Finalizer("example.dev/tests")

    private struct Failure: Error {}

    /// Notes what the reconcile function of a finalizer does, with the finalizers it sees.
    private func withController(
        cleanUp: @escaping @Sendable (ServedMap) async throws -> Void = { _ in },
        _ body: (ResourceClient<ServedMap>, Journal) async throws -> Void
    ) async throws {
        let cluster = try await ControlPlane.shared
        let namespace = try await cluster.makeNamespace()
        let client = try cluster.client()
        defer { client.shutdown() }
        let controller = Controller(ServedMap.self, client: client, namespaces: [namespace], logger: .quiet)
        let journal = Journal()
        let finalizer = finalizer
        try await running([
            {
                await controller.run { key in
                    guard let map = controller.store.get(key) else {
                        journal.note("gone")
                        return .awaitChange
                    }
                    return try await finalizer.reconcile(map, in: controller.resources(namespace: key.namespace)) {
                        journal.note("apply \($0.metadata.finalizers ?? [])")
                        return .awaitChange
                    } cleanUp: {
                        journal.note("clean up")
                        try await cleanUp($0)
                    }
                }
            }
        ]) {
            await controller.store.waitUntilSynced()
            try await body(client.resources(ServedMap.self, namespace: namespace), journal)
        }
    }

    @Test func `it is there before anything is done, and goes when all is cleaned up`() async throws {
        let failures = Mutex(2)
        try await withController { _ in
            let fails = failures.withLock { count in
                count -= 1
                return count >= 0
            }
            if fails { throw Failure() }
        } _: { maps, journal in
            _ = try await maps.create(ServedMap(metadata: ObjectMeta(name: "a")))
            await journal.wait(for: #"apply ["example.dev/tests"]"#)
            try await maps.delete("a")
            await journal.wait(for: "gone")
            #expect(journal.count("clean up") == 3)
            let entries = journal.entries
            #expect(entries.first == #"apply ["example.dev/tests"]"#)
            let firstCleanUp = entries.firstIndex(of: "clean up") ?? 0
            #expect(!entries[firstCleanUp...].contains { $0.hasPrefix("apply") })
        }
    }

    @Test func `finalizers of others are kept, and hold the object`() async throws {
        try await withController { maps, journal in
            var metadata = ObjectMeta(name: "a")
            metadata.finalizers = ["example.dev/other"]
            _ = try await maps.create(ServedMap(metadata: metadata))
            await journal.wait(for: #"apply ["example.dev/other", "example.dev/tests"]"#)
            try await maps.delete("a")
            try await maps.wait(for: "a") { $0.metadata.finalizers == ["example.dev/other"] }
            #expect(journal.count("clean up") == 1)
            _ = try await maps.patch("a", .merge(["metadata": ["finalizers": .null]]))
            await journal.wait(for: "gone")
        }
    }

    @Test func `a change between the look and the write is a conflict, which is tried again`() async throws {
        let server = try FaultyAPIServer()
        let client = try server.client()
        server.put("a")
        let hold = Hold()
        server.plan(.hold(hold), for: .method("PATCH"))
        let controller = Controller(ServedMap.self, client: client, logger: .quiet)
        let journal = Journal()
        let finalizer = finalizer
        try await running([
            {
                await controller.run { key in
                    guard let map = controller.store.get(key) else { return .awaitChange }
                    return try await finalizer.reconcile(map, in: controller.resources(namespace: "default")) {
                        journal.note("apply \($0.data?["v"] ?? "")")
                        return .awaitChange
                    } cleanUp: { _ in
                    }
                }
            }
        ]) {
            await server.await(1, .method("PATCH"))
            server.put([
                "metadata": ["name": "a", "namespace": "default", "finalizers": ["other"]], "data": ["v": "2"],
            ])
            hold.releaseAll()
            await journal.wait { !$0.isEmpty }
        }
        #expect(Set(journal.entries) == ["apply 2"])
        #expect(server.count(.method("PATCH")) == 2)
        #expect(server.objects().first?[path: "metadata", "finalizers"] == ["other", "example.dev/tests"])
    }

    @Test func `an object that never had it, or has it no more, needs nothing`() async throws {
        let server = try FaultyAPIServer()
        let client = try server.client()
        let maps = client.resources(ServedMap.self, namespace: "default")
        server.put("a")
        try await finalizer.remove(from: ObjectMeta(name: "a"), in: maps)
        #expect(server.requests.isEmpty)
        var metadata = ObjectMeta(name: "missing", namespace: "default")
        metadata.finalizers = [finalizer.name]
        try await finalizer.remove(from: metadata, in: maps)
    }
}
