import Foundation
import HTTPTransport
import JSON
import KubeClient
import Logging
import TestEnvironment
import Testing

/// Against a real API server.
@Suite(.timeLimit(.minutes(10))) struct KubeClientTests {
    private func withConfigMaps(_ body: (ResourceClient<ConfigMap>) async throws -> Void) async throws {
        let cluster = try await ControlPlane.shared
        let namespace = try await cluster.makeNamespace()
        let client = try cluster.client()
        defer { client.shutdown() }
        try await body(client.resources(ConfigMap.self, namespace: namespace))
    }

    private func configMap(_ name: String, _ data: [String: String] = ["a": "1"]) -> ConfigMap {
        ConfigMap(name, data)
    }

    @Test func `an object is created, read, listed, replaced, patched and deleted`() async throws {
        try await withConfigMaps { configMaps in
            var object = try await configMaps.create(configMap("one"))
            #expect(!object.metadata.uid.isEmpty)
            #expect(try await configMaps.get("one").data == ["a": "1"])
            #expect(try await configMaps.list().items.map(\.metadata.name).contains("one"))
            object.data = ["b": "2"]
            object = try await configMaps.replace(object)
            #expect(object.data == ["b": "2"])
            object = try await configMaps.patch("one", .merge(["data": ["c": "3", "b": .null]]))
            #expect(object.data == ["c": "3"])
            object = try await configMaps.patch("one", .json([["op": "add", "path": "/data/d", "value": "4"]]))
            #expect(object.data == ["c": "3", "d": "4"])
            let wanted: JSONValue = [
                "apiVersion": "v1", "kind": "ConfigMap", "metadata": ["name": "one"], "data": ["e": "5"],
            ]
            object = try await configMaps.patch("one", .apply(wanted, fieldManager: "tests"))
            #expect(object.data == ["c": "3", "d": "4", "e": "5"])
            try await configMaps.delete("one")
            let error = await #expect(throws: KubeError.self) { try await configMaps.get("one") }
            #expect(error?.code == .notFound)
        }
    }

    @Test func `errors say what was attempted on which object and what came back`() async throws {
        try await withConfigMaps { configMaps in
            let stale = try await configMaps.create(configMap("one"))
            _ = try await configMaps.patch("one", .merge(["data": ["x": "y"]]))
            let conflict = await #expect(throws: KubeError.self) { try await configMaps.replace(stale) }
            #expect(conflict?.code == .conflict)
            let exists = await #expect(throws: KubeError.self) { try await configMaps.create(configMap("one")) }
            #expect(exists?.code == .alreadyExists)
            let invalid = await #expect(throws: KubeError.self) { try await configMaps.create(configMap("No Name")) }
            #expect(invalid?.code == .invalid)
            let uid = await #expect(throws: KubeError.self) {
                try await configMaps.delete("one", DeleteOptions(uid: "another"))
            }
            #expect(uid?.code == .conflict)
            let text = exists?.description ?? ""
            #expect(text.hasPrefix("create configmaps \"one\" in namespace \"test-"))
            #expect(text.contains("409 Conflict"))
        }
    }

    @Test func `an account without rights is told which verb it lacks`() async throws {
        let client = try await ControlPlane.shared.client(context: "nobody")
        defer { client.shutdown() }
        let configMaps = client.resources(ConfigMap.self, namespace: "default")
        let error = await #expect(throws: KubeError.self) { try await configMaps.list() }
        #expect(error?.code == .forbidden)
        #expect(error?.description.contains("verb \"list\" on \"configmaps\"") == true)
    }

    @Test func `a copy of a client may be somebody else`() async throws {
        let client = try await ControlPlane.shared.client()
        defer { client.shutdown() }
        let jane = client.impersonating(Impersonation(user: "jane"))
        let error = await #expect(throws: KubeError.self) {
            try await jane.resources(ConfigMap.self, namespace: "default").list()
        }
        #expect(error?.message.contains("User \"jane\" cannot list") == true)
        let master = jane.impersonating(Impersonation(user: "jane", groups: ["system:masters"]))
        _ = try await master.resources(ConfigMap.self, namespace: "default").list()
        _ = try await client.resources(ConfigMap.self, namespace: "default").list()
    }

    @Test func `a kind that is not installed is named`() async throws {
        let client = try await ControlPlane.shared.client()
        defer { client.shutdown() }
        let api = APIResource(group: "example.com", version: "v1", kind: "Nope", plural: "nopes")
        let error = await #expect(throws: KubeError.self) { try await client.resources(api).list() }
        #expect(error?.description.contains("CustomResourceDefinition") == true)
    }

    @Test func `a wrong certificate authority is refused with a hint`() async throws {
        let cluster = try await ControlPlane.shared
        var configuration = try Kubeconfig.load(path: cluster.kubeconfig).configuration()
        configuration.tls.certificateAuthorities = .file("/etc/ssl/certs/ca-certificates.crt")
        let client = try KubeClient(configuration, logger: Logger(label: "test"))
        defer { client.shutdown() }
        let error = await #expect(throws: KubeError.self) { try await client.version() }
        #expect(error?.code == .transport(.tls))
        #expect(error?.description.contains("certificate-authority") == true)
    }

    @Test func `a watch sees every change from its version on`() async throws {
        try await withConfigMaps { configMaps in
            let version = try await configMaps.list().resourceVersion
            _ = try await configMaps.create(configMap("one"))
            _ = try await configMaps.patch("one", .merge(["data": ["a": "2"]]))
            try await configMaps.delete("one")
            var seen: [String] = []
            for try await event in configMaps.watch(from: version) {
                switch event {
                case .added(let object): seen.append("added \(object.data?["a"] ?? "")")
                case .modified(let object): seen.append("modified \(object.data?["a"] ?? "")")
                case .deleted(let object): seen.append("deleted \(object.data?["a"] ?? "")")
                case .bookmark: continue
                }
                if seen.count == 3 { break }
            }
            #expect(seen == ["added 1", "modified 2", "deleted 2"])
        }
    }

    @Test func `a watch from a version that is too old is expired`() async throws {
        let cluster = try await ControlPlane.start()
        let client = try cluster.client()
        defer { client.shutdown() }
        let configMaps = client.resources(ConfigMap.self, namespace: "default")
        let version = try await configMaps.list().resourceVersion
        _ = try await configMaps.create(configMap("one"))
        // A server that has just started knows no event from before.
        try await cluster.stopAPIServer()
        try await cluster.startAPIServer()
        let error = await #expect(throws: KubeError.self) {
            for try await _ in configMaps.watch(from: version) { return }
        }
        #expect(error?.code == .expired)
        await cluster.stop()
    }

    @Test func `cancelling the task ends a watch`() async throws {
        try await withConfigMaps { configMaps in
            let version = try await configMaps.list().resourceVersion
            let (opened, didOpen) = AsyncStream<Void>.makeStream()
            let watching = Task {
                for try await _ in configMaps.watch(from: version) { didOpen.finish() }
            }
            _ = try await configMaps.create(configMap("one"))
            for await _ in opened {}
            watching.cancel()
            await #expect(throws: CancellationError.self) { try await watching.value }
        }
    }

    @Test func `a dynamic object keeps every field`() async throws {
        let cluster = try await ControlPlane.shared
        let namespace = try await cluster.makeNamespace()
        let client = try cluster.client()
        defer { client.shutdown() }
        let secrets = client.resources(
            APIResource(version: "v1", kind: "Secret", plural: "secrets"),
            namespace: namespace
        )
        let secret: JSONValue = ["metadata": ["name": "s"], "stringData": ["k": "v"], "type": "Opaque"]
        let created = try await secrets.create(try DynamicObject(json: secret))
        #expect(created.content[path: "data", "k"] == "dg==")
        #expect(created.content[path: "metadata", "managedFields"] == nil)
    }
}
