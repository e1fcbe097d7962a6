import JSON
import Testing

@testable import Workflows

@Suite struct TimeTests {
    @Test func `the limit of an attempt goes with its request`() {
        let first = undoable("a") {
            $0.timeout = "90s"
            $0.compensate?.timeout = "2m"
        }
        var process = MachineDriver(workflow([first, step("b(a)")]), onFailure: .rollback)
        #expect(process.begin().requests.first?.timeout == .seconds(90))
        #expect(process.succeed("a").requests.first?.timeout == nil)
        #expect(process.fail("b", .broken).requests.first?.timeout == .seconds(120))
    }

    @Test func `the time-out ends the process at once and interrupts what runs`() {
        var process = MachineDriver(workflow("a"), timeout: .seconds(10))
        process.begin()
        #expect(process.machine.nextDue == .seconds(10))
        #expect(process.wait(.seconds(9)).interrupts == [])
        #expect(process.wait(.seconds(1)).interrupts == ["a"])
        #expect(process.status == .failed)
        #expect(process.state.errorMessage == "Timeout exceeded")
        #expect(process.phase("a") == .cancelled)
        #expect(process.record("a").hasUnknownEffect)
    }

    @Test func `a rollback and the final steps get the time of a whole run after a time-out`() {
        let definition = workflow([undoable("a"), step("b(a)")], finally: [step("f")])
        var process = MachineDriver(definition, timeout: .seconds(10), onFailure: .rollback)
        process.begin()
        process.succeed("a")
        #expect(process.wait(.seconds(10)).runs == ["a/compensate"])
        #expect(process.succeed("a/compensate", after: .seconds(4)).runs == ["f"])
        #expect(process.status == .running)
        #expect(process.wait(.seconds(5)) == [])
        #expect(process.wait(.seconds(1)).interrupts == ["f"])
        #expect(process.status == .failed)
        #expect(process.state.errorMessage == "Timeout exceeded")
        #expect(process.phase("f") == .cancelled)
    }

    @Test func `a rollback after a failure does not last for ever`() {
        let definition = workflow([undoable("a"), step("b(a)")])
        var process = MachineDriver(definition, timeout: .seconds(10), onFailure: .rollback)
        process.begin()
        process.succeed("a", after: .seconds(9))
        process.fail("b", .broken)
        #expect(process.wait(.seconds(69)) == [], "the time of a whole run and of a cancellation")
        #expect(process.wait(.seconds(1)).interrupts == ["a/compensate"])
        #expect(process.status == .failed)
        #expect(process.machine.summary.notUndone == ["a"])
    }

    @Test func `final steps of a process that was complete run out of time with it`() {
        var process = MachineDriver(workflow([step("a")], finally: [step("f")]), timeout: .seconds(10))
        process.begin()
        process.succeed("a", after: .seconds(8))
        #expect(process.wait(.seconds(2)).interrupts == ["f"])
        #expect(process.status == .failed)
        #expect(process.state.errorMessage == "Timeout exceeded")
    }

    @Test func `steps that do not stop are given up after a minute`() {
        var process = MachineDriver(workflow("a", "b"))
        process.begin()
        process.fail("a", .broken)
        #expect(process.wait(.seconds(59)) == [])
        #expect(process.status == .running)
        process.wait(.seconds(1))
        #expect(process.status == .failed)
        #expect(process.phase("b") == .cancelled)
    }

    @Test func `the time-out stands still while the process is paused`() {
        var process = MachineDriver(workflow("a", "b(a)"), timeout: .seconds(10))
        process.begin()
        process.order(.pause, after: .seconds(4))
        #expect(process.status == .paused)
        #expect(process.machine.nextDue == nil)
        process.wait(.seconds(1000))
        #expect(process.state.remainingMilliseconds == 6000)
        process.order(.resume)
        #expect(process.machine.nextDue == .seconds(6))
    }

    @Test func `a retry that falls due during a pause begins on resume`() {
        var process = MachineDriver(workflow("a"))
        process.begin()
        process.fail("a", .hiccup)
        process.order(.pause)
        #expect(process.wait(.seconds(5)).runs == [])
        #expect(process.order(.resume).runs == ["a"])
    }

    @Test func `what is left of a delay and of the time-out survives a crash`() async throws {
        var process = MachineDriver(workflow("a"), timeout: .seconds(100))
        process.begin()
        process.fail("a", .hiccup)
        process.wait(.seconds(2))
        try await process.crash()
        #expect(process.machine.nextDue == .seconds(3))
        #expect(process.state.remainingMilliseconds == 98_000)
        #expect(process.wait(.seconds(3)).runs == ["a"])
    }

    @Test func `a step that waits by hand and names no time goes on at once`() {
        var process = MachineDriver(workflow("a"))
        process.begin()
        process.edit {
            $0.steps[0].status = .waiting
            $0.steps[0].execution.dueAt = nil
        }
        #expect(process.apply(.recover).runs == ["a"])
    }

    @Test func `nothing is due in a finished process`() {
        var process = MachineDriver(workflow("a"))
        process.begin()
        process.succeed("a")
        #expect(process.machine.nextDue == nil)
    }

    @Test func `a time-out beyond all bounds does no harm`() throws {
        let endless = try #require(Duration(text: "999999999999h"))
        var process = MachineDriver(workflow([undoable("a"), step("b(a)")]), timeout: endless, onFailure: .rollback)
        process.begin()
        process.succeed("a")
        process.fail("b", .broken)
        process.wait(.seconds(3600))
        #expect(process.running == ["a/compensate"])
    }
}
