import JSON
import KubeClient
import Testing
import Workflows

@testable import Actions

@Suite(.timeLimit(.minutes(4))) struct ClusterAccessTests {
    @Test func `a step may do what its account may, and an error names verb, resource, namespace and account`()
        async throws
    {
        let stage = try await Stage.make([["apiGroups": [""], "resources": ["configmaps"], "verbs": ["get", "list"]]])
        let context = stage.context()
        try await stage.make(["apiVersion": "v1", "kind": "ConfigMap", "metadata": ["name": "seen"]])
        let names = try await stage.access.perform(for: context) { client in
            let maps = try await client.resources(apiVersion: "v1", kind: "ConfigMap", namespace: stage.namespace)
            return try await maps.list().items.map(\.metadata.name)
        }
        #expect(names.contains("seen"))
        let error = await #expect(throws: StepError.self) {
            try await stage.access.perform(for: context) { client in
                let secrets = try await client.resources(apiVersion: "v1", kind: "Secret", namespace: stage.namespace)
                _ = try await secrets.list()
            }
        }
        let text = try #require(error).description
        for word in [
            "Forbidden", "list", "secrets", stage.namespace, "system:serviceaccount:\(stage.namespace):deployer",
        ] {
            #expect(text.contains(word), "\(text) names \(word)")
        }
        #expect(error?.errorClass == .permanent)
    }

    @Test func `a step without an account, with the operator's own, or without a cluster is refused`() async throws {
        let stage = try await Stage.make()
        #expect(throws: StepError.self) { try stage.access.client(for: stage.context(account: nil)) }
        let own = "system:serviceaccount:\(stage.namespace):deployer"
        #expect(throws: StepError.self) {
            try ClusterAccess(client: stage.admin, ownUser: own).client(for: stage.context())
        }
        #expect(throws: StepError.self) { try ClusterAccess(client: nil).client(for: stage.context()) }
    }
}
