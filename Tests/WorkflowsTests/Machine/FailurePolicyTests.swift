import JSON
import Testing

@testable import Workflows

@Suite struct FailurePolicyTests {
    private let definition = workflow([undoable("a"), step("b(a)"), step("c(b)"), step("d(a)"), step("e(d)")])

    private func process(_ policy: FailurePolicy) -> MachineDriver {
        var process = MachineDriver(definition, onFailure: policy)
        process.begin()
        process.succeed("a")
        return process
    }

    @Test func `Stop interrupts what runs and keeps what is done`() {
        var process = process(.stop)
        #expect(process.fail("b", .broken).interrupts == ["d"])
        #expect(process.interrupted("d").runs == [])
        #expect(process.status == .failed)
        #expect(process.phase("a") == .completed)
        #expect(process.phase("c") == .pending)
        #expect(!process.state.rolledBack)
    }

    @Test func `Rollback interrupts what runs and undoes what is done`() {
        var process = process(.rollback)
        process.fail("b", .broken)
        #expect(process.interrupted("d").runs == ["a/compensate"])
        process.succeed("a/compensate")
        #expect(process.status == .failed)
        #expect(process.state.rolledBack)
    }

    @Test func `Continue omits what needs the failed step, runs the rest, and fails in the end`() {
        var process = process(.continue)
        #expect(process.fail("b", .broken) == [])
        #expect(process.phase("c") == .omitted)
        #expect(process.execution("c")?.message == "needs b, which is not completed")
        #expect(process.succeed("d").runs == ["e"])
        #expect(process.status == .running)
        process.succeed("e")
        #expect(process.status == .failed)
        #expect(process.state.errorMessage == "step b: broken")
        #expect(!process.state.rolledBack)
    }

    @Test func `Continue omits everything that needs an omitted step`() {
        var process = MachineDriver(workflow("a", "b(a)", "c(b)", "d(c,x)", "x"), onFailure: .continue)
        process.begin()
        process.fail("a", .broken)
        #expect(["b", "c", "d"].map { process.phase($0) } == [.omitted, .omitted, .pending])
        process.succeed("x")
        #expect(process.phase("d") == .omitted)
        #expect(process.status == .failed)
    }

    @Test func `with Continue the first failure is the reason`() {
        var process = MachineDriver(workflow("a", "b"), onFailure: .continue)
        process.begin()
        process.fail("b", StepError(.permanent, "first"))
        process.fail("a", StepError(.permanent, "second"))
        #expect(process.state.errorMessage == "step b: first")
    }

    @Test func `Continue goes on after a crash as it would have without`() async throws {
        var process = process(.continue)
        process.fail("b", .broken)
        try await process.crash()
        #expect(process.phase("d") == .undecided)
        #expect(process.phase("c") == .omitted)
        #expect(process.order(.decide(nil, .complete(output: 1))).runs == ["e"])
        process.succeed("e")
        #expect(process.state.errorMessage == "step b: broken")
    }

    @Test func `a step that a person has marked as failed is one`() {
        for (policy, phase, status) in [
            (FailurePolicy.stop, StepPhase.pending, ProcessPhase.failed), (.continue, .omitted, .failed),
        ] {
            var process = MachineDriver(workflow("a", "b(a)"), onFailure: policy)
            process.begin()
            process.edit { $0.steps[0].status = .failed }
            process.apply(.recover)
            #expect(process.phase("b") == phase, "\(policy)")
            #expect(process.status == status, "\(policy)")
        }
    }
}
