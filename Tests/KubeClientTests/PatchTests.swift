import JSON
import TestEnvironment
import Testing

@testable import KubeClient

/// The forms of a change, against a real API server.
@Suite(.timeLimit(.minutes(4))) struct PatchTests {
    private func withDeployments(_ body: (ResourceClient<DynamicObject>) async throws -> Void) async throws {
        let cluster = try await ControlPlane.shared
        let client = try cluster.client()
        defer { client.shutdown() }
        let resources = client.resources(deployments, namespace: try await cluster.makeNamespace())
        _ = try await resources.create(deployment("web"))
        try await body(resources)
    }

    private func images(_ object: DynamicObject) -> [String] {
        (object.content[path: "spec", "template", "spec", "containers"]?.array ?? []).map {
            "\($0["name"]?.string ?? "")=\($0["image"]?.string ?? "")"
        }
    }

    private func containers(_ list: JSONValue) -> JSONValue {
        ["spec": ["template": ["spec": ["containers": list]]]]
    }

    @Test func `a strategic patch merges lists by key, a merge patch replaces them`() async throws {
        try await withDeployments { deployments in
            let strategic = containers([["name": "two", "image": "two:2"]])
            let merged = try await deployments.patch("web", .strategic(strategic))
            #expect(images(merged).sorted() == ["one=one:1", "two=two:2"])
            let replaced = try await deployments.patch("web", .merge(strategic))
            #expect(images(replaced) == ["two=two:2"])
        }
    }

    @Test func `a JSON patch is applied all or none`() async throws {
        try await withDeployments { deployments in
            let path: JSONValue = "/spec/template/spec/containers/0/image"
            let object = try await deployments.patch(
                "web",
                .json([
                    ["op": "test", "path": path, "value": "one:1"], ["op": "replace", "path": path, "value": "one:2"],
                ])
            )
            #expect(images(object) == ["one=one:2", "two=two:1"])
            await #expect(throws: KubeError.self) {
                try await deployments.patch(
                    "web",
                    .json([
                        ["op": "replace", "path": path, "value": "one:3"],
                        ["op": "test", "path": path, "value": "another"],
                    ])
                )
            }
            let unchanged = try await deployments.get("web")
            #expect(images(unchanged) == ["one=one:2", "two=two:1"])
        }
    }

    @Test func `applying a field of another manager is a conflict, unless by force`() async throws {
        try await withDeployments { deployments in
            func scale(_ replicas: Int64, _ manager: String, force: Bool = false) -> Patch {
                .apply(
                    [
                        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": ["name": "web"],
                        "spec": ["replicas": .int(replicas)],
                    ],
                    fieldManager: manager,
                    force: force
                )
            }
            _ = try await deployments.patch("web", scale(3, "first", force: true))
            let error = await #expect(throws: KubeError.self) { try await deployments.patch("web", scale(4, "second")) }
            #expect(error?.code == .conflict)
            #expect(error?.message.contains("first") == true)
            let taken = try await deployments.patch("web", scale(4, "second", force: true))
            #expect(taken.content[path: "spec", "replicas"] == 4)
        }
    }
}
