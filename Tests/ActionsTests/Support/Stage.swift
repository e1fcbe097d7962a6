import Actions
import JSON
import KubeClient
import Logging
import Synchronization
import TestEnvironment
import Workflows

/// A namespace of a real API server with an account in it for steps to act as.
struct Stage {
    /// May do everything.
    let admin: KubeClient
    let namespace: String
    let access: ClusterAccess

    /// - Parameter rules: what the account `deployer` may do in the namespace, as in a Role.
    static func make(_ rules: JSONValue = Stage.everything) async throws -> Stage {
        let plane = try await ControlPlane.withControllers
        let admin = try plane.client()
        let namespace = try await plane.makeNamespace()
        let metadata: JSONValue = ["name": "deployer", "namespace": .string(namespace)]
        let objects: [JSONValue] = [
            ["apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata],
            [
                "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": metadata, "rules": rules,
            ],
            [
                "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": metadata,
                "roleRef": ["apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "deployer"],
                "subjects": [["kind": "ServiceAccount", "name": "deployer", "namespace": .string(namespace)]],
            ],
        ]
        for object in objects { try await admin.apply(try DynamicObject(json: object), fieldManager: "test") }
        let stage = Stage(admin: admin, namespace: namespace, access: ClusterAccess(client: admin))
        try await stage.rightsAreInForce(rules)
        return stage
    }

    /// Returns when the API server lets the account do what the rules say: it learns of new roles by a watch of its own.
    private func rightsAreInForce(_ rules: JSONValue) async throws {
        func first(_ member: String, insteadOfAll word: String) -> JSONValue {
            let value = rules[0]?[member]?[0]
            return value == "*" ? .string(word) : value ?? ""
        }
        let review = try DynamicObject(json: [
            "metadata": [:],
            "spec": [
                "user": .string("system:serviceaccount:\(namespace):deployer"),
                "resourceAttributes": [
                    "namespace": .string(namespace), "verb": first("verbs", insteadOfAll: "get"),
                    "group": first("apiGroups", insteadOfAll: ""),
                    "resource": first("resources", insteadOfAll: "configmaps"),
                ],
            ],
        ])
        let api = APIResource(
            group: "authorization.k8s.io",
            version: "v1",
            kind: "SubjectAccessReview",
            plural: "subjectaccessreviews",
            isNamespaced: false
        )
        while try await admin.resources(api).create(review).content[path: "status", "allowed"] != true {
            try await Task.sleep(for: .milliseconds(10))
        }
    }

    /// What an account may do that may do everything in its namespace.
    static let everything: JSONValue = [["apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]]]

    /// What a step of a process in the namespace is told.
    func context(
        _ step: String = "step",
        key: String = "key-1",
        attempt: Int = 1,
        account: String? = "deployer",
        time: TimeSource = .system,
        undo: JSONValue? = nil,
        records: Records = Records()
    ) -> StepContext {
        StepContext(
            processID: "process-1",
            namespace: namespace,
            serviceAccountName: account,
            step: step,
            idempotencyKey: key,
            attempt: attempt,
            time: time,
            recordResource: { records.note($0) },
            recordedUndo: undo,
            recordUndo: { records.noteUndo($0) },
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        )
    }

    /// Reads an object as it is; nil when there is none.
    func object(_ apiVersion: String, _ kind: String, _ name: String) async throws -> DynamicObject? {
        do {
            return try await admin.resources(apiVersion: apiVersion, kind: kind, namespace: namespace).get(name)
        } catch let error as KubeError where error.code == .notFound {
            return nil
        }
    }

    /// Makes an object as somebody else does.
    @discardableResult
    func make(_ object: JSONValue) async throws -> DynamicObject {
        try await admin.apply(try DynamicObject(json: object), fieldManager: "somebody", namespace: namespace)
    }
}

/// What a step has recorded.
final class Records: Sendable {
    private let content = Mutex<(resources: [String], undo: JSONValue?)>(([], nil))

    var resources: [String] { content.withLock { $0.resources } }
    var undo: JSONValue? { content.withLock { $0.undo } }
    func note(_ resource: String) { content.withLock { $0.resources.append(resource) } }
    func noteUndo(_ undo: JSONValue) { content.withLock { $0.undo = $0.undo ?? undo } }
}
