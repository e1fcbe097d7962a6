import JSON
import Testing

@testable import Workflows

@Suite struct CompensationTests {
    /// Runs the compensations that are asked for until nothing is left, and gives their order.
    private func undoAll(_ process: inout MachineDriver, _ effects: [ProcessEffect]) -> [String] {
        var order: [String] = []
        var open = effects.runs
        while !open.isEmpty {
            let next = open.removeFirst()
            order.append(next)
            open += process.succeed(next).runs
        }
        return order
    }

    @Test func `what was started last is undone first`() {
        let steps = [undoable("a"), undoable("b(a)"), step("c(b)"), undoable("d(c)"), step("e(d)")]
        var process = MachineDriver(workflow(steps), onFailure: .rollback)
        process.begin()
        for name in ["a", "b", "c", "d"] { process.succeed(name) }
        let effects = process.fail("e", .broken)
        #expect(process.status == .running)
        #expect(undoAll(&process, effects) == ["d/compensate", "b/compensate", "a/compensate"])
        #expect(process.status == .failed)
        #expect(process.state.rolledBack)
        #expect(process.state.errorMessage == "step e: broken")
    }

    @Test func `one step is undone after the other, not at once`() {
        var process = MachineDriver(workflow([undoable("a"), undoable("b"), step("c(a,b)")]), onFailure: .rollback)
        process.begin()
        process.succeed("b")
        process.succeed("a")
        #expect(process.fail("c", .broken).runs == ["b/compensate"])
        #expect(process.succeed("b/compensate").runs == ["a/compensate"])
    }

    @Test func `running steps have stopped before anything is undone`() {
        var process = MachineDriver(workflow([undoable("a"), step("b(a)"), step("c(a)")]), onFailure: .rollback)
        process.begin()
        process.succeed("a")
        let effects = process.fail("b", .broken)
        #expect(effects.interrupts == ["c"])
        #expect(effects.runs == [])
        #expect(process.interrupted("c").runs == ["a/compensate"])
    }

    @Test func `a step is undone when its effect may have happened, and only then`() {
        let steps = [undoable("interrupted"), undoable("timedOut"), undoable("refused"), undoable("never(refused)")]
        var process = MachineDriver(
            workflow(steps + [step("last")]),
            retry: RetryPolicy(limit: 0, delay: .zero),
            onFailure: .rollback,
            limits: .parallel(9)
        )
        process.begin()
        process.fail("refused", .broken)
        process.fail("timedOut", .timeoutExceeded)
        process.interrupted("last")
        let effects = process.interrupted("interrupted")
        #expect(undoAll(&process, effects) == ["timedOut/compensate", "interrupted/compensate"])
        #expect(process.machine.summary.notUndone == [])
    }

    @Test func `a step whose first attempt broke off is undone although the last one was refused`() {
        var process = MachineDriver(
            workflow([undoable("a")]),
            retry: RetryPolicy(limit: 1, delay: .zero),
            onFailure: .rollback
        )
        process.begin()
        process.fail("a", .hiccup)
        #expect(process.fail("a", .broken).runs == ["a/compensate"])
    }

    @Test func `its inputs are recorded before the effect, and again with the outputs`() {
        let undo: JSONValue = ["id": "${{ outputs.id }}", "size": "${{ input.size }}"]
        var process = MachineDriver(
            workflow([undoable("a", undo: undo), step("b(a)")]),
            input: ["size": 3],
            onFailure: .rollback
        )
        process.begin()
        #expect(process.record("a").compensation?.action == "undo")
        #expect(process.record("a").compensation?.with == nil, "there are no outputs yet")
        process.succeed("a", ["id": 7])
        #expect(process.record("a").compensation?.with == ["id": 7, "size": 3])
        let run = process.fail("b", .broken).requests.first
        #expect(run?.action == "undo")
        #expect(run?.inputs == ["id": 7, "size": 3])
        #expect(run?.key != process.execution("a")?.key)
    }

    @Test func `inputs that need no outputs are there although the step never returned`() {
        var process = MachineDriver(workflow([undoable("a", undo: ["size": "${{ input.size }}"])]), input: ["size": 3])
        process.begin()
        #expect(process.record("a").compensation?.with == ["size": 3])
        process.order(.cancel(.graceful))
        #expect(process.interrupted("a").requests.first?.inputs == ["size": 3])
    }

    @Test func `one that needs outputs that never came is not undone, and the summary says so`() {
        var process = MachineDriver(workflow([undoable("a", undo: ["id": "${{ outputs.id }}"])]))
        process.begin()
        process.order(.cancel(.graceful))
        process.interrupted("a")
        #expect(process.status == .cancelled)
        #expect(process.phase("a/compensate") == .failed)
        #expect(process.machine.summary.notUndone == ["a"])
    }

    @Test func `an undoing that gives up does not stop the others, and is named`() {
        var process = MachineDriver(workflow([undoable("a"), undoable("b(a)"), step("c(b)")]), onFailure: .rollback)
        process.begin()
        process.succeed("a")
        process.succeed("b")
        process.fail("c", .broken)
        #expect(process.fail("b/compensate", .broken).runs == ["a/compensate"])
        process.succeed("a/compensate")
        #expect(process.status == .failed)
        #expect(process.machine.summary.notUndone == ["b"])
        #expect(process.state.errorMessage == "step c: broken")
    }

    @Test func `an undoing is tried again as the policy says, under its key`() {
        var process = MachineDriver(workflow([undoable("a"), step("b(a)")]), onFailure: .rollback)
        process.begin()
        process.succeed("a")
        let first = process.fail("b", .broken).requests.first
        process.fail("a/compensate", .hiccup)
        #expect(process.phase("a/compensate") == .waiting)
        let second = process.wait(.seconds(5)).requests.first
        #expect(second?.key == first?.key)
        #expect(second?.attempt == 2)
        process.succeed("a/compensate")
        #expect(process.status == .failed)
    }

    @Test func `the elements of a list are undone together, before the steps that came before it`() {
        let definition = workflow([
            undoable("a"),
            list("l(a)", [1, 2, 3]) { $0.compensate = Compensation(action: "undo", with: ["n": "${{ item }}"]) },
            step("c(l)"),
        ])
        var process = MachineDriver(definition, onFailure: .rollback, limits: .parallel(2))
        process.begin()
        for name in ["a", "l[0]", "l[1]", "l[2]"] { process.succeed(name) }
        let effects = process.fail("c", .broken)
        #expect(effects.requests.map(\.inputs) == [["n": 3], ["n": 2]])
        #expect(process.succeed("l[2]/compensate").runs == ["l[0]/compensate"])
        #expect(process.succeed("l[0]/compensate").runs == [])
        #expect(process.succeed("l[1]/compensate").runs == ["a/compensate"])
    }

    @Test func `only the elements that have had an effect are undone`() {
        let definition = workflow([
            list("l", [1, 2, 3], parallelism: 1) { $0.compensate = Compensation(action: "undo") }
        ])
        var process = MachineDriver(definition, onFailure: .rollback)
        process.begin()
        process.succeed("l[0]")
        let effects = process.fail("l[1]", .broken)
        #expect(undoAll(&process, effects) == ["l[0]/compensate"])
    }

    @Test func `a rollback goes on after a crash at every moment, in the same order`() async throws {
        let definition = workflow([
            undoable("a"), list("l(a)", [1, 2]) { $0.compensate = Compensation(action: "undo") }, undoable("b"),
            step("c(l,b)"),
        ])
        // Element 0 starts first and element 1 last, with b between them.
        var process = MachineDriver(definition, onFailure: .rollback, limits: .parallel(1))
        process.begin()
        for name in ["a", "l[0]", "l[1]", "b"] { process.succeed(name) }
        var order = process.fail("c", .broken).runs
        while process.status == .running {
            let again = try await process.crash()
            #expect(again.runs == process.running, "what was cut off runs again")
            for name in process.running { order += process.succeed(name).runs }
        }
        #expect(order == ["b/compensate", "l[1]/compensate", "l[0]/compensate", "a/compensate"])
        #expect(process.machine.summary.notUndone == [])
    }

    @Test func `a list that is half undone keeps its turn after a crash`() async throws {
        let definition = workflow([
            list("l", [1, 2], parallelism: 1) { $0.compensate = Compensation(action: "undo") }, undoable("b"),
            step("c(l,b)"),
        ])
        var process = MachineDriver(definition, onFailure: .rollback, limits: .parallel(2))
        #expect(process.begin().runs == ["l[0]", "b"])
        for name in ["l[0]", "l[1]", "b"] { process.succeed(name) }
        process.fail("c", .broken)
        #expect(process.running == ["l[0]/compensate", "l[1]/compensate"])
        process.succeed("l[1]/compensate")
        try await process.crash()
        #expect(process.running == ["l[0]/compensate"], "b was started before the list's last element")
        #expect(process.succeed("l[0]/compensate").runs == ["b/compensate"])
    }

    @Test func `a graceful cancellation undoes what is done, a forced one does not`() {
        let definition = workflow([undoable("a"), step("b(a)")])
        var process = MachineDriver(definition)
        process.begin()
        process.succeed("a")
        process.order(.cancel(.graceful))
        #expect(process.interrupted("b").runs == ["a/compensate"])
        #expect(process.status == .cancelling)
        process.succeed("a/compensate")
        #expect(process.status == .cancelled)

        process = MachineDriver(definition)
        process.begin()
        process.succeed("a")
        #expect(process.order(.cancel(.force)).runs == [])
        #expect(process.status == .cancelled)
        #expect(!process.state.rolledBack)
    }

    @Test func `a large output is undone after a crash with what it was`() async throws {
        let text = JSONValue.string(String(repeating: "x", count: 9_000))
        var process = MachineDriver(
            workflow([undoable("a", undo: ["text": "${{ outputs }}"]), step("b(a)")]),
            onFailure: .rollback
        )
        process.begin()
        process.succeed("a", text)
        try await process.crash()
        process.order(.decide(nil, .fail))
        #expect(process.running == ["a/compensate"])
    }
}
