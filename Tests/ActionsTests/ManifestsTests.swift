import JSON
import KubeClient
import Testing
import Workflows

@testable import Actions

@Suite struct ManifestsTests {
    private func kinds(_ input: JSONValue) throws -> [String] {
        try Manifests(input).objects.map { "\($0.kind ?? "")/\($0.metadata.name)" }
    }

    @Test func `a list of objects, YAML of several documents and lists of objects are read alike`() throws {
        let map: JSONValue = ["apiVersion": "v1", "kind": "ConfigMap", "metadata": ["name": "a"]]
        #expect(try kinds([map]) == ["ConfigMap/a"])
        let yaml = """
            # first
            apiVersion: v1
            kind: ConfigMap
            metadata: {name: a}
            ---
            ---
            apiVersion: v1
            kind: List
            items:
            - {apiVersion: v1, kind: Secret, metadata: {name: b}}
            """
        #expect(try kinds(.string(yaml)) == ["ConfigMap/a", "Secret/b"])
    }

    @Test func `what others need comes first, and equals stay in their order`() throws {
        let order = [
            "Widget", "Deployment", "Service", "ConfigMap", "RoleBinding", "Role", "ServiceAccount",
            "CustomResourceDefinition", "Namespace", "ValidatingWebhookConfiguration",
        ]
        let objects = order.map { ["apiVersion": "x/v1", "kind": .string($0), "metadata": ["name": "n"]] as JSONValue }
        #expect(
            try kinds(.array(objects)).map { $0.dropLast(2) } == [
                "Namespace", "CustomResourceDefinition", "ServiceAccount", "Role", "RoleBinding", "ConfigMap",
                "Service",
                "Widget", "Deployment", "ValidatingWebhookConfiguration",
            ]
        )
    }

    @Test func `everything that is wrong is told, with its place`() {
        let large = String(repeating: "x", count: Manifests.maximumObjectBytes)
        let cases: [(JSONValue, [String])] = [
            ([], ["there is no object"]),
            ([1], ["manifests[0]: is a"]),
            (
                [["kind": "A", "metadata": ["name": "a"]], ["apiVersion": "v1", "metadata": [:]]],
                ["manifests[0]: apiVersion is missing", "manifests[1]: kind is missing"]
            ),
            ([["apiVersion": "v1", "kind": "A", "metadata": ["generateName": "a-"]]], ["metadata.name is missing"]),
            ("a: [", ["manifests: line"]),
            (
                [["apiVersion": "v1", "kind": "A", "metadata": ["name": "a"], "data": .string(large)]],
                ["A a has", "at most 1572864"]
            ),
        ]
        for (input, words) in cases {
            let error = #expect(throws: StepError.self) { try Manifests(input) }
            for word in words {
                #expect(error?.description.contains(word) ?? false, "\(error?.description ?? "") says \(word)")
            }
        }
        let map: JSONValue = ["apiVersion": "v1", "kind": "ConfigMap", "metadata": ["name": "a"]]
        let error = #expect(throws: StepError.self) { try Manifests([map, map]) }
        #expect(error?.description.contains("ConfigMap a is there twice") ?? false)
    }

    @Test func `what only a server says is left out`() throws {
        let object = try Manifests([
            [
                "apiVersion": "v1", "kind": "A", "status": ["x": 1],
                "metadata": [
                    "name": "a", "uid": "u", "resourceVersion": "1", "managedFields": [], "labels": ["l": "1"],
                ],
            ]
        ]).objects[0]
        #expect(object.content["status"] == nil)
        #expect(object.content["metadata"] == ["name": "a", "labels": ["l": "1"]])
    }
}

@Suite struct ObjectDiffTests {
    private func object(_ content: JSONValue) throws -> DynamicObject { try DynamicObject(json: content) }

    @Test func `changes are told by path, old and new value`() throws {
        let former = try object([
            "kind": "A", "spec": ["replicas": 3, "ports": [80, 81], "old": "x"], "status": ["a": 1],
        ])
        let latter = try object(["kind": "A", "spec": ["replicas": 5, "ports": [80, 82], "new": ["a": true]]])
        #expect(
            ObjectDiff(former, latter).lines == [
                "+ spec.new.a: true", "- spec.old: \"x\"", "~ spec.ports[1]: 81 -> 82", "~ spec.replicas: 3 -> 5",
            ]
        )
        #expect(ObjectDiff(former, former).lines == [])
    }

    @Test func `values of Secrets are hidden, and long texts and long lists are cut`() throws {
        let secret = try object(["kind": "Secret", "data": ["password": "aHVudGVyMg=="]])
        #expect(ObjectDiff(nil, secret).lines.contains("+ data.password: (hidden)"))
        let annotated = try object([
            "kind": "Secret",
            "metadata": [
                "annotations": ["kubectl.kubernetes.io/last-applied-configuration": "{\"data\": \"aHVudGVyMg==\"}"]
            ],
        ])
        #expect(!"\(ObjectDiff(nil, annotated).lines)".contains("aHVudGVyMg"))
        let long = try object(["kind": "A", "x": .string(String(repeating: "y", count: 1000))])
        #expect(ObjectDiff(nil, long).lines.allSatisfy { $0.count < 250 })
        let many = try object([
            "kind": "A", "x": .object(Dictionary(uniqueKeysWithValues: (0..<500).map { ("k\($0)", 1) })),
        ])
        #expect(ObjectDiff(nil, many).lines.count == ObjectDiff.maximumLines + 1)
    }
}
