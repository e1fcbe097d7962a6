import JSON
import Testing

@testable import Workflows

@Suite struct RecoveryTests {
    private func crashed(_ step: StepDefinition) async throws -> (MachineDriver, [ProcessEffect], key: String?) {
        var process = MachineDriver(workflow([step, Workflows.StepDefinition("b", action: "work", needs: ["a"])]))
        process.begin()
        let key = process.execution("a")?.key
        let effects = try await process.crash()
        return (process, effects, key)
    }

    @Test func `a step whose target recognises the key runs again under it, as the same attempt`() async throws {
        let (process, effects, key) = try await crashed(step("a", action: "repeat"))
        #expect(effects.requests.map(\.key) == [key])
        #expect(effects.requests.map(\.attempt) == [1])
        #expect(process.execution("a")?.interruptions == 1)
        #expect(process.phase("a") == .started)
    }

    @Test func `a step that can be verified is looked at first`() async throws {
        var (process, effects, key) = try await crashed(step("a", action: "look"))
        #expect(effects.verifications == ["a"])
        #expect(effects.runs == [])
        #expect(process.verified("a", .happened(output: "found")).runs == ["b"])
        #expect(process.record("a").output == "found")

        (process, effects, key) = try await crashed(step("a", action: "look"))
        let again = process.verified("a", .didNotHappen).requests
        #expect(again.map(\.key) == [key])
        #expect(again.map(\.attempt) == [1])

        (process, effects, key) = try await crashed(step("a", action: "look"))
        #expect(process.verified("a", .unknown).runs == [])
        #expect(process.phase("a") == .undecided)
    }

    @Test func `a step of which nobody can tell waits for a decision`() async throws {
        let (process, effects, _) = try await crashed(step("a", action: "work"))
        #expect(effects == [])
        #expect(process.phase("a") == .undecided)
        #expect(process.record("a").hasUnknownEffect)
        #expect(process.machine.summary.undecided?.execution == ExecutionID("a"))
    }

    @Test func `the definition decides before the action does`() async throws {
        let asked = step("a", action: "repeat") { $0.onUnknown = .askHuman }
        #expect(try await crashed(asked).0.phase("a") == .undecided)
        let repeated = step("a", action: "work") { $0.onUnknown = .retryIfIdempotent }
        #expect(try await crashed(repeated).0.phase("a") == .undecided, "the action is not idempotent")
        let verified = step("a", action: "work") { $0.onUnknown = .verify }
        #expect(try await crashed(verified).1.verifications == ["a"])
    }

    @Test func `recovery runs only what was started`() async throws {
        var process = MachineDriver(
            workflow([
                step("a", action: "repeat"), step("b(a)", action: "repeat"), step("c", action: "repeat"),
                step("d(b)", action: "repeat"),
            ])
        )
        process.begin()
        process.succeed("a")
        let keys = process.state.steps.map(\.execution.key)
        #expect(try await process.crash().runs.sorted() == ["b", "c"])
        #expect(process.state.steps.map(\.execution.key) == keys)
        #expect(process.state.steps.map(\.execution.interruptions) == [0, 1, 1, 0])
        #expect(process.state.steps.map(\.execution.attempt) == [1, 1, 1, 0])
    }

    @Test func `a process that was winding down is finished without starting anything`() async throws {
        var process = MachineDriver(workflow("a"))
        process.begin()
        process.order(.cancel(.graceful))
        #expect(try await process.crash().runs == [])
        #expect(process.status == .cancelled)
    }

    @Test func `what turns out not to have happened while the process winds down is not begun again`() async throws {
        for (outcome, undone) in [(StepOutcome.didNotHappen, [String]()), (.unknown, ["a/compensate"])] {
            let first = undoable("a") { $0.action = "look" }
            var process = MachineDriver(workflow([first]))
            process.begin()
            try await process.crash()
            process.order(.cancel(.graceful))
            #expect(process.verified("a", outcome).runs == undone)
            #expect(process.phase("a") == .cancelled)
        }
    }

    @Test func `a step that cannot be asked for again, because its inputs are gone, may have had its effect`() {
        let first = undoable("a") { $0.with = ["x": "${{ input.x }}"] }
        var process = MachineDriver(workflow([first]), input: ["x": 1], onFailure: .rollback)
        process.begin()
        process.edit { $0.input = [:] }
        #expect(process.apply(.recover).runs == ["a/compensate"])
    }

    @Test func `an undoing is recovered by what suits its action`() async throws {
        for (action, phase) in [("undo", StepPhase.started), ("work", .undecided)] {
            let first = undoable("a") { $0.compensate?.action = action }
            var process = MachineDriver(workflow([first, step("b(a)")]), onFailure: .rollback)
            process.begin()
            process.succeed("a")
            process.fail("b", .broken)
            try await process.crash()
            #expect(process.phase("a/compensate") == phase)
            if phase == .undecided {
                process.order(.decide(nil, .complete(output: .null)))
            } else {
                process.succeed("a/compensate")
            }
            #expect(process.status == .failed)
            #expect(process.machine.summary.notUndone == [])
        }
    }

    @Test func `what an edit by hand says is started, and does not run here, has an unknown outcome`() {
        var process = MachineDriver(workflow([step("a", action: "repeat"), step("b", action: "repeat")]))
        process.begin()
        let moment = Moment(time: Timestamp(seconds: 2_000), elapsed: .zero)
        var machine = process.machine
        let starts = [ExecutionID("a"): process.execution("a")?.start ?? 0]
        #expect(machine.adopt(running: starts, at: moment).effects.runs == ["b"])
        machine = process.machine
        let stale = [ExecutionID("a"): 99, ExecutionID("b"): process.execution("b")?.start ?? 0]
        #expect(machine.adopt(running: stale, at: moment).effects.runs == ["a"], "another start runs here")
    }
}
