import FaultServer
import JSON
import KubeClient
import Synchronization
import TestEnvironment
import Testing

@testable import KubeRuntime

/// What leads to reconciles, against a server that holds things back.
@Suite(.timeLimit(.minutes(4))) struct ControllerSourceTests {
    static let secret = ServedKind(kind: "Secret", plural: "secrets")
    private let server: FaultyAPIServer
    private let client: KubeClient
    private let cache: Cache
    private let journal = Journal()

    init() throws {
        server = try FaultyAPIServer([.configMap, Self.secret])
        client = try server.client()
        cache = Cache(client: client, timing: .quick, logger: .quiet)
    }

    private struct Secret: KubeResource, Codable {
        static let api = APIResource(version: "v1", kind: "Secret", plural: "secrets")
        var metadata: ObjectMeta
        var data: [String: String]?
    }

    private func controller(_ name: String, _ selection: Selection = Selection()) -> Controller<ServedMap> {
        Controller(ServedMap.self, name: name, cache: cache, selection: selection, logger: .quiet)
    }

    /// Notes `name:key` for each reconcile.
    private func run(_ controller: Controller<ServedMap>) -> @Sendable () async -> Void {
        { [journal] in
            await controller.run { key in
                journal.note("\(controller.name):\(key.name)")
                return .awaitChange
            }
        }
    }

    private var runCache: @Sendable () async -> Void { { [cache] in await cache.run() } }

    @Test func `controllers of one kind and selection share one list and one watch`() async throws {
        server.put("a")
        let controllers = [controller("x"), controller("y")]
        try await running([runCache] + controllers.map(run)) {
            await journal.wait { $0.contains("x:a") && $0.contains("y:a") }
            server.put("b")
            await journal.wait { $0.contains("x:b") && $0.contains("y:b") }
        }
        #expect(server.requests.count == 1)
    }

    @Test func `another selection is another list, and what it leaves out is not kept`() async throws {
        server.put("a", labels: ["app": "x"])
        server.put("b")
        server.put("c", namespace: "elsewhere", labels: ["app": "x"])
        let all = controller("all")
        let labelled = controller("labelled", Selection(labelSelector: "app=x"))
        let named = cache.store(ServedMap.self, selection: Selection(fieldSelector: "metadata.name=b"))
        let scoped = cache.store(ServedMap.self, namespaces: ["elsewhere"])
        try await running([runCache, run(all), run(labelled)]) {
            for store in [all.store, labelled.store, named, scoped] { await store.waitUntilSynced() }
            await journal.wait { $0.count == 5 }
            server.put("d")
            await journal.wait(for: "all:d")
            #expect(Set(labelled.store.objects.map(\.metadata.name)) == ["a", "c"])
            #expect(named.objects.map(\.metadata.name) == ["b"])
            #expect(scoped.objects.map(\.metadata.name) == ["c"])
            #expect(all.store.count == 4)
        }
        #expect(server.requests.count == 4)
        #expect(!journal.entries.contains("labelled:b") && !journal.entries.contains("labelled:d"))
    }

    @Test func `a mapping sees both states of a change, so that what is no longer referred to is reconciled too`()
        async throws
    {
        for name in ["old", "new"] { server.put(name) }
        let controller = controller("maps")
        controller.watches(Secret.self) { secret in
            secret.data?["for"].map { [ObjectKey(namespace: secret.metadata.namespace, name: $0)] } ?? []
        }
        try await running([runCache, run(controller)]) {
            await journal.wait { $0.contains("maps:old") && $0.contains("maps:new") }
            server.put(["metadata": ["name": "s", "namespace": "default"], "data": ["for": "old"]], Self.secret)
            await journal.wait(for: "maps:old", times: 2)
            server.put(["metadata": ["name": "s", "namespace": "default"], "data": ["for": "new"]], Self.secret)
            await journal.wait(for: "maps:old", times: 3)
            await journal.wait(for: "maps:new", times: 2)
        }
    }

    @Test func `no key is handed out while a store that bears on it has no first list`() async throws {
        server.put("a")
        let isSecret = RequestPattern { $0.path.hasSuffix("secrets") }
        server.plan(.answer(StatusAnswer(403, "Forbidden", "no")), for: isSecret, times: 1_000_000)
        let controller = controller("maps")
        let secrets = controller.watches(Secret.self) { _ in [] }
        try await running([
            runCache,
            { [journal] in
                await controller.run { key in
                    journal.note(secrets.isSynced ? "ready" : "early")
                    return .awaitChange
                }
            },
        ]) {
            // Listed and refused, so that work has begun.
            await server.await(3, isSecret)
            #expect(controller.status.contains { $0.api == Secret.api && $0.status.failure?.contains("403") == true })
            #expect(!controller.isReady())
            server.heal()
            await journal.wait { !$0.isEmpty }
            #expect(controller.isReady())
        }
        #expect(journal.entries == ["ready"])
    }

    // MARK: Read your own writes

    /// Two controllers that have seen `a`, and a watch that brings nothing any more.
    private func withSilentWatch(
        _ body: (_ writer: Controller<ServedMap>, _ other: Controller<ServedMap>) async throws -> Void
    ) async throws {
        server.put("a", ["v": "1"])
        let (writer, other) = (controller("writer"), controller("other"))
        try await running([runCache, run(writer), run(other)]) {
            await journal.wait { $0.contains("writer:a") && $0.contains("other:a") }
            server.silenceWatches()
            try await body(writer, other)
        }
    }

    @Test func `what is written is in the store at once, and wakes all but who has just reconciled it`() async throws {
        try await withSilentWatch { writer, other in
            let maps = writer.resources(namespace: "default")
            let reconciling = CurrentReconcile(controller: ObjectIdentifier(writer), key: .served("a"))
            try await CurrentReconcile.$current.withValue(reconciling) {
                _ = try await maps.create(ServedMap(metadata: ObjectMeta(name: "b"), data: ["v": "1"]))
                #expect(writer.store.get(.served("b"))?.data == ["v": "1"])
                _ = try await maps.patch("a", .merge(["data": ["v": "2"]]))
                #expect(other.store.get(.served("a"))?.data == ["v": "2"])
                var changed = try #require(writer.store.get(.served("a")))
                changed.data = ["v": "3"]
                _ = try await maps.replace(changed)
                #expect(writer.store.get(.served("a"))?.data == ["v": "3"])
            }
            await journal.wait { $0.contains("other:b") && $0.count { $0 == "other:a" } >= 2 }
            // Had the writer been woken for what it reconciles it would have been before this.
            writer.queue.add(.served("end"), priority: .low)
            await journal.wait(for: "writer:end")
        }
        // It did not reconcile b: somebody has to.
        #expect(journal.entries.filter { $0.hasPrefix("writer") } == ["writer:a", "writer:b", "writer:end"])
    }

    @Test func `a write whose answer shows somebody else's change as well wakes its writer`() async throws {
        try await withSilentWatch { writer, _ in
            let maps = writer.resources(namespace: "default")
            server.put("a", ["v": "theirs"])
            // The watch will bring their change too late: the store is past it by then.
            _ = try await maps.patch("a", .merge(["data": ["mine": "1"]]))
            #expect(writer.store.get(.served("a"))?.data == ["v": "theirs", "mine": "1"])
            await journal.wait(for: "writer:a", times: 2)
            // A patch that changes nothing is answered with whatever is there.
            server.put("a", ["v": "theirs again", "mine": "1"])
            _ = try await maps.patch("a", .merge(["data": ["mine": "1"]]))
            await journal.wait(for: "writer:a", times: 3)
        }
    }

    @Test func `an object that the selection does not hold goes again after it was written`() async throws {
        let labelled = controller("labelled", Selection(labelSelector: "app=x"))
        try await running([runCache, run(labelled)]) {
            await labelled.store.waitUntilSynced()
            await server.awaitOpenWatches()
            let maps = labelled.resources(namespace: "default")
            _ = try await maps.create(ServedMap(metadata: ObjectMeta(name: "in", labels: ["app": "x"])))
            _ = try await maps.create(ServedMap(metadata: ObjectMeta(name: "out")))
            server.put("later", labels: ["app": "x"])
            await journal.wait { $0.contains("labelled:later") && $0.contains("labelled:out") }
            #expect(Set(labelled.store.objects.map(\.metadata.name)) == ["in", "later"])
        }
    }

    // MARK: Status

    @Test func `staleness grows while the watch is silent, a failure is named, and both end with the next word`()
        async throws
    {
        server.put("a")
        let controller = controller("maps")
        try await running([runCache, run(controller)]) {
            await journal.wait(for: "maps:a")
            #expect(controller.isReady())
            #expect(!controller.isReady(maximumStaleness: .zero))
            let early = try #require(controller.status.first?.status.staleness)
            let late = try #require(controller.status.first?.status.staleness)
            #expect(late > early)
            server.plan(.answer(.internalError), for: .watches, times: 2)
            await server.awaitOpenWatches()
            server.endWatches()
            await server.await(3, .watches)
            try await eventually { controller.status.first?.status.failure != nil }
            #expect(controller.status.first?.status.failure?.contains("request timed out") == true)
            #expect(controller.status.first?.status.isSynced == true)
            server.heal()
            server.put("b")
            await journal.wait(for: "maps:b")
            #expect(controller.status.first?.status.failure == nil)
        }
    }

    @Test func `a controller that is let go is told nothing more`() async throws {
        var controller: Controller<ServedMap>? = controller("maps")
        controller?.watches(Secret.self) { _ in [] }
        weak let held = controller
        let queue = try #require(controller).queue
        let store = try #require(controller).store
        controller = nil
        #expect(held == nil)
        try await running([runCache]) {
            server.put("a")
            await store.waitUntilSynced()
            try await eventually { store.count > 0 }
        }
        #expect(queue.depth == 0)
    }
}
