import JSON
import Testing

@testable import Workflows

private let limits = ProcessState.Limits(stepParallelism: 2)

private func moment(_ elapsed: Duration = .zero) -> Moment {
    Moment(time: Timestamp(seconds: 1_000), elapsed: elapsed)
}

/// A state whose steps are written as `name` or `name(needs,…)`.
private func newState(
    _ steps: String...,
    timeout: Duration = .seconds(60),
    retry: RetryPolicy = RetryPolicy(limit: 2, delay: .seconds(5))
) -> ProcessState {
    let definitions = steps.map { text in
        let parts = text.split(separator: "(")
        let needs = parts.count > 1 ? parts[1].dropLast().split(separator: ",").map(String.init) : nil
        return StepDefinition(String(parts[0]), action: "echo", needs: needs)
    }
    let request = ProcessRequest(
        id: "p1",
        name: "test",
        definition: WorkflowDefinition(name: "inline", steps: definitions),
        timeout: timeout,
        retry: retry
    )
    return ProcessState(starting: request, at: Timestamp(seconds: 1_000))
}

extension ProcessState {
    fileprivate mutating func apply(_ event: ProcessEvent, _ elapsed: Duration = .zero) -> [ProcessEffect] {
        apply(event, at: moment(elapsed), limits: limits)
    }

    fileprivate func phase(_ step: String) -> StepPhase? { steps.first { $0.name == step }?.status }
}

extension [ProcessEffect] {
    fileprivate var runs: [String] {
        compactMap { if case .run(let run) = $0 { run.step.name } else { nil } }
    }
    fileprivate var interrupts: [String] {
        compactMap { if case .interrupt(let step) = $0 { step } else { nil } }
    }
}

@Suite struct ProcessStateMachineTests {
    @Test func `steps run when what they need is completed, in parallel up to the limit`() {
        var state = newState("a", "b", "c", "d(a,b)")
        #expect(state.apply(.begin).runs == ["a", "b"])
        #expect(state.apply(.stepSucceeded("a", output: 1)).runs == ["c"])
        #expect(state.apply(.stepSucceeded("c", output: 1)).runs == [])
        #expect(state.apply(.stepSucceeded("b", output: 1)).runs == ["d"])
        #expect(state.completionPercentage == 75)
        #expect(state.apply(.stepSucceeded("d", output: 1)) == [])
        #expect(state.status == .completed)
        #expect(state.completionPercentage == 100)
    }

    @Test func `a completed step never runs again, whatever comes`() {
        var state = newState("a", "b(a)")
        _ = state.apply(.begin)
        _ = state.apply(.stepSucceeded("a", output: "x"))
        for event in [ProcessEvent.stepFailed("a", StepError(.transient, "late")), .retryDue("a"), .recover, .resume] {
            #expect(!state.apply(event).runs.contains("a"))
            #expect(state.phase("a") == .completed)
            #expect(state.steps[0].output == "x")
        }
    }

    @Test func `a transient failure is tried again after its delay, with the same key`() {
        var state = newState("a")
        _ = state.apply(.begin)
        let key = state.steps[0].key
        let effects = state.apply(.stepFailed("a", StepError(.transient, "503 Service Unavailable")))
        #expect(effects == [.awaitRetry("a", .seconds(5))])
        #expect(state.phase("a") == .waiting)
        #expect(state.apply(.retryDue("a"), .seconds(5)).runs == ["a"])
        #expect(state.steps[0].attempt == 2)
        #expect(state.steps[0].key == key)
    }

    @Test func `when the retries are used up the process fails with a text that can be grouped`() {
        var state = newState("a", retry: RetryPolicy(limit: 1, delay: .seconds(1)))
        _ = state.apply(.begin)
        let error = StepError(.transient, "503 Service Unavailable", detail: "from 10.0.0.7 at noon")
        _ = state.apply(.stepFailed("a", error))
        _ = state.apply(.retryDue("a"), .seconds(1))
        _ = state.apply(.stepFailed("a", error))
        #expect(state.status == .failed)
        #expect(state.errorMessage == "step a: 503 Service Unavailable")
        #expect(state.steps[0].message == "503 Service Unavailable: from 10.0.0.7 at noon")
    }

    @Test func `a permanent failure is not tried again, and interrupts the other steps before the process ends`() {
        var state = newState("a", "b")
        _ = state.apply(.begin)
        #expect(state.apply(.stepFailed("a", StepError(.permanent, "no"))).interrupts == ["b"])
        #expect(state.status == .running)
        _ = state.apply(.stepInterrupted("b"))
        #expect(state.status == .failed)
        #expect(state.phase("b") == .cancelled)
    }

    @Test func `a step that succeeds while the process winds down keeps its output`() {
        var state = newState("a", "b")
        _ = state.apply(.begin)
        _ = state.apply(.stepFailed("a", StepError(.permanent, "no")))
        _ = state.apply(.stepSucceeded("b", output: 7))
        #expect(state.phase("b") == .completed)
        #expect(state.status == .failed)
    }

    @Test func `an interruption that nobody asked for any more leaves the step as it is`() {
        var state = newState("a")
        _ = state.apply(.begin)
        _ = state.apply(.stepInterrupted("a"))
        #expect(state.phase("a") == .started)
        _ = state.apply(.stepSucceeded("a", output: 1))
        #expect(state.status == .completed)
    }

    @Test func `the time-out ends the process at once and interrupts what runs`() {
        var state = newState("a", timeout: .seconds(10))
        _ = state.apply(.begin)
        #expect(state.apply(.deadlineDue, .seconds(9)).interrupts == [])
        #expect(state.apply(.deadlineDue, .seconds(1)).interrupts == ["a"])
        #expect(state.status == .failed)
        #expect(state.errorMessage == "Timeout exceeded")
    }

    @Test func `the time-out stands still while the process is paused`() {
        var state = newState("a", "b(a)", timeout: .seconds(10))
        _ = state.apply(.begin)
        _ = state.apply(.pause, .seconds(4))
        #expect(state.status == .paused)
        _ = state.apply(.deadlineDue, .seconds(1000))
        #expect(state.remainingMilliseconds == 6000)
        #expect(state.apply(.resume) == [.awaitDeadline(.seconds(6))])
    }

    @Test func `a paused process lets running steps finish and starts none`() {
        var state = newState("a", "b(a)")
        _ = state.apply(.begin)
        _ = state.apply(.pause)
        #expect(state.apply(.stepSucceeded("a", output: 1)).runs == [])
        #expect(state.apply(.resume).runs == ["b"])
    }

    @Test func `a retry that falls due during a pause begins on resume`() {
        var state = newState("a")
        _ = state.apply(.begin)
        _ = state.apply(.stepFailed("a", StepError(.transient, "x")))
        _ = state.apply(.pause)
        #expect(state.apply(.retryDue("a"), .seconds(5)).runs == [])
        #expect(state.apply(.resume).runs == ["a"])
    }

    @Test func `a graceful cancel interrupts, waits, and gives up what waits for a retry`() {
        var state = newState("a", "b", "c(a)")
        _ = state.apply(.begin)
        _ = state.apply(.stepFailed("b", StepError(.transient, "x")))
        #expect(state.apply(.cancel(.graceful)).interrupts == ["a"])
        #expect(state.status == .cancelling)
        #expect(state.apply(.cancel(.graceful)) == [])
        _ = state.apply(.stepInterrupted("a"))
        #expect(state.status == .cancelled)
        #expect(state.steps.map(\.status) == [.cancelled, .cancelled, .pending])
    }

    @Test func `a forced cancel ends the process although steps still run`() {
        var state = newState("a")
        _ = state.apply(.begin)
        _ = state.apply(.cancel(.graceful))
        _ = state.apply(.cancel(.force))
        #expect(state.status == .cancelled)
    }

    @Test func `recovery runs started steps again under their keys, and only those`() {
        var state = newState("a", "b(a)", "c")
        _ = state.apply(.begin)
        _ = state.apply(.stepSucceeded("a", output: 1))
        let keys = state.steps.map(\.key)
        let effects = state.apply(.recover)
        #expect(Set(effects.runs) == ["b", "c"])
        #expect(state.steps.map(\.key) == keys)
        #expect(state.steps.map(\.interruptions) == [0, 1, 1])
        #expect(state.steps.map(\.attempt) == [1, 1, 1])
    }

    @Test func `recovery of a process that was winding down finishes it without running anything`() {
        var state = newState("a")
        _ = state.apply(.begin)
        _ = state.apply(.cancel(.graceful))
        #expect(state.apply(.recover).runs == [])
        #expect(state.status == .cancelled)
    }

    @Test func `recovery waits for the rest of a retry's delay`() {
        var state = newState("a")
        _ = state.apply(.begin)
        _ = state.apply(.stepFailed("a", StepError(.transient, "x")))
        _ = state.apply(.pause, .seconds(2))
        _ = state.apply(.resume)
        #expect(state.apply(.recover).contains(.awaitRetry("a", .seconds(3))))
    }

    @Test func `nothing changes a finished process`() {
        var state = newState("a")
        _ = state.apply(.begin)
        _ = state.apply(.stepSucceeded("a", output: 1))
        let before = state
        for event in [ProcessEvent.recover, .cancel(.force), .pause, .deadlineDue, .retryDue("a"), .begin] {
            #expect(state.apply(event, .seconds(1000)) == [])
            #expect(state == before)
        }
    }

    @Test func `keys differ between processes, steps and reruns, and are the same otherwise`() {
        var first = newState("a", "b")
        var rerun = first
        rerun.rerun = 1
        let keys = [first.idempotencyKey(step: "a"), first.idempotencyKey(step: "b"), rerun.idempotencyKey(step: "a")]
        #expect(Set(keys).count == 3)
        first.epoch = 9
        #expect(first.idempotencyKey(step: "a") == keys[0])
    }

    @Test(arguments: 0..<200) func `any sequence of events keeps the laws of the machine`(seed: UInt64) {
        var random = SplitMix(state: seed)
        var state = newState("a", "b", "c(a)", "d(a,b)", "e(c,d)", timeout: .seconds(1000))
        var running: Set<String> = []
        var completed: Set<String> = []
        func perform(_ effects: [ProcessEffect]) {
            for effect in effects {
                switch effect {
                case .run(let run):
                    #expect(!completed.contains(run.step.name), "a completed step ran again")
                    running.insert(run.step.name)
                // An interrupted step is started until it says that it has stopped.
                case .interrupt, .awaitRetry, .awaitDeadline: break
                }
            }
        }
        perform(state.apply(.begin))
        for _ in 0..<60 where !state.status.isFinished {
            let step = ["a", "b", "c", "d", "e"].randomElement(using: &random) ?? "a"
            let events: [ProcessEvent] = [
                .stepSucceeded(step, output: 1), .stepSucceeded(step, output: 1),
                .stepFailed(step, StepError(.transient, "x")),
                .retryDue(step), .pause, .resume, .recover, .deadlineDue, .stepInterrupted(step),
            ]
            let event = events.randomElement(using: &random) ?? .resume
            if case .recover = event { running = [] }
            let isEnd = if case .stepInterrupted = event { state.ending == nil } else { false }
            guard !isEnd else { continue }
            if case .stepSucceeded(step, _) = event, state.phase(step) == .started { completed.insert(step) }
            perform(state.apply(event, .seconds(1)))
            running.formIntersection(state.startedSteps)
            #expect(running.count <= 2)
            #expect(Set(state.startedSteps) == running)
            #expect(Set(state.steps.filter { $0.status == .completed }.map(\.name)) == completed)
            #expect(ProcessState.schema.violations(of: state.json()) == [])
        }
    }
}

private struct SplitMix: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
