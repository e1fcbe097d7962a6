import CRDs
import JSON
import KubeClient
import Testing
import Workflows

@Suite struct HonuaProcessTests {
    private func process(_ spec: JSONValue) throws -> HonuaProcess {
        try HonuaProcess(json: ["metadata": ["name": "x", "namespace": "n", "uid": "u"], "spec": spec])
    }

    @Test(
        arguments: [
            (["processType": "Test"], nil),
            ([:], "spec: exactly one of processType, templateRef and steps must be given"),
            (
                ["processType": "Test", "steps": [["name": "a", "action": "echo"]]],
                "spec: exactly one of processType, templateRef and steps must be given"
            ),
            (
                ["processType": "Test", "timeout": "soon"],
                "spec.timeout: \"soon\" is not a duration such as 90s or 1h30m"
            ),
            (
                ["processType": "Test", "cancel": ["mode": "Rude"]],
                "spec.cancel.mode: \"Rude\" is not one of Graceful, Force"
            ),
            (["processType": "Test", "retry": ["limit": -1]], "spec.retry.limit: must be at least 0"),
            (
                ["processType": "Test", "suspnd": true],
                "spec.suspnd: unknown field; known are: cancel, definitionPolicy, dryRun, finally, input, locks, "
                    + "onFailure, outputs, parameters, pendingTimeout, priority, processType, rerunToken, retry, "
                    + "serviceAccountName, steps, suspend, templateRef, timeout, ttlAfterFinished, user"
            ),
            (
                ["steps": [["name": "a", "action": "echo"], ["name": "a", "action": "echo"]]],
                "spec.steps[1]: the name \"a\" is used twice"
            ),
            (
                ["steps": [["name": "1a", "action": "echo"]]],
                "spec.steps[0].name: \"1a\" is not a step name (a letter, then letters, digits, '-' or '_')"
            ),
            (["steps": [["name": "a"]]], "spec.steps[0].action: is required"),
            (["steps": []], "spec.steps: must have at least 1 element"),
            ("text", "spec: expected an object, found a string"),
        ] as [(JSONValue, String?)]
    )
    func `every rule of the schema is enforced without the API server`(spec: JSONValue, message: String?) throws {
        let process = try process(spec)
        if let message {
            let error = #expect(throws: InvalidSpec.self) { try process.validSpec() }
            #expect(error?.description == message)
        } else {
            _ = try process.validSpec()
        }
    }

    @Test func `a resource with an unreadable status is still readable`() throws {
        let process = try HonuaProcess(json: ["metadata": ["name": "x"], "spec": [:], "status": ["phase": 5]])
        #expect(process.status == nil)
    }

    @Test func `spec and status survive writing and reading`() throws {
        let spec: JSONValue = [
            "steps": [
                ["name": "a", "action": "http", "with": ["url": "http://x"], "retry": ["limit": 2], "timeout": "1m"],
                ["name": "b", "action": "echo", "needs": ["a"]],
            ],
            "input": ["region": "pacific-1"], "suspend": false, "cancel": ["mode": "Force"],
            "ttlAfterFinished": "720h", "onFailure": "Stop",
        ]
        #expect(try HonuaProcessSpec(json: spec).json() == spec)
        let status: JSONValue = [
            "phase": "Running", "observedGeneration": 3, "completionPercentage": 45,
            "state": ["store": "redis", "version": 17, "epoch": 2],
            "steps": [["name": "a", "phase": "Completed", "attempt": 1]],
        ]
        #expect(try HonuaProcessStatus(json: status).json() == status)
    }

    /// Kubernetes demands of a structural schema that lists of type map have required keys, and that a value without a
    /// type preserves unknown fields.
    @Test func `the schema is structural`() throws {
        func check(_ schema: JSONValue, _ path: String) {
            if schema["type"] == nil {
                #expect(schema["x-kubernetes-preserve-unknown-fields"] == true, "\(path) has no type")
            }
            if case .array(let keys)? = schema["x-kubernetes-list-map-keys"] {
                let required = schema[path: "items", "required"]?.array ?? []
                #expect(keys.allSatisfy(required.contains), "\(path): the key of the list is not required")
            }
            for (name, property) in schema["properties"]?.object ?? [:] { check(property, "\(path).\(name)") }
            if let items = schema["items"] { check(items, "\(path)[]") }
        }
        for manifest in CustomResourceDefinition.all {
            let version = manifest[path: "spec", "versions"]?[0]
            check(try #require(version?[path: "schema", "openAPIV3Schema"]), "")
        }
    }
}
