import JSON
import Testing

@testable import Workflows

@Suite struct MachineListTests {
    @Test func `a step runs once for each element, with the element and its place`() {
        let step = list("l", ["x", "y"], with: ["name": "${{ item }}", "place": "${{ index }}"])
        var process = MachineDriver(workflow([step]))
        let runs = process.begin().requests
        #expect(runs.map(\.id.description) == ["l[0]", "l[1]"])
        #expect(runs.map(\.inputs) == [["name": "x", "place": 0], ["name": "y", "place": 1]])
        #expect(Set(runs.map(\.key)).count == 2)
        process.succeed("l[1]", "second")
        process.succeed("l[0]", "first")
        #expect(process.phase("l") == .completed)
        #expect(process.status == .completed)
    }

    @Test func `the list may come from a step before, and its outputs keep the order of the list`() {
        let definition = workflow([
            step("a"), list("l(a)", "${{ steps.a.outputs.names }}", with: ["name": "${{ item }}"]),
            step("b(l)", with: ["all": "${{ steps.l.outputs }}"]),
        ])
        var process = MachineDriver(definition)
        process.begin()
        #expect(process.succeed("a", ["names": ["x", "y", "z"]]).runs == ["l[0]", "l[1]", "l[2]"])
        process.succeed("l[2]", 2)
        process.succeed("l[0]", 0)
        #expect(process.succeed("l[1]", 1).requests.first?.inputs == ["all": [0, 1, 2]])
    }

    @Test func `no more elements run at once than the list allows, and the process's limit holds as well`() {
        var process = MachineDriver(
            workflow([list("l", .array(Array(repeating: 1, count: 9)), parallelism: 2), step("other")]),
            limits: .parallel(3)
        )
        #expect(process.begin().runs == ["l[0]", "l[1]", "other"])
        #expect(process.succeed("other").runs == [])
        #expect(process.succeed("l[1]").runs == ["l[2]"])

        process = MachineDriver(workflow([list("l", [1, 2, 3, 4, 5])]), limits: .parallel(3))
        #expect(process.begin().runs == ["l[0]", "l[1]", "l[2]"])
    }

    @Test func `an element that waits for another attempt keeps its place in the list's parallelism`() {
        var process = MachineDriver(workflow([list("l", [1, 2, 3], parallelism: 1)]))
        process.begin()
        #expect(process.fail("l[0]", .hiccup).runs == [])
        #expect(process.wait(.seconds(5)).runs == ["l[0]"])
        #expect(process.succeed("l[0]").runs == ["l[1]"])
    }

    @Test func `an empty list completes its step at once`() {
        var process = MachineDriver(workflow([list("l", []), step("b(l)", with: ["all": "${{ steps.l.outputs }}"])]))
        let runs = process.begin().requests
        #expect(runs.map(\.inputs) == [["all": []]])
        #expect(process.phase("l") == .completed)
    }

    @Test func `a list that is none, is too long, or cannot be evaluated fails its step`() {
        let definition = workflow([step("a"), list("l(a)", "${{ steps.a.outputs.all }}")])
        let outputs: [(JSONValue, String)] = [
            (["all": "text"], "forEach.items gives a string, expected a list"), ([:], "all"),
            (["all": .array(Array(repeating: 1, count: 10_001))], "10001 elements, at most 10000"),
        ]
        for (output, text) in outputs {
            var process = MachineDriver(definition)
            process.begin()
            process.succeed("a", output)
            #expect(process.status == .failed)
            #expect(process.execution("l")?.message?.contains(text) == true)
        }
    }

    @Test func `an element that gives up fails its step and interrupts the others`() {
        var process = MachineDriver(workflow([list("l", [1, 2, 3], parallelism: 2)]))
        process.begin()
        #expect(process.fail("l[1]", .broken).interrupts == ["l[0]"])
        #expect(process.phase("l") == .failed)
        #expect(process.execution("l")?.message == "element 1: broken")
        process.interrupted("l[0]")
        #expect(process.status == .failed)
        #expect(process.phase("l[2]") == .pending)
        #expect(process.state.errorMessage == "step l: broken")
    }

    @Test func `with Continue the other elements go on, and the step fails when all are settled`() {
        var process = MachineDriver(
            workflow([list("l", [1, 2, 3], parallelism: 1), step("b(l)")]),
            onFailure: .continue
        )
        process.begin()
        #expect(process.fail("l[0]", .broken).runs == ["l[1]"])
        #expect(process.phase("l") == .started)
        process.succeed("l[1]")
        process.succeed("l[2]")
        #expect(process.phase("l") == .failed)
        #expect(process.execution("l")?.message == "element 0: broken")
        #expect(process.phase("b") == .omitted)
        #expect(process.status == .failed)
    }

    @Test func `progress counts the elements of a list as parts of its step`() {
        var process = MachineDriver(workflow([list("l", [1, 2, 3, 4]), step("b(l)")]))
        process.begin()
        process.succeed("l[0]")
        #expect(process.state.completionPercentage == 12)
        process.succeed("l[1]")
        #expect(process.state.completionPercentage == 25)
    }

    @Test func `a list goes on after a crash where it was, with the same elements`() async throws {
        let definition = workflow([
            step("a"), list("l(a)", "${{ steps.a.outputs }}", action: "repeat", with: ["item": "${{ item }}"]),
        ])
        var process = MachineDriver(definition, limits: .parallel(2))
        process.begin()
        process.succeed("a", ["x", "y", "z"])
        process.succeed("l[0]")
        let keys = ["l[1]", "l[2]"].map { process.execution($0)?.key }
        let again = try await process.crash().requests
        #expect(again.map(\.id.description) == ["l[1]", "l[2]"])
        #expect(again.map(\.key) == keys)
        #expect(again.map(\.inputs) == [["item": "y"], ["item": "z"]])
    }

    @Test func `a long list runs to its end`() {
        var process = MachineDriver(workflow([list("l", "${{ input }}")]), input: .array((0..<200).map { .int($0) }))
        process.begin()
        for place in 0..<200 { process.succeed("l[\(place)]", .int(Int64(place))) }
        #expect(process.status == .completed)
    }
}
