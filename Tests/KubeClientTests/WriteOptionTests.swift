import FaultServer
import HTTPTransport
import JSON
import TestEnvironment
import Testing

@testable import KubeClient

@Suite(.timeLimit(.minutes(4))) struct WriteOptionTests {
    /// Against a real API server.
    private func withConfigMaps(_ body: (ResourceClient<ConfigMap>) async throws -> Void) async throws {
        let cluster = try await ControlPlane.shared
        let client = try cluster.client()
        defer { client.shutdown() }
        try await body(client.resources(ConfigMap.self, namespace: try await cluster.makeNamespace()))
    }

    private func names(_ configMaps: ResourceClient<ConfigMap>) async throws -> [String] {
        // Some clusters put one of their own into each namespace.
        try await configMaps.list().items.map(\.metadata.name).filter { $0 != "kube-root-ca.crt" }
    }

    @Test func `a dry run answers as if, stores nothing, and is no write for those who observe them`() async throws {
        try await withConfigMaps { plain in
            let written = Names()
            let configMaps = plain.observingWrites { object, _ in written.append(object.metadata.name) }
            let dry = WriteOptions(isDryRun: true)
            #expect(try await configMaps.create(ConfigMap("dry"), dry).metadata.uid.isEmpty == false)
            #expect(try await names(configMaps) == [])
            var object = try await configMaps.create(ConfigMap("a", ["k": "v"]))
            object.data = ["k": "other"]
            #expect(try await configMaps.replace(object, dry).data == ["k": "other"])
            #expect(try await configMaps.patch("a", .merge(["data": ["k": "third"]]), dry).data == ["k": "third"])
            try await configMaps.delete("a", DeleteOptions(isDryRun: true))
            try await configMaps.deleteAll(Selection(), DeleteOptions(isDryRun: true))
            #expect(try await configMaps.get("a").data == ["k": "v"])
            #expect(written.all == ["a"])
        }
    }

    @Test func `the field manager is recorded with what it wrote`() async throws {
        try await withConfigMaps { configMaps in
            // Servers before 1.22 keep no book on objects that nobody has applied.
            let applied: JSONValue = [
                "apiVersion": "v1", "kind": "ConfigMap", "metadata": ["name": "a"], "data": ["own": "1"],
            ]
            _ = try await configMaps.patch("a", .apply(applied, fieldManager: "applier"))
            _ = try await configMaps.patch("a", .merge(["data": ["k": "v"]]), WriteOptions(fieldManager: "patcher"))
            _ = try await configMaps.patch("a", .merge(["data": ["l": "w"]]))
            let operation = configMaps.operation("get", "a")
            let document = try await configMaps.client.send(
                operation,
                method: .get,
                path: configMaps.path(operation, "a"),
                skipping: []
            )
            let managers = document[path: "metadata", "managedFields"]?.array?.compactMap { $0["manager"]?.string }
            #expect(
                Set(managers ?? []).isSuperset(of: ["applier", "patcher", ClusterConfiguration(server: "").userAgent])
            )
        }
    }

    @Test func `options go into the query of every write`() async throws {
        let server = try FaultyAPIServer()
        let client = try server.client()
        defer { client.shutdown() }
        let options = WriteOptions(isDryRun: true, fieldManager: "a b", fieldValidation: .strict)
        _ = try await client.configMaps.create(ConfigMap("a"), options)
        _ = try await client.configMaps.replace(ConfigMap("a"), options)
        _ = try await client.configMaps.patch("a", .merge([:]), options)
        _ = try? await client.configMaps.patch("a", .apply([:], fieldManager: "own", force: true), options)
        let expected = ["dryRun": "All", "fieldManager": "a b", "fieldValidation": "Strict"]
        let queries = server.requests.map(\.query)
        #expect(queries.prefix(3) == [expected, expected, expected])
        #expect(queries[3] == expected.merging(["fieldManager": "own", "force": "true"]) { $1 })
    }

    @Test func `a deletion with preconditions spares what does not meet them`() async throws {
        try await withConfigMaps { configMaps in
            let object = try await configMaps.create(ConfigMap("a"))
            let version = object.metadata.resourceVersion
            _ = try await configMaps.patch("a", .merge(["data": ["k": "v"]]))
            for options in [DeleteOptions(uid: "another"), DeleteOptions(resourceVersion: version)] {
                let error = await #expect(throws: KubeError.self) { try await configMaps.delete("a", options) }
                #expect(error?.code == .conflict)
            }
            #expect(try await names(configMaps) == ["a"])
            try await configMaps.delete("a", DeleteOptions(uid: object.metadata.uid))
            #expect(try await names(configMaps) == [])
        }
    }

    @Test func `what becomes of the owned is for the deletion to say`() async throws {
        try await withConfigMaps { configMaps in
            for (policy, finalizer) in [(PropagationPolicy.foreground, "foregroundDeletion"), (.orphan, "orphan")] {
                _ = try await configMaps.create(ConfigMap("a"))
                try await configMaps.delete("a", DeleteOptions(propagation: policy))
                // Nobody is there to take it away.
                let object = try await configMaps.get("a")
                #expect(object.metadata.finalizers == [finalizer])
                #expect(object.metadata.deletionTimestamp != nil)
                _ = try await configMaps.patch("a", .merge(["metadata": ["finalizers": .null]]))
            }
            _ = try await configMaps.create(ConfigMap("a"))
            try await configMaps.delete("a", DeleteOptions(propagation: .background))
            #expect(try await names(configMaps) == [])
        }
    }

    @Test func `all of a selection are deleted, and no others`() async throws {
        try await withConfigMaps { configMaps in
            for name in ["a", "b", "c"] {
                _ = try await configMaps.create(ConfigMap(name, labels: ["which": name == "c" ? "stays" : "goes"]))
            }
            try await configMaps.deleteAll(Selection(labelSelector: "which=goes"))
            #expect(try await names(configMaps) == ["c"])
        }
    }

    @Test func `times are whole seconds, rounded up`() throws {
        func seconds(_ period: Duration) throws -> JSONValue? {
            try JSONValue(parsing: DeleteOptions(gracePeriod: period).body)["gracePeriodSeconds"]
        }
        #expect(try seconds(.zero) == 0)
        #expect(try seconds(.milliseconds(1)) == 1)
        #expect(try seconds(.seconds(30)) == 30)
    }
}
