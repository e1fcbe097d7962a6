import JSON
import KubeClient
import TestClock
import TestEnvironment
import Testing
import Workflows

@testable import Actions

/// The `scale` action at a real API server with real controllers.
@Suite(.timeLimit(.minutes(5))) struct ScaleActionTests {
    private static let deployment: JSONValue = ["apiVersion": "apps/v1", "kind": "Deployment", "name": "tiles"]

    private func inputs(_ replicas: Int64, _ more: JSONValue = [:]) -> JSONValue {
        Self.deployment.merging(["replicas": .int(replicas)]).merging(more)
    }

    private func replicas(_ stage: Stage) async throws -> Int64? {
        try await stage.object("apps/v1", "Deployment", "tiles")?.content[path: "spec", "replicas"]?.int
    }

    @Test func `a Deployment gets its replicas, and the step ends when they are ready`() async throws {
        let stage = try await Stage.make()
        try await stage.makeWorkload("Deployment")
        let records = Records()
        let output = try await stage.withKubelet {
            try await ScaleAction(cluster: stage.access).perform(inputs(3), stage.context(records: records))
        }
        #expect(output == ["replicas": 3, "former": 2])
        let status = try await stage.object("apps/v1", "Deployment", "tiles")?.content["status"]
        #expect(status?["readyReplicas"] == 3)
        #expect(records.undo == inputs(2, ["namespace": .string(stage.namespace)]))
    }

    @Test func `what it records undoes it`() async throws {
        let stage = try await Stage.make()
        try await stage.makeWorkload("Deployment")
        let records = Records()
        let action = ScaleAction(cluster: stage.access)
        try await stage.withKubelet {
            _ = try await action.perform(inputs(3), stage.context(records: records))
            let undo = try #require(records.undo)
            #expect(action.inputSchema.violations(of: undo).isEmpty)
            _ = try await action.perform(undo, stage.context("undo", key: "key-2"))
        }
        #expect(try await replicas(stage) == 2)
    }

    @Test func `another attempt changes nothing more, and still knows the former number`() async throws {
        let stage = try await Stage.make()
        try await stage.makeWorkload("Deployment")
        let action = ScaleAction(cluster: stage.access)
        let records = Records()
        let waitless = inputs(3, ["waitUntilReady": false])
        _ = try await action.perform(waitless, stage.context(records: records))
        let generation = try await stage.object("apps/v1", "Deployment", "tiles")?.metadata.generation
        let again = Records()
        let output = try await action.perform(
            waitless,
            stage.context(attempt: 2, undo: records.undo, records: again)
        )
        #expect(output == ["replicas": 3, "former": 2])
        #expect(try await stage.object("apps/v1", "Deployment", "tiles")?.metadata.generation == generation)
        #expect(again.undo == nil)
    }

    @Test func `nothing to change is nothing to undo`() async throws {
        let stage = try await Stage.make()
        try await stage.makeWorkload("Deployment")
        let records = Records()
        let output = try await ScaleAction(cluster: stage.access)
            .perform(inputs(2, ["waitUntilReady": false]), stage.context(records: records))
        #expect(output == ["replicas": 2, "former": 2])
        #expect(records.undo == nil)
    }

    @Test func `the undo is recorded before the effect`() async throws {
        let stage = try await Stage.make()
        try await stage.makeWorkload("Deployment")
        struct StoreIsDown: Error {}
        let good = stage.context()
        let context = StepContext(
            processID: good.processID,
            namespace: good.namespace,
            serviceAccountName: good.serviceAccountName,
            step: good.step,
            idempotencyKey: good.idempotencyKey,
            recordUndo: { _ in throw StoreIsDown() },
            logger: good.logger
        )
        await #expect(throws: StoreIsDown.self) {
            try await ScaleAction(cluster: stage.access).perform(inputs(3), context)
        }
        #expect(try await replicas(stage) == 2)
    }

    /// Scales without a kubelet, so that the step waits for Pods that never start.
    private func scaling(_ stage: Stage, time: TimeSource = .system) async throws -> Task<JSONValue, any Error> {
        let scaling = Task {
            try await ScaleAction(cluster: stage.access).perform(inputs(3), stage.context(time: time))
        }
        try await deployments(stage).wait(for: "tiles") { $0.content[path: "spec", "replicas"] == 3 }
        return scaling
    }

    private func deployments(_ stage: Stage) async throws -> ResourceClient<DynamicObject> {
        try await stage.admin.resources(apiVersion: "apps/v1", kind: "Deployment", namespace: stage.namespace)
    }

    @Test func `a failure after the effect says that there was one`() async throws {
        let stage = try await Stage.make()
        try await stage.makeWorkload("Deployment")
        let scaling = try await scaling(stage)
        try await deployments(stage).delete("tiles")
        let error = await #expect(throws: StepError.self) { try await scaling.value }
        #expect(error?.errorClass == .permanent && error?.hasHadEffect == true)
        #expect(error?.detail?.contains("Deployment \(stage.namespace)/tiles") == true)
    }

    @Test func `cancellation ends the wait at once`() async throws {
        let stage = try await Stage.make()
        try await stage.makeWorkload("Deployment")
        let scaling = try await scaling(stage, time: TimeSource(ManualClock()))
        scaling.cancel()
        await #expect(throws: CancellationError.self) { try await scaling.value }
    }

    @Test func `too long a wait is a failure that names the object`() async throws {
        let stage = try await Stage.make()
        try await stage.makeWorkload("Deployment")
        let clock = ManualClock()
        let scaling = try await scaling(stage, time: TimeSource(clock))
        await clock.sleeper(until: .seconds(300))
        clock.advance(by: .seconds(300))
        let error = await #expect(throws: StepError.self) { try await scaling.value }
        #expect(error?.errorClass == .timeout)
        #expect(error?.detail?.contains("Deployment") == true && error?.detail?.contains("tiles") == true)
    }

    @Test func `without the right, the object, the kind or its replicas it fails for good`() async throws {
        let reader = try await Stage.make([
            ["apiGroups": ["*"], "resources": ["*"], "verbs": ["get", "list", "watch"]]
        ])
        try await reader.makeWorkload("Deployment")
        try await expectForbidden(
            reader,
            { ScaleAction(cluster: $0) },
            inputs(3),
            verb: "patch",
            resource: "deployments.apps/scale"
        )
        #expect(try await replicas(reader) == 2)
        for (inputs, summary, word) in [
            (inputs(3, ["name": "none"]), "Not Found", "none"),
            (inputs(3, ["kind": "Deploymint"]), "Unknown kind", "Deploymint"),
            (
                inputs(3, ["apiVersion": "v1", "kind": "ConfigMap"]), "Invalid configuration",
                "ConfigMap \(reader.namespace)/tiles cannot be scaled"
            ),
        ] {
            let error = await #expect(throws: StepError.self) {
                try await ScaleAction(cluster: reader.access).perform(inputs, reader.context())
            }
            #expect(error?.errorClass == .permanent && error?.summary == summary, "\(summary)")
            #expect(error?.detail?.contains(word) == true)
        }
    }

    @Test func `a plan shows both numbers and changes nothing`() async throws {
        let stage = try await Stage.make()
        try await stage.makeWorkload("Deployment")
        let plan = try await ScaleAction(cluster: stage.access).plan(inputs(5), stage.context())
        #expect(plan["would"]?.string == "scale Deployment \(stage.namespace)/tiles, replicas: 2 -> 5")
        #expect(plan["replicas"] == 5 && plan["former"] == 2)
        #expect(try await replicas(stage) == 2)
    }
}
