import JSON
import Testing

@testable import Workflows

@Suite struct FinallyTests {
    private let definition = workflow([undoable("a"), step("b(a)")], finally: [step("f"), step("g(f)")])

    @Test func `final steps run after the others, in the order of their needs, and then the process is completed`() {
        var process = MachineDriver(definition)
        process.begin()
        process.succeed("a")
        #expect(process.succeed("b").runs == ["f"])
        #expect(process.status == .running)
        #expect(process.state.completionPercentage == 99)
        #expect(process.succeed("f").runs == ["g"])
        process.succeed("g")
        #expect(process.status == .completed)
    }

    @Test func `they run after a failure, after what is done is undone, and see how it ended`() {
        var definition = definition
        definition.finally?[0].with = ["status": "${{ process.status }}", "why": "${{ process.errorMessage }}"]
        var process = MachineDriver(definition, onFailure: .rollback)
        process.begin()
        process.succeed("a")
        #expect(process.fail("b", .broken).runs == ["a/compensate"])
        let run = process.succeed("a/compensate").requests.first
        #expect(run?.inputs == ["status": "Failed", "why": "step b: broken"])
        process.succeed("f")
        process.succeed("g")
        #expect(process.status == .failed)
        #expect(process.state.errorMessage == "step b: broken")
    }

    @Test func `they run after a graceful cancellation, and not after a forced one`() {
        var process = MachineDriver(definition)
        process.begin()
        process.order(.cancel(.graceful))
        process.interrupted("a")
        #expect(process.succeed("a/compensate").runs == ["f"])
        process.succeed("f")
        process.succeed("g")
        #expect(process.status == .cancelled)

        process = MachineDriver(definition)
        process.begin()
        #expect(process.order(.cancel(.force)).runs == [])
        #expect(process.status == .cancelled)
        #expect(process.phase("f") == .pending)
    }

    @Test func `a final step that gives up fails a process that was complete, and does not change another reason`() {
        var process = MachineDriver(workflow([step("a")], finally: [step("f")]))
        process.begin()
        process.succeed("a")
        process.fail("f", .broken)
        #expect(process.status == .failed)
        #expect(process.state.errorMessage == "step f: broken")

        process = MachineDriver(workflow([step("a")], finally: [step("f")]))
        process.begin()
        process.fail("a", StepError(.permanent, "first"))
        process.fail("f", .broken)
        #expect(process.state.errorMessage == "step a: first")
    }

    @Test func `a final step whose need has failed is omitted, and the others run`() {
        var process = MachineDriver(workflow([step("a")], finally: [step("f"), step("g(f)"), step("h")]))
        process.begin()
        #expect(process.succeed("a").runs == ["f", "h"])
        process.fail("f", .broken)
        #expect(process.phase("g") == .omitted)
        #expect(process.status == .running)
        process.succeed("h")
        #expect(process.status == .failed)
    }

    @Test func `all elements of a final step's list run, although one gives up`() {
        var process = MachineDriver(workflow([step("a")], finally: [list("f", [1, 2, 3], parallelism: 1)]))
        process.begin()
        #expect(process.succeed("a").runs == ["f[0]"])
        #expect(process.fail("f[0]", .broken).runs == ["f[1]"])
        process.succeed("f[1]")
        process.succeed("f[2]")
        #expect(process.phase("f") == .failed)
        #expect(process.status == .failed)
        #expect(process.state.steps.allSatisfy { $0.status.isSettled })
    }

    @Test func `they are tried again like other steps`() {
        var process = MachineDriver(workflow([step("a")], finally: [step("f")]))
        process.begin()
        process.fail("a", .broken)
        process.fail("f", .hiccup)
        #expect(process.wait(.seconds(5)).runs == ["f"])
        process.succeed("f")
        #expect(process.status == .failed)
    }

    @Test func `after a crash they go on where they were`() async throws {
        var process = MachineDriver(workflow([step("a")], finally: [step("f", action: "repeat"), step("g(f)")]))
        process.begin()
        process.fail("a", .broken)
        #expect(try await process.crash().runs == ["f"])
        #expect(process.succeed("f").runs == ["g"])
        process.succeed("g")
        #expect(process.status == .failed)
    }

    @Test func `a process of nothing but final steps runs them`() {
        var process = MachineDriver(workflow([], finally: [step("f")]))
        #expect(process.begin().runs == ["f"])
        process.succeed("f")
        #expect(process.status == .completed)
    }

    @Test func `final steps begin only on resume when the last step ends during a pause`() {
        var process = MachineDriver(workflow([step("a")], finally: [step("f")]))
        process.begin()
        process.order(.pause)
        #expect(process.succeed("a").runs == [])
        #expect(process.status == .paused)
        #expect(process.order(.resume).runs == ["f"])
    }
}
