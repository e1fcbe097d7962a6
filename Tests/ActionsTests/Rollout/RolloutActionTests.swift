import JSON
import KubeClient
import TestClock
import TestEnvironment
import Testing
import Workflows

@testable import Actions

/// The `rollout` action at a real API server with real controllers.
@Suite(.timeLimit(.minutes(8))) struct RolloutActionTests {
    private func inputs(_ order: String, _ kind: String = "Deployment", _ more: JSONValue = [:]) -> JSONValue {
        let inputs: JSONValue = ["kind": .string(kind), "name": "tiles", "do": .string(order)]
        return inputs.merging(more)
    }

    /// How many templates there were, as the controller counts them.
    private func revision(_ stage: Stage) async throws -> String? {
        try await stage.object("apps/v1", "Deployment", "tiles")?
            .metadata.annotations?["deployment.kubernetes.io/revision"]
    }

    private func restartedAt(_ stage: Stage, _ kind: String = "Deployment") async throws -> String? {
        let template = try await stage.object("apps/v1", kind, "tiles")?.content[path: "spec", "template"]
        return template?[path: "metadata", "annotations", RolloutAction.restartAnnotation]?.string
    }

    /// A workload that is rolled out with one image after the other. Wants a kubelet.
    private func roll(_ stage: Stage, _ kind: String, _ images: [String]) async throws {
        for image in images {
            try await stage.makeWorkload(kind, replicas: kind == "DaemonSet" ? nil : 2, image: image)
            _ = try await RolloutAction(cluster: stage.access)
                .perform(inputs("wait", kind), stage.context(key: "roll-\(image)"))
        }
    }

    @Test(arguments: ["Deployment", "StatefulSet", "DaemonSet"])
    func `a restart replaces the Pods once, however often the step is repeated`(_ kind: String) async throws {
        let stage = try await Stage.make()
        try await stage.withKubelet {
            try await roll(stage, kind, ["example.test/tiles:1"])
            let pods = try await stage.admin.resources(apiVersion: "v1", kind: "Pod", namespace: stage.namespace)
            let before = Set(try await pods.list().items.map(\.metadata.uid))
            let action = RolloutAction(cluster: stage.access)
            #expect(try await action.perform(inputs("restart", kind), stage.context()) == ["changed": true])
            let first = try await restartedAt(stage, kind)
            #expect(first != nil)
            let after = Set(
                try await pods.list().items.filter { $0.metadata.deletionTimestamp == nil }.map(\.metadata.uid)
            )
            #expect(after.isDisjoint(with: before))
            // There are no nodes for a DaemonSet.
            #expect(after.count == (kind == "DaemonSet" ? 0 : 2))
            #expect(
                try await action.perform(inputs("restart", kind), stage.context(attempt: 2)) == ["changed": false]
            )
            #expect(try await restartedAt(stage, kind) == first)
            #expect(
                try await action.perform(inputs("restart", kind), stage.context(key: "key-2")) == ["changed": true]
            )
            #expect(try await restartedAt(stage, kind) != first)
        }
    }

    @Test(arguments: ["Deployment", "StatefulSet", "DaemonSet"])
    func `an undo goes back to the former template, once, and to any revision that is kept`(_ kind: String) async throws
    {
        let stage = try await Stage.make()
        try await stage.withKubelet {
            try await roll(stage, kind, ["a", "b", "c"])
            let action = RolloutAction(cluster: stage.access)
            let former = try await action.perform(inputs("undo", kind), stage.context())
            #expect(former == ["changed": true, "toRevision": 2])
            #expect(try await stage.image(kind) == "b")
            // The undo of the undo would be c.
            #expect(try await action.perform(inputs("undo", kind), stage.context(attempt: 2)) == ["changed": false])
            #expect(try await stage.image(kind) == "b")
            let first = inputs("undo", kind, ["toRevision": 1])
            _ = try await action.perform(first, stage.context(key: "key-2"))
            #expect(try await stage.image(kind) == "a")
            // It has become revision 5.
            let error = await #expect(throws: StepError.self) {
                try await action.perform(first, stage.context(key: "key-3"))
            }
            #expect(error?.errorClass == .permanent && error?.summary == "No such revision")
            #expect(error?.detail == "\(kind) \(stage.namespace)/tiles has no revision 1; it has 3, 4, 5")
            let present = inputs("undo", kind, ["toRevision": 5])
            #expect(
                try await action.perform(present, stage.context(key: "key-4")) == ["changed": false, "toRevision": 5]
            )
        }
    }

    @Test func `the template is replaced as a whole, and keeps nothing of the later one`() async throws {
        let stage = try await Stage.make()
        try await stage.withKubelet {
            try await roll(stage, "Deployment", ["a"])
            let labels: JSONValue = ["app": "tiles", "extra": "label"]
            let deployments = try await stage.admin.resources(
                apiVersion: "apps/v1",
                kind: "Deployment",
                namespace: stage.namespace
            )
            _ = try await deployments.patch(
                "tiles",
                .merge(["spec": ["template": ["metadata": ["labels": labels], "spec": ["priority": 5]]]])
            )
            _ = try await RolloutAction(cluster: stage.access).perform(inputs("undo"), stage.context())
            let template = try await deployments.get("tiles").content[path: "spec", "template"]
            #expect(template?[path: "metadata", "labels"] == ["app": "tiles"])
            #expect(template?[path: "spec", "priority"] == nil)
        }
        #expect(try await revision(stage) == "3")
    }

    @Test func `without a former revision there is no undo, and a paused Deployment is left alone`() async throws {
        let stage = try await Stage.make()
        try await stage.makeWorkload("Deployment")
        let action = RolloutAction(cluster: stage.access)
        let none = await #expect(throws: StepError.self) { try await action.perform(inputs("undo"), stage.context()) }
        #expect(none?.errorClass == .permanent && none?.summary == "No former revision")
        #expect(none?.detail?.contains("Deployment \(stage.namespace)/tiles") == true)
        try await stage.makeWorkload("Deployment", spec: ["paused": true])
        let paused = await #expect(throws: StepError.self) {
            try await action.perform(inputs("restart"), stage.context())
        }
        #expect(paused?.errorClass == .permanent && paused?.detail?.contains("paused") == true)
        #expect(try await restartedAt(stage) == nil)
    }

    @Test func `a rollout that exceeds its deadline fails the step, and going back then succeeds`() async throws {
        let stage = try await Stage.make()
        let action = RolloutAction(cluster: stage.access)
        // Pods of the bad image do not start.
        let isGood: @Sendable (DynamicObject) -> Bool = { pod in
            pod.content[path: "spec", "containers"]?[0]?["image"] == "good"
        }
        // With Recreate the first status after going back still tells of the failure before.
        let spec: JSONValue = ["strategy": ["type": "Recreate"]]
        try await stage.withKubelet(isReady: isGood) {
            try await stage.makeWorkload("Deployment", image: "good", spec: spec)
            _ = try await action.perform(inputs("wait"), stage.context(key: "first"))
            try await stage.makeWorkload(
                "Deployment",
                image: "bad",
                spec: spec.merging(["progressDeadlineSeconds": 1])
            )
            let error = await #expect(throws: StepError.self) {
                try await action.perform(inputs("wait"), stage.context(key: "second"))
            }
            #expect(error?.errorClass == .permanent && error?.summary == "Object failed")
            #expect(error?.detail?.contains("progress deadline exceeded") == true)
            #expect(error?.hasHadEffect == false)
            // A second would be too short for a busy machine.
            let deployments = try await stage.admin.resources(
                apiVersion: "apps/v1",
                kind: "Deployment",
                namespace: stage.namespace
            )
            _ = try await deployments.patch("tiles", .merge(["spec": ["progressDeadlineSeconds": 600]]))
            #expect(try await action.perform(inputs("undo"), stage.context())["changed"] == true)
            #expect(try await stage.image("Deployment") == "good")
        }
    }

    @Test func `two runs of one step at the same time restart once`() async throws {
        let stage = try await Stage.make()
        let made = try await stage.makeWorkload("Deployment")
        let restart = inputs("restart", "Deployment", ["wait": false])
        let changes = try await withThrowingTaskGroup(of: JSONValue?.self) { group in
            for _ in 0..<4 {
                group.addTask {
                    try await RolloutAction(cluster: stage.access).perform(restart, stage.context())["changed"]
                }
            }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(changes.count { $0 == true } == 1)
        let now = try await stage.object("apps/v1", "Deployment", "tiles")
        #expect(now?.metadata.generation == made.metadata.generation.map { $0 + 1 })
    }

    @Test func `without wait the step ends with the change, and with it cancellation ends it at once`() async throws {
        let stage = try await Stage.make()
        try await stage.makeWorkload("Deployment")
        let action = RolloutAction(cluster: stage.access)
        // No Pod ever starts here.
        let changed = try await action.perform(inputs("restart", "Deployment", ["wait": false]), stage.context())
        #expect(changed == ["changed": true])
        let waiting = Task {
            try await action.perform(inputs("restart"), stage.context(key: "key-2", time: TimeSource(ManualClock())))
        }
        let deployments = try await stage.admin.resources(
            apiVersion: "apps/v1",
            kind: "Deployment",
            namespace: stage.namespace
        )
        try await deployments.wait(for: "tiles") { $0.metadata.annotations?[RolloutAction.keyAnnotation] == "key-2" }
        waiting.cancel()
        await #expect(throws: CancellationError.self) { try await waiting.value }
    }

    @Test func `without the right, the workload or its kind it fails for good`() async throws {
        let stage = try await Stage.make([["apiGroups": ["apps"], "resources": ["deployments"], "verbs": ["get"]]])
        try await stage.makeWorkload("Deployment")
        try await expectForbidden(
            stage,
            { RolloutAction(cluster: $0) },
            inputs("restart"),
            verb: "patch",
            resource: "deployments.apps"
        )
        try await expectForbidden(
            stage,
            { RolloutAction(cluster: $0) },
            inputs("wait"),
            verb: "list",
            resource: "deployments.apps"
        )
        for (inputs, summary) in [
            (inputs("restart", "Deployment", ["name": "none"]), "Not Found"),
            (inputs("restart", "Deployment", ["apiVersion": "apps/v7"]), "Unknown kind"),
        ] {
            let error = await #expect(throws: StepError.self) {
                try await RolloutAction(cluster: stage.access).perform(inputs, stage.context())
            }
            #expect(error?.errorClass == .permanent && error?.summary == summary)
        }
        let schema = RolloutAction(cluster: stage.access).inputSchema
        #expect(schema.violations(of: inputs("restart")).isEmpty)
        for bad in [
            inputs("jump"), inputs("restart", "Job"), inputs("restart", "Deployment", ["toRevision": 1]),
            inputs("wait", "Deployment", ["wait": false]),
        ] {
            #expect(!schema.violations(of: bad).isEmpty, "\(bad)")
        }
    }

    @Test func `a plan says what would be done and changes nothing`() async throws {
        let stage = try await Stage.make()
        let action = RolloutAction(cluster: stage.access)
        try await stage.withKubelet {
            try await roll(stage, "Deployment", ["a", "b"])
            let undo = try await action.plan(inputs("undo"), stage.context())
            #expect(undo["would"]?.string == "take Deployment \(stage.namespace)/tiles back to revision 1")
            #expect(undo["now"] == "it is rolled out")
            let restart = try await action.plan(inputs("restart"), stage.context())
            #expect(restart["would"]?.string == "restart the Pods of Deployment \(stage.namespace)/tiles")
        }
        #expect(try await revision(stage) == "2")
        #expect(try await restartedAt(stage) == nil)
    }
}
