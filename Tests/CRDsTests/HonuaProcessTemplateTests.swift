import CRDs
import JSON
import KubeClient
import Testing
import Workflows

@Suite struct HonuaProcessTemplateTests {
    private func template(_ spec: JSONValue) throws -> HonuaProcessTemplate {
        try HonuaProcessTemplate(json: ["metadata": ["name": "deploy", "namespace": "n", "uid": "u"], "spec": spec])
    }

    private static let step: JSONValue = ["name": "a", "action": "echo", "with": ["message": "hello"]]

    @Test(
        arguments: [
            (["steps": [step]], nil),
            (["steps": [step], "parameters": ["anything": ["at": ["all", 1, .null]]]], nil),
            ([:], "spec.steps: is required"),
            (["steps": []], "spec.steps: must have at least 1 element"),
            (["steps": [step, step]], "spec.steps[1]: the name \"a\" is used twice"),
            (["steps": [["name": "a"]]], "spec.steps[0].action: is required"),
            (["steps": [step], "finally": [step, step]], "spec.finally[1]: the name \"a\" is used twice"),
            (["steps": [step], "parameters": "none"], "spec.parameters: expected an object, found a string"),
            (
                ["steps": [step], "timeout": "soon"],
                "spec.timeout: \"soon\" is not a duration such as 90s or 1h30m"
            ),
            (["steps": [step], "retry": ["limit": -1]], "spec.retry.limit: must be at least 0"),
            ("text", "spec: expected an object, found a string"),
        ] as [(JSONValue, String?)]
    )
    func `every rule of the schema is enforced without the API server`(spec: JSONValue, message: String?) throws {
        let template = try template(spec)
        if let message {
            let error = #expect(throws: InvalidSpec.self) { try template.validSpec() }
            #expect(error?.description == message)
        } else {
            _ = try template.validSpec()
        }
    }

    @Test(arguments: ["name", "subprocesses", "input", "stepz"])
    func `a template may say nothing but what a definition is made of`(member: String) throws {
        let template = try template(["steps": [Self.step], member: [:]])
        let error = #expect(throws: InvalidSpec.self) { try template.validSpec() }
        #expect(error?.violations.map(\.path) == ["spec.\(member)"])
    }

    @Test func `the definition has the template's name and everything that was written`() throws {
        let spec: JSONValue = [
            "description": "Puts a service into a region.",
            "parameters": ["type": "object", "required": ["region"], "properties": ["region": ["type": "string"]]],
            "steps": [
                ["name": "a", "action": "http", "with": ["url": "http://x"], "retry": ["limit": 2], "timeout": "1m"],
                ["name": "b", "action": "echo", "needs": ["a"]],
            ],
            "finally": [["name": "c", "action": "echo", "with": ["message": "over"]]],
            "outputs": ["region": "${{ input.region }}"],
            "onFailure": "Rollback", "timeout": "30m", "retry": ["limit": 1],
        ]
        var definition = try template(spec).validSpec()
        #expect(definition.name == "deploy")
        var written = definition.json()
        written["name"] = nil
        #expect(written == spec)
        // And the other way round, whatever else the definition has by then.
        definition.subprocesses = ["template/other": [:]]
        #expect(HonuaProcessTemplate(name: "deploy", namespace: "n", definition: definition).spec == spec)
    }

    @Test func `a template survives writing and reading, value by value and in one pass`() throws {
        let json: JSONValue = [
            "apiVersion": "honua.io/v1alpha1", "kind": "HonuaProcessTemplate",
            "metadata": ["name": "deploy", "namespace": "n", "uid": "u"],
            // Malformed, and kept as it is.
            "spec": ["steps": "none", "more": [1, 2]],
            "status": [
                "observedGeneration": 3, "hash": "0123456789abcdef",
                "conditions": [
                    [
                        "type": "Ready", "status": "False", "reason": "InvalidSpec", "message": "spec.steps: …",
                        "lastTransitionTime": "2026-01-02T03:04:05Z",
                    ]
                ],
            ],
        ]
        let template = try HonuaProcessTemplate(json: json)
        #expect(template.json() == json)
        #expect(try HonuaProcessTemplate(parsing: json.serialized()) == template)
    }

    @Test func `a resource with an unreadable status is still readable`() throws {
        let json: JSONValue = ["metadata": ["name": "x"], "spec": [:], "status": ["hash": 5]]
        #expect(try HonuaProcessTemplate(json: json).status == nil)
        #expect(try HonuaProcessTemplate(parsing: json.serialized()).status == nil)
    }

    @Test func `the definition of the kind is the one that is documented`() throws {
        let name = "honuaprocesstemplates.honua.io"
        let manifest = try #require(
            CustomResourceDefinition.all.first { $0[path: "metadata", "name"]?.string == name }
        )
        #expect(manifest[path: "spec", "scope"] == "Namespaced")
        #expect(manifest[path: "spec", "names", "shortNames"] == ["hpt"])
        #expect(manifest[path: "spec", "names", "categories"] == ["honua"])
        let version = manifest[path: "spec", "versions"]?[0]
        #expect(version?["name"] == "v1alpha1")
        let spec = version?[path: "schema", "openAPIV3Schema", "properties", "spec"]
        #expect(spec?["required"] == ["steps"])
        #expect(spec?[path: "properties", "parameters"]?["x-kubernetes-preserve-unknown-fields"] == true)
        #expect(spec?[path: "properties", "parameters"]?["type"] == "object")
    }
}
