import JSON
import Testing

@testable import Workflows

@Suite struct ProcessMachineTests {
    @Test func `steps run when what they need is completed, in parallel up to the limit`() {
        var process = MachineDriver(workflow("a", "b", "c", "d(a,b)"), limits: .parallel(2))
        #expect(process.begin().runs == ["a", "b"])
        #expect(process.succeed("a").runs == ["c"])
        #expect(process.succeed("c").runs == [])
        #expect(process.succeed("b").runs == ["d"])
        #expect(process.state.completionPercentage == 75)
        #expect(process.succeed("d") == [])
        #expect(process.status == .completed)
        #expect(process.state.completionPercentage == 100)
        #expect(process.state.endTime == Timestamp(seconds: 1_000))
    }

    @Test func `a completed step never runs again, whatever comes`() {
        var process = MachineDriver(workflow("a", "b(a)"))
        process.begin()
        let start = process.execution("a")?.start ?? 0
        process.succeed("a", "x")
        let late: [ProcessEvent] = [
            .failed(ExecutionID("a"), start: start, .hiccup), .interrupted(ExecutionID("a"), start: start),
            .verified(ExecutionID("a"), start: start, .didNotHappen), .tick, .recover, .command(.resume),
            .command(.retryCurrentStep), .acquired(ExecutionID("a")), .command(.decide(ExecutionID("a"), .retry)),
        ]
        for event in late {
            #expect(!process.apply(event, after: .seconds(60)).runs.contains("a"))
            #expect(process.phase("a") == .completed)
            #expect(process.record("a").output == "x")
        }
    }

    @Test func `a result counts only for the start that it belongs to`() {
        var process = MachineDriver(workflow("a"), retry: RetryPolicy(limit: 3, delay: .zero))
        process.begin()
        let first = process.execution("a")?.start ?? 0
        process.fail("a", .hiccup)
        let second = process.execution("a")?.start ?? 0
        #expect(second == first + 1)
        #expect(!process.turn(.succeeded(ExecutionID("a"), start: first, output: "late")).isChanged)
        #expect(process.phase("a") == .started)
        process.apply(.succeeded(ExecutionID("a"), start: second, output: "new"))
        #expect(process.record("a").output == "new")
    }

    @Test func `results of steps and elements that do not exist mean nothing`() {
        var process = MachineDriver(workflow([list("l", [1])]))
        process.begin()
        for text in ["nope", "nope[0]", "l[1]", "l[-1]", "l[0]/compensate", "l"] {
            let id = ExecutionID(text: text)
            #expect(!process.turn(.succeeded(id, start: 1, output: 1)).isChanged)
            #expect(!process.turn(.command(.decide(id, .fail))).isChanged)
            #expect(!process.turn(.acquired(id)).isChanged)
        }
    }

    @Test func `a permanent failure is not tried again, and interrupts the other steps before the process ends`() {
        var process = MachineDriver(workflow("a", "b"))
        process.begin()
        #expect(process.fail("a", StepError(.permanent, "no")).interrupts == ["b"])
        #expect(process.status == .running)
        process.interrupted("b")
        #expect(process.status == .failed)
        #expect(process.phase("b") == .cancelled)
    }

    @Test func `a step that succeeds while the process winds down keeps its output`() {
        var process = MachineDriver(workflow("a", "b"))
        process.begin()
        process.fail("a", .broken)
        process.succeed("b", 7)
        #expect(process.phase("b") == .completed)
        #expect(process.record("b").output == 7)
        #expect(process.status == .failed)
    }

    @Test func `a step that fails while the process winds down is not tried again`() {
        var process = MachineDriver(workflow("a", "b"))
        process.begin()
        process.fail("a", .broken)
        process.fail("b", .hiccup)
        #expect(process.phase("b") == .failed)
        #expect(process.status == .failed)
        #expect(process.state.errorMessage == "step a: broken")
    }

    @Test func `an action that was interrupted without a wish that is known may have had its effect`() {
        var process = MachineDriver(workflow([step("a"), step("b", action: "repeat")]))
        process.begin()
        process.interrupted("a")
        #expect(process.phase("a") == .undecided)
        let turn = process.interrupted("b")
        #expect(turn.runs == ["b"])
        process.succeed("b")
        process.order(.decide(nil, .complete(output: 1)))
        #expect(process.status == .completed)
    }

    @Test func `only what has changed asks for a commit`() {
        var process = MachineDriver(workflow("a"))
        #expect(process.turn(.begin).isChanged)
        #expect(!process.turn(.tick, after: .seconds(5)).isChanged)
        #expect(!process.turn(.command(.resume)).isChanged)
        #expect(process.turn(.recorded(resource: "vpc-1")).isChanged)
        #expect(!process.turn(.recorded(resource: "vpc-1")).isChanged)
        #expect(process.state.createdResources == ["vpc-1"])
    }

    @Test func `nothing changes a finished process but what is meant for it`() {
        var process = MachineDriver(workflow("a"))
        process.begin()
        process.succeed("a")
        let before = process.state
        let events: [ProcessEvent] = [
            .recover, .command(.cancel(.force)), .command(.cancel(.graceful)), .command(.pause), .command(.resume),
            .command(.retryCurrentStep), .tick, .begin, .command(.retry), .recorded(resource: "x"),
            .command(.decide(nil, .fail)), .command(.restart(RestartRequest())), .acquired(nil),
        ]
        for event in events {
            #expect(process.apply(event, after: .seconds(1000)) == [])
            #expect(process.state == before)
        }
    }

    @Test func `keys differ between processes, steps, elements, reruns and undoing, and are the same otherwise`() {
        var state = ProcessState()
        state.processId = "p"
        var other = state
        other.processId = "q"
        var rerun = state
        rerun.rerun = 1
        let keys = [
            state.idempotencyKey(ExecutionID("a"), rerun: 0), state.idempotencyKey(ExecutionID("b"), rerun: 0),
            state.idempotencyKey(ExecutionID("a", item: 0), rerun: 0),
            state.idempotencyKey(ExecutionID("a", item: 1), rerun: 0),
            state.idempotencyKey(ExecutionID("a", isCompensation: true), rerun: 0),
            state.idempotencyKey(ExecutionID("a"), rerun: 1), rerun.idempotencyKey(ExecutionID("a"), rerun: 0),
            other.idempotencyKey(ExecutionID("a"), rerun: 0),
        ]
        #expect(Set(keys).count == keys.count)
        state.epoch = 9
        state.version = 100
        #expect(state.idempotencyKey(ExecutionID("a"), rerun: 0) == keys[0])
    }

    @Test func `inputs see the process, its input, and the outputs of what was needed`() {
        let definition = workflow([
            step("a"),
            step(
                "b(a)",
                with: [
                    "who": "${{ process.user }}", "size": "${{ input.size * 2 }}", "from": "${{ steps.a.outputs.id }}",
                    "text": "id=${{ steps.a.outputs.id }}, ${{ process.namespace }}/${{ process.name }}",
                ]
            ),
        ])
        var process = MachineDriver(definition, input: ["size": 21])
        process.begin()
        let run = process.succeed("a", ["id": 7]).requests.first
        #expect(run?.inputs == ["who": "ada", "size": 42, "from": 7, "text": "id=7, gis/test"])
    }

    @Test func `an input that cannot be evaluated, or that the action refuses, fails its step with the path`() {
        let broken = workflow([step("a"), step("b(a)", with: ["x": "${{ steps.a.outputs.nope }}"])])
        var process = MachineDriver(broken)
        process.begin()
        process.succeed("a", [:])
        #expect(process.status == .failed)
        #expect(process.state.errorMessage == "step b: Invalid configuration")
        #expect(process.execution("b")?.message?.contains("nope") == true)

        let refused = workflow([step("a"), step("b(a)", action: "count", with: ["n": "${{ steps.a.outputs }}"])])
        process = MachineDriver(refused)
        process.begin()
        process.succeed("a", "many")
        #expect(process.execution("b")?.message?.contains("with.n") == true)
        #expect(process.execution("b")?.attempt == 0)
    }

    @Test func `the outputs of the process are evaluated when it is completed`() {
        let outputs: JSONValue = ["id": "${{ steps.a.outputs.id }}", "fixed": true]
        var process = MachineDriver(workflow([step("a")], outputs: outputs))
        process.begin()
        process.succeed("a", ["id": 7])
        #expect(process.status == .completed)
        #expect(process.state.outputs == ["id": 7, "fixed": true])

        process = MachineDriver(workflow([step("a")], outputs: outputs))
        process.begin()
        process.succeed("a", [:])
        #expect(process.status == .failed)
        #expect(process.state.errorMessage?.hasPrefix("Invalid configuration: outputs: ") == true)
    }

    @Test func `outputs that would make the state too large fail the step, whose effect counts`() {
        var limits = ProcessLimits()
        limits.outputBytes = 100
        let steps = [undoable("a"), undoable("b(a)")]
        var process = MachineDriver(workflow(steps), onFailure: .rollback, limits: limits)
        process.begin()
        process.succeed("a", .string(String(repeating: "x", count: 80)))
        let effects = process.succeed("b", .string(String(repeating: "x", count: 80)))
        #expect(process.execution("b")?.message?.hasPrefix("State too large: ") == true)
        #expect(effects.runs == ["b/compensate"], "b has had its effect")
        #expect(process.succeed("b/compensate").runs == ["a/compensate"])
        process.succeed("a/compensate")
        #expect(process.state.errorMessage == "step b: State too large")
    }
}
