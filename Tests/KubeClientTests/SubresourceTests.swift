import JSON
import TestEnvironment
import Testing

@testable import KubeClient

/// Parts of objects with endpoints of their own, against a real API server.
@Suite(.timeLimit(.minutes(4))) struct SubresourceTests {
    private func withClient(_ body: (KubeClient, _ namespace: String) async throws -> Void) async throws {
        let cluster = try await ControlPlane.shared
        let client = try cluster.client()
        defer { client.shutdown() }
        try await body(client, try await cluster.makeNamespace())
    }

    @Test func `status is written by itself, and nothing else with it`() async throws {
        try await withClient { client, namespace in
            let resources = client.resources(deployments, namespace: namespace)
            _ = try await resources.create(deployment("web"))
            let change: JSONValue = ["status": ["replicas": 1], "spec": ["replicas": 9]]
            let patched = try await resources.patch("web", .merge(change), subresource: .status)
            #expect(patched.content[path: "status", "replicas"] == 1)
            #expect(patched.content[path: "spec", "replicas"] == 2)
            let replaced = try await resources.modify("web", subresource: .status) { object in
                object.content["status"] = ["replicas": 2]
                object.content["spec"]?["replicas"] = 9
            }
            #expect(replaced.content[path: "status", "replicas"] == 2)
            #expect(replaced.content[path: "spec", "replicas"] == 2)
            #expect(try await resources.get("web", subresource: .status).content == replaced.content)
        }
    }

    @Test func `a deployment is scaled`() async throws {
        try await withClient { client, namespace in
            let resources = client.resources(deployments, namespace: namespace)
            _ = try await resources.create(deployment("web"))
            #expect(try await resources.scale("web") == Scale(replicas: 2, observedReplicas: 0, selector: "app=web"))
            #expect(try await resources.scale("web", to: 0).replicas == 0)
            #expect(try await resources.get("web").content[path: "spec", "replicas"] == 0)
            let error = await #expect(throws: KubeError.self) { try await resources.scale("none", to: 1) }
            #expect(error?.operation.description.hasPrefix("patch deployments.apps/scale \"none\"") == true)
            #expect(error?.code == .notFound)
        }
    }

    @Test func `a service account gets a token, which is printed nowhere`() async throws {
        try await withClient { client, namespace in
            let accounts = client.resources(
                APIResource(version: "v1", kind: "ServiceAccount", plural: "serviceaccounts"),
                namespace: namespace
            )
            _ = try await accounts.create(DynamicObject(json: ["metadata": ["name": "worker"]]))
            let account = ObjectKey(namespace: namespace, name: "worker")
            let token = try await client.requestToken(for: account, audiences: ["tests"], lifetime: .seconds(1200))
            #expect(token.token.split(separator: ".").count == 3)
            #expect(token.expires > .now)
            for text in ["\(token)", String(reflecting: token), "\([token])"] {
                #expect(!text.contains(token.token.prefix(20)))
            }
        }
    }
}
