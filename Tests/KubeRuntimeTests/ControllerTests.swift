import JSON
import KubeClient
import Logging
import Synchronization
import TestEnvironment
import Testing

@testable import KubeRuntime

private struct ConfigMap: KubeResource, Codable {
    static let api = APIResource(version: "v1", kind: "ConfigMap", plural: "configmaps")
    var metadata: ObjectMeta
    var data: [String: String]?
}

/// Against a real API server.
@Suite(.timeLimit(.minutes(10))) struct ControllerTests {
    /// Copies `data.in` to `data.out`; fails on the first attempt for objects named `flaky`.
    private func withController(
        _ cluster: ControlPlane,
        _ body: (ResourceClient<ConfigMap>) async throws -> Void
    ) async throws {
        let namespace = try await cluster.makeNamespace()
        let client = try cluster.client()
        defer { client.shutdown() }
        let configMaps = client.resources(ConfigMap.self, namespace: namespace)
        let controller = Controller(
            ConfigMap.self,
            client: client,
            namespaces: [namespace],
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        )
        let store = controller.store
        let failures = Mutex<Set<String>>(["flaky"])
        let reconcile: @Sendable (ObjectKey) async throws -> Requeue = { key in
            guard let object = store.get(key), let input = object.data?["in"] else { return .awaitChange }
            if failures.withLock({ $0.remove(key.name) }) != nil { throw TestFailure() }
            guard object.data?["out"] != input else { return .awaitChange }
            _ = try await controller.resources(namespace: namespace)
                .patch(key.name, .merge(["data": ["out": .string(input)]]))
            return .awaitChange
        }
        try await running([{ await controller.run(reconcile: reconcile) }]) { try await body(configMaps) }
    }

    private struct TestFailure: Error {}

    private func configMap(_ name: String, _ value: String) -> ConfigMap {
        ConfigMap(metadata: ObjectMeta(name: name), data: ["in": value])
    }

    @Test func `objects are brought in line when they appear and when they change, failures are tried again`()
        async throws
    {
        try await withController(try await ControlPlane.shared) { configMaps in
            _ = try await configMaps.create(configMap("one", "1"))
            _ = try await configMaps.create(configMap("flaky", "f"))
            try await configMaps.wait(for: "one") { $0.data?["out"] == "1" }
            try await configMaps.wait(for: "flaky") { $0.data?["out"] == "f" }
            _ = try await configMaps.patch("one", .merge(["data": ["in": "2"]]))
            try await configMaps.wait(for: "one") { $0.data?["out"] == "2" }
        }
    }

    @Test func `the controller goes on when the API server comes back`() async throws {
        let cluster = try await ControlPlane.start()
        try await withController(cluster) { configMaps in
            _ = try await configMaps.create(configMap("one", "1"))
            try await configMaps.wait(for: "one") { $0.data?["out"] == "1" }
            try await cluster.stopAPIServer()
            try await cluster.startAPIServer()
            _ = try await configMaps.patch("one", .merge(["data": ["in": "2"]]))
            try await configMaps.wait(for: "one") { $0.data?["out"] == "2" }
        }
        await cluster.stop()
    }

    @Test func `equal events are counted, different ones are not`() async throws {
        let cluster = try await ControlPlane.shared
        let namespace = try await cluster.makeNamespace()
        let client = try cluster.client()
        defer { client.shutdown() }
        let object = try await client.resources(ConfigMap.self, namespace: namespace).create(configMap("one", "1"))
        let recorder = EventRecorder(client: client, component: "tests", logger: Logger(label: "test"))
        let running = Task { await recorder.run() }
        for _ in 0..<3 { recorder.record(.normal, "Turned", "it turned", about: object.metadata, of: ConfigMap.api) }
        recorder.record(.warning, "Stuck", "it is stuck", about: object.metadata, of: ConfigMap.api)
        let events = client.resources(APIResource(version: "v1", kind: "Event", plural: "events"), namespace: namespace)
        let version = "0"
        var counts: [String: Int64] = [:]
        for try await event in events.watch(from: version) {
            guard case .added(let event) = event else {
                if case .modified(let event) = event {
                    counts[event.content["reason"]?.string ?? ""] = event.content["count"]?.int
                }
                continue
            }
            counts[event.content["reason"]?.string ?? ""] = event.content["count"]?.int
            #expect(event.content["lastTimestamp"]?.string != nil)
            // A watch that opens late brings what is there already, in no particular order.
            if counts["Stuck"] != nil, counts["Turned"] == 3 { break }
        }
        #expect(counts == ["Turned": 3, "Stuck": 1])
        running.cancel()
        await running.value
    }
}
