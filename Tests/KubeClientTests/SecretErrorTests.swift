import JSON
import TestEnvironment
import Testing

@testable import KubeClient

/// What servers quote in their refusals, errors must not tell on.
@Suite(.timeLimit(.minutes(4))) struct SecretErrorTests {
    @Test func `what a real server quotes of a secret is left out`() async throws {
        let cluster = try await ControlPlane.shared
        let client = try cluster.client()
        defer { client.shutdown() }
        let secrets = client.resources(
            APIResource(version: "v1", kind: "Secret", plural: "secrets"),
            namespace: try await cluster.makeNamespace()
        )
        _ = try await secrets.create(DynamicObject(json: ["metadata": ["name": "s"], "type": "Opaque"]))
        let wrong: JSONValue = ["data": ["password": "hunter2 is no base64"]]
        var unreadable = wrong
        unreadable["metadata"] = ["name": "t"]
        let changes: [() async throws -> DynamicObject] = [
            { try await secrets.create(DynamicObject(json: unreadable)) },
            { try await secrets.patch("s", .merge(wrong)) },
            { try await secrets.patch("s", .strategic(wrong)) },
            { try await secrets.patch("s", .strategic(["data": "hunter2"])) },
            { try await secrets.patch("s", .json([["op": "add", "path": "/data", "value": wrong["data"] ?? [:]]])) },
            { try await secrets.patch("s", .json([["op": "add", "path": "/none/x", "value": "hunter2"]])) },
            { try await secrets.patch("s", .merge(["immutable": "hunter2"])) },
            { try await secrets.patch("s", .merge(["type": "hunter2"])) },
        ]
        for change in changes {
            let error = await #expect(throws: KubeError.self) { try await change() }
            #expect(error?.description.contains("hunter2") == false, "\(error?.description ?? "")")
        }
    }

    @Test func `what is wrong with other kinds is told whole`() {
        let operation = KubeOperation(verb: "create", resource: "pods", name: nil, namespace: nil)
        let words = "spec.x: Invalid value: 7: must be less"
        let body = JSONValue.object(["message": .string(words)]).serialized()
        let error = KubeError(status: 422, retryAfter: nil, body: body, operation: operation)
        #expect(error.message.hasSuffix(words))
    }
}
