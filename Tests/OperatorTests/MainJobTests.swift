import CRDs
import Foundation
import JSON
import KubeClient
import TestEnvironment
import Testing
import Workflows

/// The operator as its users see it: a real program, a real API server.
@Suite(.timeLimit(.minutes(10))) struct MainJobTests {
    @Test func `a Test process goes from applied to Ready with at most four writes and two events`() async throws {
        try await OperatorFixture.with { fixture in
            try await fixture.withOperator { _ in
                let created = try await fixture.create("test", ["processType": "Test"])
                #expect(created.status?.phase == .pending)
                let process = try await fixture.waitForEnd("test")
                #expect(process.status?.phase == .completed)
                #expect(process.condition("Ready") == .true)
                #expect(process.status?.completionPercentage == 100)
                #expect(process.status?.steps?.map(\.phase) == [.completed, .completed, .completed])
                #expect(process.metadata.finalizers == [HonuaProcess.finalizer])
                #expect(process.metadata.labels?[HonuaProcess.processIDLabel] == process.metadata.uid)
            }
            // The operator delivers what it has recorded before it ends, so now all events are there.
            let reasons = try await fixture.events(about: "test").compactMap { $0["reason"]?.string }
            #expect(Set(reasons) == ["ProcessStarted", "ProcessCompleted"])
        }
    }

    @Test func `the writes to one three-step process are at most four`() async throws {
        try await OperatorFixture.with { fixture in
            try await fixture.withHistory { attempt, version in
                let name = "test\(attempt)"
                try await fixture.withOperator { _ in
                    try await fixture.create(name, ["processType": "Test"])
                    try await fixture.waitForEnd(name)
                }
                var writes = 0
                try await fixture.processes.observe(from: version) { event in
                    guard case .modified(let process) = event else { return false }
                    writes += 1
                    return process.condition("Completed") == .true
                }
                #expect((2...4).contains(writes), "\(writes) writes")
            }
        }
    }

    @Test func `steps run in the order of their needs and pass their key to the service`() async throws {
        try await EffectServer.with { server in
            try await OperatorFixture.with { fixture in
                try await fixture.withOperator { _ in
                    try await fixture.create("five", OperatorFixture.fiveEffects(on: server))
                    let process = try await fixture.waitForEnd("five")
                    #expect(process.condition("Ready") == .true)
                    #expect(server.effects.map(\.name) == ["step1", "step2", "step3", "step4", "step5"])
                    #expect(server.effects.map(\.key) == process.status?.steps?.map { $0.key ?? "" })
                }
            }
        }
    }

    @Test func `bad resources say what is wrong with them and leave others alone`() async throws {
        try await OperatorFixture.with { fixture in
            try await fixture.withOperator { _ in
                try await fixture.create("unknown-type", ["processType": "Frobnicate"])
                let echo: JSONValue = ["name": "a", "action": "echo", "needs": ["b"], "with": ["message": "x"]]
                let other: JSONValue = ["name": "b", "action": "echo", "needs": ["a"], "with": ["message": "x"]]
                try await fixture.create("cycle", ["steps": [echo, other]])
                try await fixture.create("no-such-action", ["steps": [["name": "a", "action": "teleport"]]])
                // API servers before 1.25 do not know the rule, and the operator does; the others refuse the object.
                let rule = "exactly one of processType, templateRef and steps"
                var isRefusedByServer = false
                do {
                    try await fixture.create(
                        "both",
                        ["processType": "Test", "steps": [["name": "a", "action": "echo"]]]
                    )
                } catch let error as KubeError where error.code == .invalid {
                    isRefusedByServer = true
                    #expect(error.message.contains(rule))
                }
                try await fixture.create("good", ["processType": "Test"])
                for (name, words) in [
                    ("unknown-type", "spec.processType: there is no process type \"Frobnicate\"; there are: Test"),
                    ("cycle", "a -> b -> a"),
                    ("no-such-action", "spec.steps[0].action: there is no action \"teleport\""),
                    ("both", rule),
                ] where !(name == "both" && isRefusedByServer) {
                    let process = try await fixture.processes.wait(for: name) { $0.condition("Stalled") == .true }
                    #expect(process.reason() == "InvalidSpec")
                    #expect(process.message()?.contains(words) == true, "\(process.message() ?? "")")
                    #expect(process.condition("Completed") == .false)
                    #expect(conditionLaws(process) == [])
                }
                #expect(try await fixture.waitForEnd("good").condition("Ready") == .true)
                // Mending the resource is all it takes.
                let fixed: JSONValue = ["name": "a", "action": "echo", "with": ["message": "x"], "needs": .null]
                try await fixture.patch("cycle", spec: ["steps": [fixed]])
                #expect(try await fixture.waitForEnd("cycle").condition("Ready") == .true)
            }
        }
    }

    @Test func `a step without an action is refused by the API server itself`() async throws {
        try await OperatorFixture.with { fixture in
            let error = await #expect(throws: KubeError.self) {
                try await fixture.create("bad", ["steps": [["name": "a"]]])
            }
            #expect(error?.code == .invalid)
            #expect(error?.description.contains("action") == true)
        }
    }

    @Test func `suspend holds a process between two steps, resume lets it go on`() async throws {
        try await EffectServer.with { server in
            try await OperatorFixture.with { fixture in
                try await fixture.withOperator { _ in
                    server.hold("step2")
                    try await fixture.create("five", OperatorFixture.fiveEffects(on: server))
                    await server.received("step2")
                    try await fixture.patch("five", spec: ["suspend": true])
                    let paused = try await fixture.processes.wait(for: "five") { $0.status?.phase == .paused }
                    #expect(paused.reason("Reconciling") == "Suspended")
                    #expect(conditionLaws(paused) == [])
                    server.release("step2")
                    try await fixture.processes.wait(for: "five") { $0.status?.completionPercentage == 40 }
                    #expect(server.keys(of: "step3").isEmpty)
                    try await fixture.patch("five", spec: ["suspend": false])
                    #expect(try await fixture.waitForEnd("five").condition("Ready") == .true)
                    #expect(server.effects.count == 5)
                }
            }
        }
    }

    @Test func `a process that is suspended from the beginning starts when it is resumed`() async throws {
        try await OperatorFixture.with { fixture in
            try await fixture.withOperator { _ in
                try await fixture.create("test", ["processType": "Test", "suspend": true])
                let waiting = try await fixture.processes.wait(for: "test") { $0.condition("Suspended") == .true }
                #expect(waiting.status?.phase == .pending)
                try await fixture.patch("test", spec: ["suspend": false])
                #expect(try await fixture.waitForEnd("test").condition("Ready") == .true)
            }
        }
    }

    @Test(arguments: ["Graceful", "Force"]) func `cancel ends a running process`(mode: String) async throws {
        try await OperatorFixture.with { fixture in
            try await fixture.withOperator { _ in
                try await fixture.create(
                    "long",
                    ["steps": [["name": "a", "action": "delay", "with": ["duration": "1h"]]]]
                )
                try await fixture.processes.wait(for: "long") { $0.status?.phase == .running }
                try await fixture.patch("long", spec: ["cancel": ["mode": .string(mode)]])
                let process = try await fixture.waitForEnd("long")
                #expect(process.status?.phase == .cancelled)
                #expect(process.reason("Stalled") == "Cancelled")
            }
        }
    }

    @Test func `a new rerunToken runs a finished process again, with new keys, and only once`() async throws {
        try await EffectServer.with { server in
            try await OperatorFixture.with { fixture in
                try await fixture.withOperator { _ in
                    let steps: JSONValue = [["name": "a", "action": "http", "with": ["url": .string(server.url("a"))]]]
                    try await fixture.create("again", ["steps": steps, "rerunToken": "1"])
                    try await fixture.waitForEnd("again")
                    try await fixture.patch("again", spec: ["rerunToken": "2"])
                    let process = try await fixture.processes.wait(for: "again") {
                        $0.status?.rerun == 1 && $0.condition("Completed") == .true
                    }
                    #expect(process.status?.rerunToken == "2")
                    #expect(Set(server.keys(of: "a")).count == 2)
                    #expect(server.keys(of: "a").count == 2)
                }
            }
        }
    }

    @Test func `changing the spec of a running process changes nothing but a condition`() async throws {
        try await EffectServer.with { server in
            try await OperatorFixture.with { fixture in
                try await fixture.withOperator { _ in
                    server.hold("step1")
                    try await fixture.create("five", OperatorFixture.fiveEffects(on: server))
                    await server.received("step1")
                    try await fixture.patch("five", spec: ["input": ["region": "elsewhere"]])
                    server.release("step1")
                    let process = try await fixture.waitForEnd("five")
                    #expect(process.condition("Ready") == .true)
                    #expect(process.condition("DefinitionChanged") == .true)
                    #expect(server.effects.count == 5)
                }
            }
        }
    }

    @Test func `deleting a running process cancels it and lets the resource go`() async throws {
        try await OperatorFixture.with { fixture in
            try await fixture.withOperator { operatorProcess in
                try await fixture.create(
                    "long",
                    ["steps": [["name": "a", "action": "delay", "with": ["duration": "1h"]]]]
                )
                let process = try await fixture.processes.wait(for: "long") { $0.status?.phase == .running }
                try await fixture.processes.delete("long")
                try await fixture.processes.waitUntilGone("long")
                try await operatorProcess.child.line(containing: "Process \(process.metadata.uid) cleanup")
            }
        }
    }

    @Test func `a failed step's service is tried again, and the process says so meanwhile`() async throws {
        try await EffectServer.with { server in
            try await OperatorFixture.with { fixture in
                try await fixture.withOperator { _ in
                    // It waits for as long as the test takes.
                    server.answer("step2", with: [503])
                    try await fixture.create("patient", OperatorFixture.fiveEffects(on: server, backoff: "5m"))
                    let retrying = try await fixture.processes.wait(for: "patient") {
                        $0.reason("Reconciling") == "ProgressingWithRetry"
                    }
                    #expect(conditionLaws(retrying) == [])
                    let before = server.keys(of: "step2")
                    server.answer("step2", with: [503, 429])
                    try await fixture.create("five", OperatorFixture.fiveEffects(on: server))
                    #expect(try await fixture.waitForEnd("five").condition("Ready") == .true)
                    let keys = server.keys(of: "step2").dropFirst(before.count)
                    #expect(keys.count == 3)
                    #expect(Set(keys).count == 1)
                }
            }
        }
    }

    @Test func `a step that gives up fails the process with the text people group by`() async throws {
        try await EffectServer.with { server in
            try await OperatorFixture.with { fixture in
                try await fixture.withOperator { _ in
                    server.answer("a", with: [403])
                    let step: JSONValue = ["name": "a", "action": "http", "with": ["url": .string(server.url("a"))]]
                    try await fixture.create("failing", ["steps": [step]])
                    let process = try await fixture.waitForEnd("failing")
                    #expect(process.status?.errorMessage == "step a: 403 Forbidden")
                    #expect(process.reason("Stalled") == "StepFailed")
                    #expect(server.effects.count == 1)
                }
            }
        }
    }

    @Test func `a process that takes too long fails with Timeout exceeded`() async throws {
        try await OperatorFixture.with { fixture in
            try await fixture.withOperator { operatorProcess in
                let steps: JSONValue = [["name": "a", "action": "delay", "with": ["duration": "1h"]]]
                let created = try await fixture.create("late", ["steps": steps, "timeout": "1s"])
                let process = try await fixture.waitForEnd("late")
                #expect(process.status?.errorMessage == "Timeout exceeded")
                #expect(process.reason("Stalled") == "DeadlineExceeded")
                try await operatorProcess.child.line(containing: "Process \(created.metadata.uid) exceeded timeout of")
            }
        }
    }

    @Test func `two hundred processes applied at once all complete, ten at a time`() async throws {
        try await OperatorFixture.with { fixture in
            try await fixture.withOperator { _ in
                try await fixture.withHistory { attempt, version in
                    try await withThrowingTaskGroup(of: Void.self) { group in
                        for number in 0..<200 {
                            group.addTask { try await fixture.create("p\(attempt)-\(number)", ["processType": "Test"]) }
                        }
                        try await group.waitForAll()
                    }
                    var running: Set<String> = []
                    var done: Set<String> = []
                    var writes: [String: Int] = [:]
                    var most = 0
                    try await fixture.processes.observe(from: version) { event in
                        guard case .modified(let process) = event else { return false }
                        let name = process.metadata.name
                        writes[name, default: 0] += 1
                        if process.condition("Completed") == .true {
                            #expect(process.condition("Ready") == .true)
                            running.remove(name)
                            done.insert(name)
                        } else if process.status?.phase == .running {
                            running.insert(name)
                            most = max(most, running.count)
                        }
                        return done.count == 200
                    }
                    #expect(done.count == 200)
                    #expect((writes.values.max() ?? 0) <= 4)
                    // A slot is free as soon as the state says so, a moment before the resource shows it.
                    #expect(most <= 20, "\(most) processes were shown as running at once")
                }
            }
        }
    }
}
