import Foundation
import JSON
import KubeClient
import TestEnvironment
import Testing
import YAML

extension OperatorFixture {
    /// What the shipped Role says, with the right to act as the account `deployer`.
    private static let shippedRules = Task {
        let printed = try Command.run([Project.honua.path, "rbac", "--service-account", "deployer"])
        let rules = try YAMLDocument.parse(printed).flatMap { $0.value["rules"]?.array ?? [] }
        return JSONValue.array(rules)
    }

    /// Makes the account `deployer`, which may do everything in the namespace, and one for the operator, which has the rights
    /// of the shipped Role and no others.
    /// - Returns: the path of a kubeconfig for the latter.
    static func makeAccounts(_ client: KubeClient, _ cluster: ControlPlane, _ namespace: String) async throws -> String
    {
        try await grant("deployer", [["apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]]], client, namespace)
        try await grant("honua-operator", shippedRules.value, client, namespace)
        try await waitUntilGranted(client, namespace)
        let token = try await client.requestToken(for: ObjectKey(namespace: namespace, name: "honua-operator")).token
        let text = try String(contentsOfFile: cluster.kubeconfig, encoding: .utf8)
        var config = try #require(try YAMLDocument.parse(text).first).value
        config["users"] = [["name": "admin", "user": ["token": .string(token)]]]
        let contexts = config["contexts"]?.array ?? []
        config["contexts"] = .array(
            contexts.map { context in
                var context = context
                context["context"]?["namespace"] = .string(namespace)
                return context
            }
        )
        let path = FileManager.default.temporaryDirectory.appending(path: "honua-\(UUID().uuidString).kubeconfig").path
        try Data(config.serialized()).write(to: URL(filePath: path))
        return path
    }

    /// Makes an object as somebody else does.
    func make(_ object: JSONValue) async throws { try await Self.make(object, client, namespace) }

    private static func make(_ object: JSONValue, _ client: KubeClient, _ namespace: String) async throws {
        _ = try await client.apply(try DynamicObject(json: object), fieldManager: "somebody", namespace: namespace)
    }

    private static func grant(
        _ account: String,
        _ rules: JSONValue,
        _ client: KubeClient,
        _ namespace: String
    ) async throws {
        let rbac = "rbac.authorization.k8s.io"
        let objects: [JSONValue] = [
            ["apiVersion": "v1", "kind": "ServiceAccount", "metadata": ["name": .string(account)]],
            [
                "apiVersion": .string("\(rbac)/v1"), "kind": "Role", "metadata": ["name": .string(account)],
                "rules": rules,
            ],
            [
                "apiVersion": .string("\(rbac)/v1"), "kind": "RoleBinding", "metadata": ["name": .string(account)],
                "roleRef": ["apiGroup": .string(rbac), "kind": "Role", "name": .string(account)],
                "subjects": [["kind": "ServiceAccount", "name": .string(account), "namespace": .string(namespace)]],
            ],
        ]
        for object in objects { try await make(object, client, namespace) }
    }

    /// The API server learns of new rights by a watch of its own; those of the operator were made last.
    private static func waitUntilGranted(_ client: KubeClient, _ namespace: String) async throws {
        let review = try DynamicObject(json: [
            "apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview", "metadata": [:],
            "spec": [
                "user": .string("system:serviceaccount:\(namespace):honua-operator"),
                "resourceAttributes": [
                    "namespace": .string(namespace), "group": "honua.io", "resource": "honuaprocesses", "verb": "list",
                ],
            ],
        ])
        let reviews = try await client.resources(apiVersion: "authorization.k8s.io/v1", kind: "SubjectAccessReview")
        while try await reviews.create(review).content[path: "status", "allowed"]?.bool != true { await Task.yield() }
    }
}
