import JSON
import KubeClient
import Logging
import TestClock
import TestEnvironment
import Testing
import Workflows

@testable import Actions

/// The `wait` action at a real API server with real controllers.
@Suite(.timeLimit(.minutes(5))) struct WaitActionTests {
    private static let map: JSONValue = ["apiVersion": "v1", "kind": "ConfigMap", "name": "settings"]

    private func inputs(_ more: JSONValue, _ object: JSONValue = map) -> JSONValue { object.merging(more) }

    @Test func `a Deployment is waited for until it is made and ready`() async throws {
        let stage = try await Stage.make()
        let inputs: JSONValue = ["apiVersion": "apps/v1", "kind": "Deployment", "name": "tiles", "for": "Ready"]
        let output = try await stage.withKubelet {
            async let output = WaitAction(cluster: stage.access).perform(inputs, stage.context())
            try await stage.makeWorkload("Deployment")
            return try await output
        }
        #expect(output[path: "object", "status", "readyReplicas"] == 2)
        #expect(output[path: "object", "metadata", "namespace"]?.string == stage.namespace)
        #expect(output[path: "object", "metadata", "uid"]?.string?.isEmpty == false)
        #expect(output[path: "object", "spec"] == nil)
    }

    @Test func `a Pod that fails ends the wait for Ready at once and for good`() async throws {
        let stage = try await Stage.make()
        try await stage.make([
            "apiVersion": "v1", "kind": "Pod", "metadata": ["name": "once"],
            "spec": ["containers": [["name": "main", "image": "example.test/once:1"]]],
        ])
        let pod: JSONValue = ["apiVersion": "v1", "kind": "Pod", "name": "once"]
        let outcome = Task {
            try await WaitAction(cluster: stage.access).perform(inputs(["for": "Ready"], pod), stage.context())
        }
        // In place of the kubelet.
        try await stage.setStatus("v1", "Pod", "once", ["phase": "Failed", "reason": "Evicted", "message": "no disk"])
        let error = await #expect(throws: StepError.self) { try await outcome.value }
        #expect(error?.errorClass == .permanent)
        #expect(error?.detail == "Pod \(stage.namespace)/once: the Pod has failed: Evicted: no disk")
    }

    @Test func `a condition may have any status, in small or capital letters`() async throws {
        let stage = try await Stage.make()
        try await stage.makeWorkload("Deployment")
        let deployment: JSONValue = ["apiVersion": "apps/v1", "kind": "Deployment", "name": "tiles"]
        let action = WaitAction(cluster: stage.access)
        // Without a kubelet no Pod is ready.
        _ = try await action.perform(inputs(["for": "condition=available=false"], deployment), stage.context())
        let plan = try await action.plan(inputs(["for": "condition=Available"], deployment), stage.context())
        #expect(plan["now"]?.string?.hasPrefix("Available is False") == true)
    }

    @Test func `a test is evaluated at each change, and is not true where it cannot be`() async throws {
        let stage = try await Stage.make()
        async let output = WaitAction(cluster: stage.access)
            .perform(inputs(["test": "object.data.count == '2'"]), stage.context())
        for data: JSONValue in [["other": "1"], ["count": "1"], ["count": "2"]] {
            try await stage.make([
                "apiVersion": "v1", "kind": "ConfigMap", "metadata": ["name": "settings"], "data": data,
            ])
        }
        #expect(try await output[path: "object", "metadata", "name"] == "settings")
    }

    @Test func `a test that is neither true nor false is refused, and so is one that is no expression`() async throws {
        let stage = try await Stage.make()
        try await stage.make(["apiVersion": "v1", "kind": "ConfigMap", "metadata": ["name": "settings"]])
        let action = WaitAction(cluster: stage.access)
        let error = await #expect(throws: StepError.self) {
            try await action.perform(inputs(["test": "object.kind"]), stage.context())
        }
        #expect(error?.errorClass == .permanent)
        let schema = action.inputSchema
        #expect(schema.violations(of: inputs(["test": "object.kind == 'ConfigMap'"])).isEmpty)
        for bad: JSONValue in [
            ["test": "object.("], ["test": "input.x"], ["for": "Readyy"], ["for": "condition="], [:],
            ["for": "Ready", "test": "true"], ["for": "Ready", "timeout": "soon"],
        ] {
            #expect(!schema.violations(of: inputs(bad)).isEmpty, "\(bad)")
        }
    }

    @Test func `an object is waited for until it is gone`() async throws {
        let stage = try await Stage.make()
        let map: JSONValue = [
            "apiVersion": "v1", "kind": "ConfigMap",
            "metadata": ["name": "settings", "finalizers": ["example.dev/hold"]],
        ]
        try await stage.make(map)
        let maps = try await stage.admin.resources(apiVersion: "v1", kind: "ConfigMap", namespace: stage.namespace)
        try await maps.delete("settings")
        let action = WaitAction(cluster: stage.access)
        let plan = try await action.plan(inputs(["for": "Deleted"]), stage.context())
        #expect(plan["now"] == "it is being deleted, held by example.dev/hold")
        async let output = action.perform(inputs(["for": "Deleted"]), stage.context())
        _ = try await maps.patch("settings", .merge(["metadata": ["finalizers": .null]]))
        #expect(
            try await output == [
                "object": [
                    "apiVersion": "v1", "kind": "ConfigMap",
                    "metadata": ["name": "settings", "namespace": .string(stage.namespace)],
                ]
            ]
        )
        // Nothing is there, and nothing was.
        _ = try await action.perform(inputs(["for": "Deleted"]), stage.context())
    }

    @Test func `an object that has taken the place of a deleted one is not it`() throws {
        let reference = ObjectReference(apiVersion: "v1", kind: "ConfigMap", namespace: "a", name: "settings")
        let object = try DynamicObject(json: ["metadata": ["name": "settings", "uid": "second"]])
        #expect(try WaitGoal.deleted.verdict(of: object, reference, first: "first") == .met)
        #expect(try WaitGoal.deleted.verdict(of: object, reference, first: "second") != .met)
    }

    @Test func `a condition of a former generation does not count`() throws {
        let reference = ObjectReference(apiVersion: "a/v1", kind: "A", namespace: nil, name: "a")
        let goal = try #require(WaitGoal.named("condition=Available"))
        for (generation, isMet) in [(1, true), (2, false)] {
            let object = try DynamicObject(json: [
                "metadata": ["name": "a", "generation": .int(Int64(generation))],
                "status": ["observedGeneration": 1, "conditions": [["type": "Available", "status": "True"]]],
            ])
            #expect(try (goal.verdict(of: object, reference, first: nil) == .met) == isMet)
        }
    }

    @Test func `an object of the cluster needs no namespace`() async throws {
        let stage = try await Stage.make()
        let admin = ClusterAccess(client: stage.admin)
        let inputs: JSONValue = [
            "apiVersion": "v1", "kind": "Namespace", "name": .string(stage.namespace), "for": "Ready",
        ]
        // The account may not look at it; what it is told names no namespace it would be in.
        let error = await #expect(throws: StepError.self) {
            try await WaitAction(cluster: admin).perform(inputs, stage.context())
        }
        #expect(error?.detail?.contains("namespaces") == true && error?.detail?.contains("in namespace") == false)
    }

    @Test func `a large status is left out, and the output says so`() async throws {
        let stage = try await Stage.make()
        let reference = ObjectReference(apiVersion: "a/v1", kind: "A", namespace: stage.namespace, name: "a")
        for (size, fits) in [(1000, true), (20_000, false)] {
            let object = try DynamicObject(json: [
                "metadata": ["name": "a", "uid": "u"], "status": ["text": .string(String(repeating: "x", count: size))],
            ])
            let output = ObjectSummary.output(of: object, reference)
            #expect((output[path: "object", "status"] != nil) == fits)
            #expect((output["omitted"] == nil) == fits)
            #expect(output.serialized().count <= WaitAction.maximumOutputBytes)
        }
    }

    @Test func `cancellation ends the wait at once`() async throws {
        let stage = try await Stage.make()
        let clock = ManualClock()
        let waiting = Task {
            try await WaitAction(cluster: stage.access)
                .perform(inputs(["for": "Ready"]), stage.context(time: TimeSource(clock)))
        }
        await clock.sleepers(1)
        waiting.cancel()
        await #expect(throws: CancellationError.self) { try await waiting.value }
    }

    @Test func `the time limit is the step's own clock, and the error names the object`() async throws {
        let stage = try await Stage.make()
        let clock = ManualClock()
        let outcome = Task {
            try await WaitAction(cluster: stage.access)
                .perform(inputs(["for": "Ready", "timeout": "1h"]), stage.context(time: TimeSource(clock)))
        }
        await clock.sleeper(until: .seconds(3600))
        clock.advance(by: .seconds(3600))
        let error = await #expect(throws: StepError.self) { try await outcome.value }
        #expect(error?.errorClass == .timeout && error?.summary == "Timeout exceeded")
        #expect(error?.detail?.contains("ConfigMap") == true && error?.detail?.contains("settings") == true)
    }

    @Test func `what is still missing is what the error says after the time limit`() async throws {
        let stage = try await Stage.make()
        let clock = ManualClock()
        let report = WaitReport(Self.map)
        let reference = ObjectReference(
            apiVersion: "v1",
            kind: "ConfigMap",
            namespace: stage.namespace,
            name: "settings"
        )
        let context = stage.context(time: TimeSource(clock))
        let outcome = Task {
            try await context.within(.seconds(3600), report) {
                try await stage.admin.wait(for: reference, time: context.time, report: report) { object in
                    object == nil ? .notYet("there is no such object") : .met
                }
            }
        }
        try await eventually { report.text.contains("no such object") }
        await clock.sleeper(until: .seconds(3600))
        clock.advance(by: .seconds(3600))
        let error = await #expect(throws: StepError.self) { try await outcome.value }
        let missing = "ConfigMap \(stage.namespace)/settings: there is no such object"
        #expect(error?.detail == "after 3600.0 seconds, still waiting: \(missing)")
    }

    @Test func `an account that may not look, and a kind that does not exist, fail for good`() async throws {
        let stage = try await Stage.make([["apiGroups": [""], "resources": ["configmaps"], "verbs": ["get", "list"]]])
        // It may list and not watch.
        try await expectForbidden(
            stage,
            { WaitAction(cluster: $0) },
            inputs(["for": "Ready"]),
            verb: "watch",
            resource: "configmaps"
        )
        let error = await #expect(throws: StepError.self) {
            try await WaitAction(cluster: stage.access).perform(
                ["apiVersion": "v1", "kind": "ConfigMapp", "name": "a", "for": "Ready"],
                stage.context()
            )
        }
        #expect(error?.errorClass == .permanent && error?.summary == "Unknown kind")
        #expect(error?.detail?.contains("ConfigMapp") == true)
    }

    @Test func `a plan says what would be waited for, and how the object is now`() async throws {
        let stage = try await Stage.make()
        let action = WaitAction(cluster: stage.access)
        let missing = try await action.plan(inputs(["for": "Ready"]), stage.context())
        #expect(missing["would"]?.string == "wait for ConfigMap \(stage.namespace)/settings to be Ready")
        #expect(missing["now"] == "there is no such object")
        try await stage.make(["apiVersion": "v1", "kind": "ConfigMap", "metadata": ["name": "settings"]])
        let there = try await action.plan(inputs(["for": "Ready"]), stage.context())
        #expect(there["now"] == "it is" && there[path: "object", "metadata", "uid"] != nil)
    }
}
