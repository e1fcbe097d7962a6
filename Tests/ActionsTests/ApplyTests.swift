import JSON
import KubeClient
import Synchronization
import Testing
import Workflows

@testable import Actions

@Suite(.timeLimit(.minutes(4))) struct ApplyTests {
    private func map(_ name: String, _ data: JSONValue = ["a": "1"]) -> JSONValue {
        ["apiVersion": "v1", "kind": "ConfigMap", "metadata": ["name": .string(name)], "data": data]
    }

    private func data(_ stage: Stage, _ name: String) async throws -> JSONValue? {
        try await stage.object("v1", "ConfigMap", name)?.content["data"]
    }

    @Test func `objects are made, changed and left as they are, with the marks of the step`() async throws {
        let stage = try await Stage.make()
        let apply = ApplyAction(cluster: stage.access)
        let records = Records()
        let first = try await apply.perform(["manifests": [map("a"), map("b")]], stage.context(records: records))
        #expect(first["objects"]?.array?.map { $0["action"] } == ["created", "created"])
        #expect(records.resources == ["ConfigMap \(stage.namespace)/a", "ConfigMap \(stage.namespace)/b"])
        let made = try #require(try await stage.object("v1", "ConfigMap", "a"))
        #expect(made.metadata.labels?["honua.io/process"] == "process-1")
        #expect(made.metadata.annotations?["honua.io/key"] == "key-1")
        #expect(made.metadata.annotations?["honua.io/step"] == "step")
        let second = try await apply.perform(
            ["manifests": [map("a"), map("b", ["a": "2"])]],
            stage.context(attempt: 2, undo: records.undo)
        )
        #expect(second["objects"]?.array?.map { $0["action"] } == ["unchanged", "configured"])
        #expect(try await data(stage, "b") == ["a": "2"])
    }

    @Test func `an object that no process has applied is not touched, unless it is to be adopted`() async throws {
        let stage = try await Stage.make()
        let apply = ApplyAction(cluster: stage.access)
        let stranger = try await stage.make(map("a", ["owner": "me"]))
        let records = Records()
        let inputs: JSONValue = ["manifests": [map("b"), map("a")]]
        let error = await #expect(throws: StepError.self) {
            try await apply.perform(inputs, stage.context(records: records))
        }
        #expect(error?.description.contains("ConfigMap \(stage.namespace)/a exists") ?? false)
        #expect(error?.hasHadEffect == false)
        #expect(try await stage.object("v1", "ConfigMap", "a") == stranger)
        #expect(try await stage.object("v1", "ConfigMap", "b") == nil, "nothing is half done")
        #expect(records.resources == [] && records.undo == nil)
        _ = try await apply.perform(["manifests": [map("a")], "adopt": true], stage.context())
        #expect(try await data(stage, "a") == ["owner": "me", "a": "1"])
    }

    @Test func `fields that others manage are a conflict that names them, unless force takes them over`() async throws {
        let stage = try await Stage.make()
        let apply = ApplyAction(cluster: stage.access)
        try await stage.make(map("a", ["a": "theirs"]))
        let error = await #expect(throws: StepError.self) {
            try await apply.perform(["manifests": [map("a")], "adopt": true], stage.context())
        }
        #expect(error?.errorClass == .permanent)
        #expect(error?.description.contains("somebody") ?? false, "\(error?.description ?? "") names the manager")
        _ = try await apply.perform(["manifests": [map("a")], "adopt": true, "force": true], stage.context())
        #expect(try await data(stage, "a") == ["a": "1"])
    }

    @Test func `a rollback deletes what was made and restores exactly what was changed`() async throws {
        let stage = try await Stage.make()
        let apply = ApplyAction(cluster: stage.access)
        let former = try await stage.make(map("a", ["a": "0", "kept": "x"]))
        let records = Records()
        _ = try await apply.perform(
            ["manifests": [map("a"), map("b")], "adopt": true, "force": true],
            stage.context(records: records)
        )
        #expect(try await data(stage, "a") == ["a": "1", "kept": "x"])
        let restore = RestoreAction(cluster: stage.access)
        let undo = try #require(records.undo)
        let result = try await restore.perform(undo, stage.context(key: "key-undo"))
        #expect(result["deleted"] == [.string("ConfigMap \(stage.namespace)/b")])
        #expect(result["restored"] == [.string("ConfigMap \(stage.namespace)/a")])
        let restored = try #require(try await stage.object("v1", "ConfigMap", "a"))
        #expect(restored.comparable == former.comparable)
        #expect(try await stage.object("v1", "ConfigMap", "b") == nil)
        let again = try await restore.perform(undo, stage.context(key: "key-undo", attempt: 2))
        #expect(again == ["restored": [], "deleted": [], "leftAlone": []], "repeating it changes nothing")
    }

    @Test func `a rollback leaves alone what somebody else has put in the place`() async throws {
        let stage = try await Stage.make()
        let records = Records()
        _ = try await ApplyAction(cluster: stage.access).perform(
            ["manifests": [map("a")]],
            stage.context(records: records)
        )
        let maps = try await stage.admin.resources(apiVersion: "v1", kind: "ConfigMap", namespace: stage.namespace)
        try await maps.delete("a")
        try await stage.make(map("a", ["theirs": "1"]))
        let result = try await RestoreAction(cluster: stage.access).perform(
            try #require(records.undo),
            stage.context(key: "key-undo")
        )
        #expect(result["leftAlone"] == [.string("ConfigMap \(stage.namespace)/a")])
        #expect(try await data(stage, "a") == ["theirs": "1"])
    }

    @Test func `what somebody makes between two attempts is not taken over, nor deleted by a rollback`() async throws {
        let stage = try await Stage.make()
        let records = Records()
        _ = try await ApplyAction(cluster: stage.access).perform(
            ["manifests": [map("a")]],
            stage.context(records: records)
        )
        let maps = try await stage.admin.resources(apiVersion: "v1", kind: "ConfigMap", namespace: stage.namespace)
        try await maps.delete("a")
        try await stage.make(map("a", ["theirs": "1"]))
        let error = await #expect(throws: StepError.self) {
            try await ApplyAction(cluster: stage.access).perform(
                ["manifests": [map("a")], "adopt": true],
                stage.context(attempt: 2, undo: records.undo)
            )
        }
        #expect(error?.summary == "Object belongs to somebody else")
        #expect(try await data(stage, "a") == ["theirs": "1"])
    }

    @Test func `an object on its way out is waited for and made anew, and one that cannot be put back stops no other`()
        async throws
    {
        let stage = try await Stage.make()
        var held = map("held")
        held["metadata"]?["finalizers"] = ["example.com/hold"]
        try await stage.make(held)
        try await stage.make(map("other"))
        let records = Records()
        let objects: [JSONValue] = ["held", "other"].map {
            ["apiVersion": "v1", "kind": "ConfigMap", "name": .string($0)]
        }
        _ = try await DeleteAction(cluster: stage.access).perform(
            ["objects": .array(objects), "wait": false],
            stage.context(records: records)
        )
        var undo = try #require(records.undo)
        let unfit: JSONValue = [
            "apiVersion": "v1", "kind": "ConfigMap", "name": "unfit", "namespace": .string(stage.namespace), "uid": "u",
            "former": ["apiVersion": "v1", "kind": "ConfigMap", "metadata": ["name": "unfit"], "data": ["x": 1]],
        ]
        undo["objects"] = .array((undo["objects"]?.array ?? []) + [unfit])
        let inputs = undo
        async let restored = RestoreAction(cluster: stage.access).perform(inputs, stage.context(key: "u"))
        while try await data(stage, "other") == nil { await Task.yield() }
        let maps = try await stage.admin.resources(apiVersion: "v1", kind: "ConfigMap", namespace: stage.namespace)
        _ = try await maps.patch("held", .merge(["metadata": ["finalizers": .null]]))
        do {
            _ = try await restored
            Issue.record("one of them cannot be put back")
        } catch let error as StepError {
            #expect(error.errorClass == .permanent, "\(error)")
        }
        #expect(try await data(stage, "held") == ["a": "1"])
        #expect(try await stage.object("v1", "ConfigMap", "held")?.metadata.deletionTimestamp == nil)
    }

    @Test func `the content of a Secret is never recorded`() async throws {
        let stage = try await Stage.make()
        let secret: JSONValue = [
            "apiVersion": "v1", "kind": "Secret", "metadata": ["name": "s"], "stringData": ["password": "hunter2"],
        ]
        try await stage.make(secret)
        let records = Records()
        _ = try await ApplyAction(cluster: stage.access).perform(
            [
                "manifests": [
                    ["apiVersion": "v1", "kind": "Secret", "metadata": ["name": "s"], "data": ["x": "eA=="]]
                ],
                "adopt": true,
            ],
            stage.context(records: records)
        )
        let undo = try #require(records.undo)
        #expect(undo["objects"]?[0]?["hidden"] == true)
        let text = "\(undo)"
        #expect(!text.contains("hunter2") && !text.contains("aHVudGVyMg"))
        let result = try await RestoreAction(cluster: stage.access).perform(undo, stage.context(key: "key-undo"))
        #expect(result["leftAlone"] == [.string("Secret \(stage.namespace)/s")])
    }

    @Test func `a new kind and its first object come in one step`() async throws {
        let stage = try await Stage.make([["apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]]])
        let group = "g\(stage.namespace.suffix(5)).example.com"
        let definition: JSONValue = [
            "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
            "metadata": ["name": .string("widgets.\(group)")],
            "spec": [
                "group": .string(group), "scope": "Namespaced",
                "names": ["kind": "Widget", "plural": "widgets"],
                "versions": [
                    [
                        "name": "v1", "served": true, "storage": true,
                        "schema": [
                            "openAPIV3Schema": ["type": "object", "x-kubernetes-preserve-unknown-fields": true]
                        ],
                    ]
                ],
            ],
        ]
        let widget: JSONValue = [
            "apiVersion": .string("\(group)/v1"), "kind": "Widget", "metadata": ["name": "w"], "size": 3,
        ]
        try await stage.grantCluster([
            [
                "apiGroups": ["apiextensions.k8s.io"], "resources": ["customresourcedefinitions"],
                "verbs": ["get", "list", "watch", "create", "patch"],
            ]
        ])
        let apply = ApplyAction(cluster: stage.access)
        let plan = try await apply.plan(["manifests": [widget, definition]], stage.context())
        #expect(plan["objects"]?.array?.map { $0["action"] } == ["create", "create"])
        _ = try await apply.perform(["manifests": [widget, definition]], stage.context())
        #expect(try await stage.object("\(group)/v1", "Widget", "w")?.content["size"] == 3)
    }

    @Test func `prune deletes what the step applied earlier and no more, and a rollback brings it back`() async throws {
        let stage = try await Stage.make()
        let apply = ApplyAction(cluster: stage.access)
        try await stage.make(map("stranger"))
        _ = try await apply.perform(["manifests": [map("a"), map("b")]], stage.context(key: "k1"))
        _ = try await apply.perform(["manifests": [map("other")]], stage.context("another-step", key: "k2"))
        let records = Records()
        let result = try await apply.perform(
            ["manifests": [map("a")], "prune": true],
            stage.context(key: "k3", records: records)
        )
        #expect(result["pruned"] == [.string("ConfigMap \(stage.namespace)/b")])
        for (name, isThere) in [("a", true), ("b", false), ("other", true), ("stranger", true)] {
            #expect(try await (data(stage, name) != nil) == isThere, "\(name)")
        }
        _ = try await RestoreAction(cluster: stage.access).perform(try #require(records.undo), stage.context(key: "u"))
        #expect(try await data(stage, "b") == ["a": "1"])
    }

    @Test func `the step waits until what it has applied is ready`() async throws {
        let stage = try await Stage.make()
        let claim: JSONValue = [
            "apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": ["name": "disk"],
            "spec": [
                "accessModes": ["ReadWriteOnce"], "storageClassName": "none",
                "resources": ["requests": ["storage": "1Gi"]],
            ],
        ]
        let claims = try await stage.admin.resources(
            apiVersion: "v1",
            kind: "PersistentVolumeClaim",
            namespace: stage.namespace
        )
        // Twice: one that is made, and one that is there.
        for attempt in 1...2 {
            let hasEnded = Mutex(false)
            async let applied = {
                defer { hasEnded.withLock { $0 = true } }
                return try await ApplyAction(cluster: stage.access).perform(
                    ["manifests": [claim]],
                    stage.context(attempt: attempt)
                )
            }()
            while try await stage.object("v1", "PersistentVolumeClaim", "disk") == nil { await Task.yield() }
            #expect(!hasEnded.withLock { $0 })
            // What a volume's controller does.
            let status: JSONValue = ["status": ["phase": "Bound"]]
            _ = try await claims.patch("disk", .merge(status), subresource: "status")
            _ = try await applied
            _ = try await claims.patch("disk", .merge(["status": ["phase": "Pending"]]), subresource: "status")
        }
    }

    // MARK: Plans

    @Test func `a plan tells what would change, changes nothing, and another plan than the approved one is refused`()
        async throws
    {
        let stage = try await Stage.make()
        let apply = ApplyAction(cluster: stage.access)
        _ = try await apply.perform(["manifests": [map("a")]], stage.context(key: "k1"))
        let inputs: JSONValue = ["manifests": [map("a", ["a": "2"]), map("b")]]
        let plan = try await apply.plan(inputs, stage.context(key: "k2"))
        #expect(plan["objects"]?[0]?["action"] == "change")
        #expect(plan["objects"]?[0]?["changes"] == ["~ data.a: \"1\" -> \"2\""])
        #expect(plan["objects"]?[1]?["action"] == "create")
        #expect(try await data(stage, "a") == ["a": "1"])
        #expect(try await data(stage, "b") == nil)
        #expect(try await apply.plan(inputs, stage.context(key: "k3"))["digest"] == plan["digest"])
        var approved = inputs
        approved["planDigest"] = plan["digest"]
        var drifted = approved
        drifted["manifests"] = [map("a", ["a": "9"]), map("b")]
        let refused = await #expect(throws: StepError.self) {
            try await apply.perform(drifted, stage.context(key: "k4"))
        }
        #expect(refused?.summary == "Plan has drifted")
        #expect(try await data(stage, "b") == nil)
        let records = Records()
        _ = try await apply.perform(approved, stage.context(key: "k5", records: records))
        #expect(try await data(stage, "b") == ["a": "1"])
        _ = try await apply.perform(approved, stage.context(key: "k5", attempt: 2, undo: records.undo))
    }

    // MARK: Faults

    @Test func `a missing kind, a missing right and a namespace that is not there are told by name`() async throws {
        let stage = try await Stage.make([["apiGroups": [""], "resources": ["configmaps"], "verbs": ["get"]]])
        let apply = ApplyAction(cluster: stage.access)
        let unknown: JSONValue = ["apiVersion": "example.com/v9", "kind": "Nothing", "metadata": ["name": "x"]]
        let missing = await #expect(throws: StepError.self) {
            try await apply.perform(["manifests": [unknown]], stage.context())
        }
        #expect(missing?.description.contains("example.com/v9") ?? false)
        let records = Records()
        let forbidden = await #expect(throws: StepError.self) {
            try await apply.perform(["manifests": [map("a")]], stage.context(records: records))
        }
        for word in ["patch", "configmaps", stage.namespace, "deployer"] {
            #expect(forbidden?.description.contains(word) ?? false, "\(forbidden?.description ?? "") names \(word)")
        }
        #expect(forbidden?.errorClass == .permanent)
        let full = try await Stage.make()
        let nowhere = await #expect(throws: StepError.self) {
            try await ApplyAction(cluster: full.access).perform(
                ["manifests": [map("a")], "namespace": "nowhere"],
                full.context()
            )
        }
        #expect(nowhere?.description.contains("nowhere") ?? false)
    }

    @Test func `a namespace that is being deleted is told, and what came before is recorded as done`() async throws {
        let stage = try await Stage.make()
        let apply = ApplyAction(cluster: stage.access)
        var held = map("held")
        held["metadata"]?["finalizers"] = ["example.com/hold"]
        try await stage.make(held)
        let namespaces = try await stage.admin.resources(apiVersion: "v1", kind: "Namespace")
        try await namespaces.delete(stage.namespace)
        let records = Records()
        let error = await #expect(throws: StepError.self) {
            try await apply.perform(["manifests": [map("a")]], stage.context(records: records))
        }
        #expect(error?.errorClass == .permanent)
        #expect(error?.description.contains("being terminated") ?? false, "\(error?.description ?? "")")
        let maps = try await stage.admin.resources(apiVersion: "v1", kind: "ConfigMap", namespace: stage.namespace)
        _ = try await maps.patch("held", .merge(["metadata": ["finalizers": .null]]))
    }

    @Test func `cancellation ends the wait for readiness at once, and what was applied stays`() async throws {
        let stage = try await Stage.make()
        let deployment: JSONValue = [
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": ["name": "d"],
            "spec": [
                "replicas": 1, "selector": ["matchLabels": ["app": "d"]],
                "template": [
                    "metadata": ["labels": ["app": "d"]],
                    "spec": ["containers": [["name": "c", "image": "example.com/none"]]],
                ],
            ],
        ]
        let applying = Task {
            try await ApplyAction(cluster: stage.access).perform(["manifests": [deployment]], stage.context())
        }
        while try await stage.object("apps/v1", "Deployment", "d") == nil { await Task.yield() }
        applying.cancel()
        await #expect(throws: (any Error).self) { try await applying.value }
        #expect(try await stage.object("apps/v1", "Deployment", "d") != nil)
    }
}
