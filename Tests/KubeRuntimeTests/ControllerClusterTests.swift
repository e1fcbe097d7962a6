import JSON
import KubeClient
import KubeRuntime
import Synchronization
import TestEnvironment
import Testing

/// Against a real API server.
@Suite(.timeLimit(.minutes(4))) struct ControllerClusterTests {
    private struct Secret: KubeResource, Codable {
        static let api = APIResource(version: "v1", kind: "Secret", plural: "secrets")
        var metadata: ObjectMeta
        var data: [String: String]?
    }

    private static let roles = APIResource(
        group: "rbac.authorization.k8s.io",
        version: "v1",
        kind: "Role",
        plural: "roles"
    )
    private static let bindings = APIResource(
        group: "rbac.authorization.k8s.io",
        version: "v1",
        kind: "RoleBinding",
        plural: "rolebindings"
    )

    @Test func `what an object owns is made again when somebody deletes or changes it`() async throws {
        let cluster = try await ControlPlane.shared
        let namespace = try await cluster.makeNamespace()
        let client = try cluster.client()
        defer { client.shutdown() }
        let cache = Cache(client: client, logger: .quiet)
        let controller = Controller(ServedMap.self, cache: cache, namespaces: [namespace], logger: .quiet)
        let secrets = controller.owns(Secret.self)
        let children = client.resources(Secret.self, namespace: namespace)
            .observingWrites { object, _ in secrets.record(object) }
        let maps = client.resources(ServedMap.self, namespace: namespace)
        try await running([
            { await cache.run() },
            {
                await controller.run { key in
                    guard let parent = controller.store.get(key), parent.data?["v"] != nil else { return .awaitChange }
                    var child = Secret(
                        metadata: ObjectMeta(name: key.name, namespace: key.namespace),
                        data: ["k": "djE="]
                    )
                    child.metadata.ownerReferences = [OwnerReference(to: parent.metadata, of: ServedMap.api)]
                    guard let existing = secrets.get(key) else {
                        _ = try await children.create(child)
                        return .awaitChange
                    }
                    if existing.data != child.data { _ = try await children.replace(child) }
                    return .awaitChange
                }
            },
        ]) {
            _ = try await maps.create(ServedMap(metadata: ObjectMeta(name: "a"), data: ["v": "1"]))
            let uid = try await children.wait(for: "a") { _ in true }.metadata.uid
            try await children.delete("a")
            try await children.wait(for: "a") { $0.metadata.uid != uid }
            _ = try await children.patch("a", .merge(["data": ["k": "djI="]]))
            try await children.wait(for: "a") { $0.data == ["k": "djE="] }
            // Where the controller looks, and nowhere else.
            #expect(cache.status.map(\.status.scope) == [namespace, namespace])
        }
    }

    @Test func `a namespace that may not be read holds up its own keys and no others`() async throws {
        let cluster = try await ControlPlane.shared
        let (open, closed) = (try await cluster.makeNamespace(), try await cluster.makeNamespace())
        let admin = try cluster.client()
        let nobody = try cluster.client(context: "nobody")
        defer {
            admin.shutdown()
            nobody.shutdown()
        }
        try await allow(open, admin)
        for namespace in [open, closed] {
            _ = try await admin.resources(ServedMap.self, namespace: namespace)
                .create(ServedMap(metadata: ObjectMeta(name: "a")))
        }
        let cache = Cache(client: nobody, timing: .quick, logger: .quiet)
        let controller = Controller(ServedMap.self, cache: cache, namespaces: [open, closed], logger: .quiet)
        let journal = Journal()
        try await running([
            { await cache.run() },
            {
                await controller.run { key in
                    journal.note("\(key)")
                    return .awaitChange
                }
            },
        ]) {
            controller.queue.add(ObjectKey(namespace: closed, name: "a"))
            await journal.wait(for: "\(open)/a")
            #expect(!controller.store.isSynced)
            let failure = controller.status.first { $0.status.scope == closed }?.status.failure
            #expect(failure?.contains("403") == true)
            #expect(journal.entries == ["\(open)/a"])
            try await allow(closed, admin)
            await journal.wait(for: "\(closed)/a")
            #expect(controller.store.isSynced)
        }
    }

    private func allow(_ namespace: String, _ admin: KubeClient) async throws {
        let metadata: JSONValue = ["name": "reader"]
        _ = try await admin.resources(Self.roles, namespace: namespace).create(
            try DynamicObject(json: [
                "metadata": metadata,
                "rules": [["apiGroups": [""], "resources": ["configmaps"], "verbs": ["get", "list", "watch"]]],
            ])
        )
        _ = try await admin.resources(Self.bindings, namespace: namespace).create(
            try DynamicObject(json: [
                "metadata": metadata,
                "roleRef": ["apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "reader"],
                "subjects": [["apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "honua-test"]],
            ])
        )
    }

    @Test func `kinds known at run time, metadata alone, and objects cut down are followed like others`() async throws {
        let cluster = try await ControlPlane.shared
        let namespace = try await cluster.makeNamespace()
        let client = try cluster.client()
        defer { client.shutdown() }
        let cache = Cache(client: client, logger: .quiet)
        let journal = Journal()
        let cut = cache.store(ServedMap.self, namespaces: [namespace]) {
            $0.data = $0.data.map { ["size": "\($0.count)"] }
        }
        let dynamic = Controller(ServedMap.api, name: "dynamic", cache: cache, namespaces: [namespace], logger: .quiet)
        let metadata = Controller(
            metadataOf: ServedMap.api,
            name: "metadata",
            cache: cache,
            namespaces: [namespace],
            logger: .quiet
        )
        metadata.watches(cut, of: ServedMap.api) { [ObjectKey(namespace: namespace, name: "cut-\($0.metadata.name)")] }
        try await running([
            { await cache.run() },
            {
                await dynamic.run { key in
                    journal.note("dynamic \(key.name) \(dynamic.store.get(key)?.content["data"]?["v"]?.string ?? "")")
                    return .awaitChange
                }
            },
            {
                await metadata.run { key in
                    journal.note("metadata \(key.name)")
                    guard metadata.store.get(key)?.metadata.labels == nil, !key.name.hasPrefix("cut") else {
                        return .awaitChange
                    }
                    let maps = metadata.resources(namespace: namespace)
                    _ = try await maps.patch(key.name, .merge(["metadata": ["labels": ["seen": "yes"]]]))
                    return .awaitChange
                }
            },
        ]) {
            _ = try await client.resources(ServedMap.self, namespace: namespace)
                .create(ServedMap(metadata: ObjectMeta(name: "a"), data: ["v": "1"]))
            await journal.wait { entries in
                ["dynamic a 1", "metadata a", "metadata cut-a"].allSatisfy { entries.contains($0) }
            }
            try await client.resources(ServedMap.self, namespace: namespace)
                .wait(for: "a") { $0.metadata.labels == ["seen": "yes"] }
            #expect(cut.get(ObjectKey(namespace: namespace, name: "a"))?.data == ["size": "1"])
        }
    }
}
