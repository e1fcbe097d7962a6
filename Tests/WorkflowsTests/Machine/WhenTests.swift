import JSON
import Testing

@testable import Workflows

@Suite struct WhenTests {
    private func when(_ condition: String, _ text: String = "b(a)") -> StepDefinition {
        step(text) { $0.when = condition }
    }

    @Test func `a step whose condition is false is skipped, and what needs it runs`() {
        var process = MachineDriver(workflow([step("a"), when("steps.a.outputs > 5"), step("c(b)")]))
        process.begin()
        #expect(process.succeed("a", 3).runs == ["c"])
        #expect(process.phase("b") == .skipped)
        #expect(process.execution("b")?.attempt == 0)
        process.succeed("c")
        #expect(process.status == .completed)
    }

    @Test func `a step whose condition is true runs`() {
        var process = MachineDriver(workflow([step("a"), when("steps.a.outputs > 5")]))
        process.begin()
        #expect(process.succeed("a", 6).runs == ["b"])
    }

    @Test func `conditions see the input, the process, and how steps have ended`() {
        let conditions = [
            ("input.size == 3", true), ("process.rerun == 0", true), ("steps.a.status == 'Completed'", true),
            ("steps.a.attempt == 2", true), ("process.user == 'bob'", false),
        ]
        for (condition, isHeld) in conditions {
            var process = MachineDriver(
                workflow([step("a"), when(condition)]),
                input: ["size": 3],
                retry: RetryPolicy(limit: 1, delay: .zero)
            )
            process.begin()
            process.fail("a", .hiccup)
            process.succeed("a")
            #expect(process.phase("b") == (isHeld ? .started : .skipped), "\(condition)")
        }
    }

    @Test(arguments: ["input.nope", "1 + 1", "'true'"]) func `a condition that is no boolean fails its step`(
        condition: String
    ) {
        var process = MachineDriver(workflow([when(condition, "b")]))
        process.begin()
        #expect(process.phase("b") == .failed)
        #expect(process.state.errorMessage == "step b: Invalid configuration")
    }

    @Test func `a condition over the element decides for each element`() {
        var process = MachineDriver(workflow([list("l", [1, 2, 3, 4]) { $0.when = "item % 2 == 0" }]))
        #expect(process.begin().runs == ["l[1]", "l[3]"])
        #expect(process.phase("l[0]") == .skipped)
        process.succeed("l[1]")
        process.succeed("l[3]")
        #expect(process.phase("l") == .completed)
    }

    @Test func `a list none of whose elements is wanted is completed`() {
        var process = MachineDriver(workflow([list("l", [1, 2]) { $0.when = "index > 7" }, step("b(l)")]))
        #expect(process.begin().runs == ["b"])
        #expect(process.phase("l") == .completed)
    }

    @Test func `a condition that is not about the element skips the whole list before it is evaluated`() {
        let step = list("l", "${{ input.nope }}") { $0.when = "has(input.nope)" }
        var process = MachineDriver(workflow([step]), input: [:])
        process.begin()
        #expect(process.phase("l") == .skipped)
        #expect(process.record("l").items == nil)
        #expect(process.status == .completed)
    }

    @Test func `the outputs of a skipped step are null`() {
        let last = step("c(b)", with: ["b": "${{ steps.b.outputs }}"])
        var process = MachineDriver(workflow([step("a"), when("false"), last]))
        process.begin()
        #expect(process.succeed("a").requests.first?.inputs == ["b": .null])
    }
}
