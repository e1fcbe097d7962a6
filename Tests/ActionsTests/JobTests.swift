import JSON
import KubeClient
import Synchronization
import Testing
import Workflows

@testable import Actions

/// Jobs of a real controller manager. There is no kubelet: the test itself says what becomes of a Pod.
@Suite(.timeLimit(.minutes(4))) struct JobTests {
    private let inputs: JSONValue = ["image": "example.com/smoke:1", "args": ["--deep"]]

    /// Waits for the Job's Pod and ends it as a kubelet would.
    private func endPod(_ stage: Stage, exitCode: Int64, message: String = "") async throws {
        let pods = try await stage.admin.resources(apiVersion: "v1", kind: "Pod", namespace: stage.namespace)
        var pod: DynamicObject?
        while pod == nil {
            pod = try await pods.list().items.first
            await Task.yield()
        }
        let name = try #require(pod).metadata.name
        let status: JSONValue = [
            "phase": exitCode == 0 ? "Succeeded" : "Failed",
            "containerStatuses": [
                [
                    "name": "main", "image": "example.com/smoke:1", "imageID": "x", "ready": false, "restartCount": 0,
                    "state": ["terminated": ["exitCode": .int(exitCode), "message": .string(message)]],
                ]
            ],
        ]
        _ = try await pods.patch(name, .merge(["status": status]), subresource: "status")
    }

    private func jobs(_ stage: Stage) async throws -> [DynamicObject] {
        try await stage.admin.resources(apiVersion: "batch/v1", kind: "Job", namespace: stage.namespace).list().items
    }

    @Test func `a Job that ends well gives its exit code and its termination message`() async throws {
        let stage = try await Stage.make()
        let records = Records()
        let action = JobAction(cluster: stage.access)
        async let output = action.perform(inputs, stage.context("smoke", records: records))
        try await endPod(stage, exitCode: 0, message: #"{"passed": 12}"#)
        let result = try await output
        #expect(result["exitCode"] == 0)
        #expect(result["message"] == ["passed": 12])
        let job = try #require(try await jobs(stage).first)
        #expect(job.metadata.name.hasPrefix("smoke-"))
        #expect(job.content[path: "spec", "template", "spec", "serviceAccountName"] == "deployer")
        #expect(records.resources == ["Job \(stage.namespace)/\(job.metadata.name)"])
    }

    @Test func `a Job that fails is told with exit code and message`() async throws {
        let stage = try await Stage.make()
        let action = JobAction(cluster: stage.access)
        async let output = action.perform(inputs, stage.context())
        try await endPod(stage, exitCode: 3, message: "no tiles")
        do {
            _ = try await output
            Issue.record("the Job has failed")
        } catch let error as StepError {
            #expect(error.errorClass == .permanent && error.hasHadEffect)
            #expect(error.description.contains("exit code 3") && error.description.contains("no tiles"), "\(error)")
        }
    }

    @Test func `a repetition waits for the Job that is there`() async throws {
        let stage = try await Stage.make()
        let action = JobAction(cluster: stage.access)
        let first = Task { try await action.perform(inputs, stage.context()) }
        while try await jobs(stage).isEmpty { await Task.yield() }
        first.cancel()
        await #expect(throws: (any Error).self) { try await first.value }
        #expect(try await jobs(stage).count == 1, "an operator that ends leaves its Jobs")
        async let output = action.perform(inputs, stage.context())
        try await endPod(stage, exitCode: 0)
        #expect(try await output["exitCode"] == 0)
        #expect(try await jobs(stage).count == 1)
    }

    @Test func `a step that is told to stop deletes its Job`() async throws {
        let stage = try await Stage.make()
        let action = JobAction(cluster: stage.access)
        let running = Task { try await action.perform(inputs, stage.context(wasStopped: true)) }
        while try await jobs(stage).isEmpty { await Task.yield() }
        running.cancel()
        await #expect(throws: (any Error).self) { try await running.value }
        while try await !jobs(stage).isEmpty { await Task.yield() }
    }

    @Test func `somebody else's Job of the same name is not touched`() async throws {
        let stage = try await Stage.make()
        let manifest = try JobManifest(inputs, stage.context())
        var stranger = manifest.object.content
        stranger["metadata"]?["annotations"] = nil
        try await stage.make(stranger)
        let error = await #expect(throws: StepError.self) {
            try await JobAction(cluster: stage.access).perform(inputs, stage.context())
        }
        #expect(error?.summary == "Object belongs to somebody else")
        #expect(try await jobs(stage).count == 1)
    }

    @Test func `either an image or a template is given, and a plan makes no Job`() async throws {
        let stage = try await Stage.make()
        let action = JobAction(cluster: stage.access)
        for wrong: JSONValue in [[:], ["image": "a", "template": ["spec": [:]]], ["template": [:]]] {
            await #expect(throws: StepError.self) { try await action.perform(wrong, stage.context()) }
        }
        let plan = try await action.plan(inputs, stage.context("smoke"))
        #expect(plan["changes"]?.array?.isEmpty == false)
        #expect(try await jobs(stage).isEmpty)
    }
}
