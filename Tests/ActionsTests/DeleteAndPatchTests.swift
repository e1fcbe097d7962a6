import JSON
import KubeClient
import Testing
import Workflows

@testable import Actions

@Suite(.timeLimit(.minutes(4))) struct DeleteTests {
    private func map(_ name: String, _ labels: JSONValue = [:]) -> JSONValue {
        [
            "apiVersion": "v1", "kind": "ConfigMap", "metadata": ["name": .string(name), "labels": labels],
            "data": ["a": .string(name)],
        ]
    }

    private func named(_ names: String...) -> JSONValue {
        .array(names.map { ["apiVersion": "v1", "kind": "ConfigMap", "name": .string($0)] })
    }

    @Test func `objects are deleted by name and by selector, and a rollback makes them anew`() async throws {
        let stage = try await Stage.make()
        for name in ["a", "kept"] { try await stage.make(map(name)) }
        for name in ["b", "c"] { try await stage.make(map(name, ["tier": "old"])) }
        let records = Records()
        let result = try await DeleteAction(cluster: stage.access).perform(
            [
                "objects": [
                    ["apiVersion": "v1", "kind": "ConfigMap", "name": "a"],
                    ["apiVersion": "v1", "kind": "ConfigMap", "selector": "tier=old"],
                ]
            ],
            stage.context(records: records)
        )
        #expect(result["deleted"]?.array?.count == 3)
        for (name, isThere) in [("a", false), ("b", false), ("c", false), ("kept", true)] {
            #expect(try await (stage.object("v1", "ConfigMap", name) != nil) == isThere, "\(name)")
        }
        _ = try await RestoreAction(cluster: stage.access).perform(try #require(records.undo), stage.context(key: "u"))
        for name in ["a", "b", "c"] {
            #expect(try await stage.object("v1", "ConfigMap", name)?.content["data"] == ["a": .string(name)])
        }
    }

    @Test func `a repetition deletes nothing that somebody has made under the name meanwhile`() async throws {
        let stage = try await Stage.make()
        try await stage.make(map("a"))
        let records = Records()
        let delete = DeleteAction(cluster: stage.access)
        _ = try await delete.perform(["objects": named("a")], stage.context(records: records))
        let other = try await stage.make(map("a"))
        _ = try await delete.perform(["objects": named("a")], stage.context(attempt: 2, undo: records.undo))
        #expect(try await stage.object("v1", "ConfigMap", "a")?.metadata.uid == other.metadata.uid)
    }

    @Test func `what is missing is ignored, or an error that names it`() async throws {
        let stage = try await Stage.make()
        let delete = DeleteAction(cluster: stage.access)
        #expect(try await delete.perform(["objects": named("no")], stage.context()) == ["deleted": []])
        let error = await #expect(throws: StepError.self) {
            try await delete.perform(["objects": named("no"), "ignoreMissing": false], stage.context())
        }
        #expect(error?.description.contains("ConfigMap \(stage.namespace)/no") ?? false)
        let unclear: JSONValue = ["objects": [["apiVersion": "v1", "kind": "ConfigMap", "selector": ""]]]
        await #expect(throws: StepError.self) { try await delete.perform(unclear, stage.context()) }
    }

    @Test func `a plan names what would go, and leaves it`() async throws {
        let stage = try await Stage.make()
        try await stage.make(map("a"))
        let plan = try await DeleteAction(cluster: stage.access).plan(["objects": named("a", "no")], stage.context())
        #expect(plan["objects"] == [.string("ConfigMap \(stage.namespace)/a")])
        #expect(try await stage.object("v1", "ConfigMap", "a") != nil)
    }
}

@Suite(.timeLimit(.minutes(4))) struct PatchTests {
    private let service: JSONValue = [
        "apiVersion": "v1", "kind": "Service", "metadata": ["name": "tiles"],
        "spec": ["selector": ["color": "green"], "ports": [["port": 80, "protocol": "TCP"]]],
    ]

    private func inputs(_ patch: JSONValue, _ type: String = "merge") -> JSONValue {
        ["apiVersion": "v1", "kind": "Service", "name": "tiles", "type": .string(type), "patch": patch]
    }

    @Test func `an object is changed by each kind of patch, and a rollback restores it`() async throws {
        let patches: [(String, JSONValue)] = [
            ("merge", ["spec": ["selector": ["color": "blue"]]]),
            ("strategic", ["spec": ["selector": ["color": "blue"]]]),
            ("json", [["op": "replace", "path": "/spec/selector/color", "value": "blue"]]),
        ]
        for (type, patch) in patches {
            let stage = try await Stage.make()
            let former = try await stage.make(service)
            let records = Records()
            let output = try await PatchAction(cluster: stage.access).perform(
                inputs(patch, type),
                stage.context(records: records)
            )
            #expect(output["changes"] == ["~ spec.selector.color: \"green\" -> \"blue\""], "\(type)")
            #expect(
                try await stage.object("v1", "Service", "tiles")?.content[path: "spec", "selector"] == ["color": "blue"]
            )
            let undo = try #require(records.undo)
            _ = try await RestoreAction(cluster: stage.access).perform(undo, stage.context(key: "u"))
            #expect(try await stage.object("v1", "Service", "tiles")?.comparable == former.comparable, "\(type)")
        }
    }

    @Test func `a repetition under the same key does not change the object again`() async throws {
        let stage = try await Stage.make()
        try await stage.make(service)
        let patch = PatchAction(cluster: stage.access)
        let operations: JSONValue = [["op": "add", "path": "/spec/ports/-", "value": ["name": "b", "port": 81]]]
        var named = service
        named["spec"]?["ports"] = [["name": "a", "port": 80, "protocol": "TCP"]]
        try await stage.make(named)
        let records = Records()
        _ = try await patch.perform(inputs(operations, "json"), stage.context(records: records))
        _ = try await patch.perform(inputs(operations, "json"), stage.context(attempt: 2, undo: records.undo))
        let ports = try await stage.object("v1", "Service", "tiles")?.content[path: "spec", "ports"]?.array
        #expect(ports?.count == 2)
    }

    @Test func `a list of operations is not applied again when somebody has changed the object meanwhile`() async throws
    {
        let stage = try await Stage.make()
        try await stage.make(service)
        let patch = PatchAction(cluster: stage.access)
        let operations: JSONValue = [["op": "replace", "path": "/spec/selector/color", "value": "blue"]]
        let records = Records()
        _ = try await patch.perform(inputs(operations, "json"), stage.context(records: records))
        // Another step's key takes the place of this one's.
        _ = try await patch.perform(inputs(["spec": ["selector": ["tier": "a"]]]), stage.context("other", key: "key-2"))
        let error = await #expect(throws: StepError.self) {
            try await patch.perform(inputs(operations, "json"), stage.context(attempt: 2, undo: records.undo))
        }
        #expect(error?.summary == "Outcome unknown")
    }

    @Test(arguments: ["", ".", "..", "a/b", "%2e%2e"])
    func `names that no object can have reach no other object`(name: String) async throws {
        let stage = try await Stage.make()
        let inputs: JSONValue = ["objects": [["apiVersion": "v1", "kind": "ConfigMap", "name": .string(name)]]]
        let error = await #expect(throws: StepError.self) {
            try await DeleteAction(cluster: stage.access).perform(inputs, stage.context())
        }
        #expect(error?.description.contains("nothing was sent") ?? false, "\(error?.description ?? "")")
    }

    @Test func `what cannot be patched is told`() async throws {
        let stage = try await Stage.make()
        let patch = PatchAction(cluster: stage.access)
        let missing = await #expect(throws: StepError.self) { try await patch.perform(inputs([:]), stage.context()) }
        #expect(missing?.summary == "Not Found")
        try await stage.make(service)
        let unfit = await #expect(throws: StepError.self) {
            try await patch.perform(inputs([], "merge"), stage.context())
        }
        #expect(unfit?.description.contains("with.patch") ?? false)
        let invalid = await #expect(throws: StepError.self) {
            try await patch.perform(inputs(["spec": ["ports": [["port": -1]]]]), stage.context())
        }
        #expect(invalid?.summary == "Invalid object")
    }

    @Test func `a plan tells the changes, and makes none`() async throws {
        let stage = try await Stage.make()
        try await stage.make(service)
        let plan = try await PatchAction(cluster: stage.access).plan(
            inputs(["spec": ["selector": ["color": "blue"]]]),
            stage.context()
        )
        #expect(plan["changes"] == ["~ spec.selector.color: \"green\" -> \"blue\""])
        #expect(
            try await stage.object("v1", "Service", "tiles")?.content[path: "spec", "selector"] == ["color": "green"]
        )
    }
}
