import JSON
import Testing

@testable import Workflows

/// Locks as the machine claims them. What a lock's record and the table make of that has its own tests.
@Suite struct LockTests {
    private func locking(_ text: String, _ names: String..., action: String = "work") -> StepDefinition {
        step(text, action: action) { $0.locks = names.map { LockReference($0) } }
    }

    @Test func `a step waits until its locks are held, and gives them back when it is settled`() {
        var process = MachineDriver(workflow([locking("a", "db")]))
        let effects = process.begin()
        #expect(effects.acquisitions == ["a: db"])
        #expect(effects.runs == [])
        #expect(process.phase("a") == .blocked)
        #expect(process.execution("a")?.message == "waits for db")
        #expect(process.state.locks.map(\.isHeld) == [false])
        #expect(process.apply(.acquired(ExecutionID("a"))).runs == ["a"])
        #expect(process.state.locks.map(\.isHeld) == [true])
        #expect(process.succeed("a").releases == ["db"])
        #expect(process.state.locks == [])
    }

    @Test func `several locks are asked for in the order of their names, each once`() {
        var process = MachineDriver(workflow([locking("a", "z", "a", "m", "a")]))
        #expect(process.begin().acquisitions == ["a: a, m, z"])
    }

    @Test func `a lock's name may be an expression, and its limit is passed on`() {
        let step = list("l", ["x", "y"]) { $0.locks = [LockReference("db/${{ item }}", limit: 3)] }
        var process = MachineDriver(workflow([step]))
        #expect(process.begin().acquisitions == ["l[0]: db/x", "l[1]: db/y"])
        #expect(process.state.locks.map(\.limit) == [3, 3])
    }

    @Test func `a name that no lock can have fails the step`() {
        let step = step("a") { $0.locks = [LockReference("${{ input.name }}")] }
        for name in ["", "two words", "-x", String(repeating: "x", count: 254)] {
            var process = MachineDriver(workflow([step]), input: ["name": .string(name)])
            process.begin()
            #expect(process.phase("a") == .failed, "\(name)")
        }
    }

    @Test func `a step that waits for a lock takes no place from the others`() {
        var process = MachineDriver(workflow([locking("a", "db"), step("b")]), limits: .parallel(1))
        #expect(process.begin().runs == ["b"])
        #expect(process.apply(.acquired(ExecutionID("a"))).runs == [], "there is no place for it yet")
        #expect(process.succeed("b").runs == ["a"])
    }

    @Test func `locks are held while a step waits for another attempt`() {
        var process = MachineDriver(workflow([locking("a", "db")]))
        process.begin()
        process.apply(.acquired(ExecutionID("a")))
        #expect(process.fail("a", .hiccup).releases == [])
        #expect(process.wait(.seconds(5)).runs == ["a"])
        #expect(process.fail("a", .broken).releases == ["db"])
    }

    @Test func `a step that waits too long for its locks gives up`() {
        let step = step("a") {
            $0.locks = [LockReference("db")]
            $0.pendingTimeout = "10s"
        }
        var process = MachineDriver(workflow([step]))
        process.begin()
        #expect(process.machine.nextDue == .seconds(10))
        #expect(process.wait(.seconds(9)) == [])
        #expect(process.wait(.seconds(1)).releases == ["db"])
        #expect(process.state.errorMessage == "step a: Timeout exceeded")
        #expect(process.execution("a")?.message == "Timeout exceeded: waits for db")
    }

    @Test func `once its locks are held a step has all the time it needs`() {
        let step = step("a") {
            $0.locks = [LockReference("db")]
            $0.pendingTimeout = "10s"
        }
        var process = MachineDriver(workflow([step]))
        process.begin()
        process.apply(.acquired(ExecutionID("a")), after: .seconds(9))
        #expect(process.wait(.seconds(100)) == [])
        #expect(process.phase("a") == .started)
    }

    @Test func `the locks of the process are held before anything runs, until it is finished`() {
        let definition = workflow([step("a")], finally: [step("f")], locks: [LockReference("site")])
        var process = MachineDriver(definition)
        #expect(process.begin().acquisitions == ["-: site"])
        #expect(process.running == [])
        #expect(process.apply(.acquired(nil)).runs == ["a"])
        #expect(process.succeed("a").releases == [])
        #expect(process.succeed("f").releases == ["site"])
        #expect(process.status == .completed)
    }

    @Test func `a cancellation gives back what is held and what is waited for`() {
        var process = MachineDriver(workflow([locking("a", "one"), locking("b", "two")]))
        process.begin()
        process.apply(.acquired(ExecutionID("a")))
        #expect(process.order(.cancel(.graceful)).releases == ["two"])
        #expect(process.phase("b") == .cancelled)
        #expect(process.interrupted("a").releases == ["one"])
        #expect(process.state.locks == [])

        process = MachineDriver(workflow([locking("a", "one"), locking("b", "two")]))
        process.begin()
        process.apply(.acquired(ExecutionID("a")))
        #expect(process.order(.cancel(.force)).releases.sorted() == ["one", "two"])
        #expect(process.status == .cancelled)
        #expect(process.state.locks == [])
    }

    @Test func `an acquisition that comes too late means nothing`() {
        var process = MachineDriver(workflow([locking("a", "db"), step("b")]))
        process.begin()
        process.fail("b", .broken)
        #expect(process.status == .failed)
        #expect(!process.turn(.acquired(ExecutionID("a"))).isChanged)
    }

    @Test func `a new owner asks for everything that is claimed`() async throws {
        let definition = workflow(
            [locking("a", "one", action: "repeat"), locking("b", "two")],
            locks: [LockReference("site")]
        )
        var process = MachineDriver(definition)
        process.begin()
        process.apply(.acquired(nil))
        process.apply(.acquired(ExecutionID("a")))
        let effects = try await process.crash()
        #expect(effects.acquisitions.sorted() == ["-: site", "a: one", "b: two"])
        #expect(effects.runs == ["a"])
        #expect(process.apply(.acquired(ExecutionID("b"))).runs == ["b"])
        #expect(process.apply(.acquired(ExecutionID("a"))).runs == [], "it runs already")
    }

    @Test func `a step that waits for a decision keeps its locks`() async throws {
        var process = MachineDriver(workflow([locking("a", "db")]))
        process.begin()
        process.apply(.acquired(ExecutionID("a")))
        let effects = try await process.crash()
        #expect(process.phase("a") == .undecided)
        #expect(effects.releases == [])
        #expect(process.order(.decide(nil, .complete(output: 1))).releases == ["db"])
    }
}
