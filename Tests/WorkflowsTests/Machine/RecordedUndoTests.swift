import JSON
import Testing

@testable import Workflows

@Suite struct RecordedUndoTests {
    private func begun(_ steps: [StepDefinition]) -> MachineDriver {
        var process = MachineDriver(workflow(steps), onFailure: .rollback)
        process.begin()
        return process
    }

    @Test func `what an action has recorded undoes its step, with the action's own undoing`() {
        var process = begun([step("a", action: "change"), step("b(a)")])
        process.recordUndo("a", ["former": 3])
        process.succeed("a")
        let undoing = process.fail("b", .broken).requests
        #expect(undoing.map(\.id.description) == ["a/compensate"])
        #expect(undoing.map(\.action) == ["undo"])
        #expect(undoing.map(\.inputs) == [["former": 3]])
        #expect(undoing.map(\.serviceAccountName) == ["deployer"])
    }

    @Test func `the first record counts, and later attempts are told of it`() {
        var process = begun([step("a", action: "change")])
        process.recordUndo("a", ["former": 3])
        process.fail("a", .hiccup)
        let again = process.wait(.seconds(5)).requests
        #expect(again.map(\.recordedUndo) == [["former": 3]])
        process.recordUndo("a", ["former": 5])
        #expect(process.record("a").compensation?.with == ["former": 3])
    }

    @Test func `what the definition declares undoes the step, and later attempts are told of the record all the same`()
    {
        var process = begun([undoable("a") { $0.action = "change" }, step("b(a)")])
        let declared = process.record("a").compensation?.with
        process.recordUndo("a", ["former": 3])
        #expect(process.record("a").compensation?.with == declared)
        process.fail("a", .hiccup)
        #expect(process.wait(.seconds(5)).requests.map(\.recordedUndo) == [["former": 3]])
        process.succeed("a")
        #expect(process.fail("b", .broken).requests.map(\.inputs) == [declared ?? .null])
    }

    @Test func `an action without an undoing records nothing`() {
        var process = begun([step("b")])
        process.recordUndo("b", ["former": 3])
        #expect(process.record("b").compensation == nil)
    }

    @Test func `a step that was cut off and then fails for good is undone`() async throws {
        var process = begun([step("a", action: "change")])
        process.recordUndo("a", ["former": 3])
        try await process.crash()
        #expect(process.fail("a", .broken).runs == ["a/compensate"])
    }

    @Test func `a step that gives up after part of its effect is undone`() {
        var process = begun([step("a", action: "change")])
        process.recordUndo("a", ["former": 3])
        var error = StepError.broken
        error.hasHadEffect = true
        #expect(process.fail("a", error).runs == ["a/compensate"])
    }

    @Test func `a large record lies beside the document, and is there after a crash`() async throws {
        var process = begun([step("a", action: "change"), step("b(a)", action: "repeat")])
        let inputs: JSONValue = ["former": .string(String(repeating: "x", count: 9_000))]
        let bytes = inputs.serialized()
        PartShelf.shared.put([(Digest.sha256(bytes), bytes)])
        process.recordUndo("a", inputs, PartReference(of: bytes))
        #expect(process.encode().document.bytes.count < 4_000)
        #expect(process.state.parts.map(\.digest).contains(Digest.sha256(bytes)))
        process.succeed("a")
        try await process.crash()
        #expect(process.record("a").compensation?.with == inputs)
        // The step that was cut off may have had an effect, and has nothing to undo it.
        #expect(process.fail("b", .broken).requests.map(\.inputs) == [inputs])
    }
}

@Suite struct DryRunTests {
    @Test func `what depends on results that a plan does not have is left open, and the rest is planned`() {
        let steps = [
            step("a"), step("b(a)", with: ["x": "${{ steps.a.outputs.count + 1 }}"]),
            step("c(b)") { $0.when = "steps.a.outputs.count > 3" }, step("d(c)"),
        ]
        var process = MachineDriver(workflow(steps), isDryRun: true)
        #expect(process.begin().requests.map(\.isDryRun) == [true])
        #expect(process.succeed("a", ["would": "work"]).runs == ["d"])
        #expect(process.phase("b") == .skipped)
        #expect(process.execution("b")?.message?.hasPrefix("cannot be planned:") ?? false)
        process.succeed("d", ["would": "work", "object": "Thing gis/x", "changes": ["+ a: 1"]])
        #expect(process.status == .completed)
        let plan = process.machine.summary.plan
        #expect(plan?.lines.first == "a (work): work")
        #expect(plan?.lines.suffix(2) == ["d (work): work Thing gis/x", "  + a: 1"])
    }

    @Test func `a plan takes no locks, undoes nothing and goes on after a failure`() {
        let locked = undoable("a") { $0.locks = [LockReference("db")] }
        var process = MachineDriver(workflow([locked, step("b")]), onFailure: .rollback, isDryRun: true)
        let effects = process.begin()
        #expect(effects.runs == ["a", "b"])
        #expect(effects.acquisitions == [])
        #expect(process.fail("a", .broken).runs == [])
        process.succeed("b")
        #expect(process.status == .failed)
        #expect(!process.state.rolledBack)
    }

    @Test func `equal plans have equal digests, others do not`() {
        let digest = { (output: JSONValue) -> String? in
            var process = MachineDriver(workflow("a"), isDryRun: true)
            process.begin()
            process.succeed("a", output)
            return process.machine.summary.plan?.digest
        }
        #expect(digest(["would": "x"]) == digest(["would": "x"]))
        #expect(digest(["would": "x"]) != digest(["would": "y"]))
        #expect(digest(["digest": "d", "job": "a"]) == digest(["digest": "d", "job": "b"]), "the action decides")
    }
}
