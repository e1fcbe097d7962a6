import JSON
import Testing

@testable import Workflows

@Suite struct DefinitionChangeTests {
    private func restart(
        _ definition: WorkflowDefinition,
        _ change: (inout RestartRequest) -> Void = { _ in }
    ) -> ProcessCommand {
        var request = RestartRequest()
        request.definition = definition
        request.timeoutMilliseconds = 5_000
        change(&request)
        return .restart(request)
    }

    // MARK: Restart

    @Test func `Restart interrupts what runs and begins anew as another rerun`() {
        var process = MachineDriver(workflow([undoable("a"), step("b(a)")]), input: ["x": 1])
        process.begin()
        process.apply(.recorded(resource: "vpc-1"))
        let key = process.execution("a")?.key
        process.succeed("a")
        let effects = process.order(restart(workflow("a", "z")) { $0.input = ["x": 2] })
        #expect(effects.interrupts == ["b"])
        #expect(effects.runs == [])
        let runs = process.interrupted("b").requests
        #expect(runs.map(\.id.description) == ["a", "z"], "nothing is undone")
        #expect(runs.first?.key != key)
        #expect(process.state.rerun == 1)
        #expect(process.state.input == ["x": 2])
        #expect(process.state.createdResources == ["vpc-1"])
        #expect(process.state.timeoutMilliseconds == 5_000)
        #expect(process.state.steps.map(\.name) == ["a", "z"])
        process.succeed("a")
        process.succeed("z")
        #expect(process.status == .completed)
    }

    @Test func `Restart with nothing running begins anew at once, and gives locks back before it asks again`() {
        var definition = workflow("a")
        definition.locks = [LockReference("one")]
        var process = MachineDriver(definition)
        process.begin()
        definition.locks = [LockReference("two")]
        let effects = process.order(restart(definition))
        #expect(effects.releases == ["one"])
        #expect(effects.acquisitions == ["-: two"])
    }

    @Test func `the latest of several restarts counts, and a cancel ends it all`() {
        var process = MachineDriver(workflow("a"))
        process.begin()
        process.order(restart(workflow("b")))
        process.order(restart(workflow("c")))
        #expect(process.interrupted("a").runs == ["c"])

        process = MachineDriver(workflow("a"))
        process.begin()
        process.order(restart(workflow("b")))
        process.order(.cancel(.graceful))
        process.interrupted("a")
        #expect(process.status == .cancelled)
    }

    @Test func `a restart survives a crash`() async throws {
        var process = MachineDriver(workflow("a"))
        process.begin()
        process.order(restart(workflow("b")))
        #expect(try await process.crash().runs == ["b"])
        #expect(process.state.rerun == 1)
    }

    @Test func `a step that does not stop delays a restart by a minute at most`() {
        var process = MachineDriver(workflow("a"))
        process.begin()
        process.order(restart(workflow("b")))
        #expect(process.wait(.seconds(60)).runs == ["b"])
    }

    // MARK: Migrate

    @Test func `Migrate goes on when what has begun is the same`() {
        var process = MachineDriver(workflow("a", "b(a)"))
        process.begin()
        process.succeed("a", "kept")
        let next = workflow("new", "a", "b(a)", "c(b)")
        #expect(process.order(.migrate(next)).runs == ["new"])
        #expect(process.running == ["b", "new"])
        #expect(process.record("a").output == "kept")
        #expect(process.state.definitionHash == next.hash)
        process.succeed("new")
        #expect(process.succeed("b").runs == ["c"])
        process.succeed("c")
        #expect(process.status == .completed)
    }

    @Test func `Migrate stands still when a step that has begun is gone or does something else`() {
        let cases: [(WorkflowDefinition, String)] = [
            (workflow("b"), "step a has begun and is gone"),
            (workflow([step("a", action: "repeat")]), "step a has begun with action work, not repeat"),
            (workflow([step("a", with: ["x": 2])]), "step a has begun with other inputs"),
            (workflow([list("a", [1])]), "step a has begun, and only one of its definitions has a list"),
            (workflow([step("a"), step("b(nope)")]), "steps[1].needs[0]: there is no step \"nope\""),
        ]
        for (next, reason) in cases {
            var process = MachineDriver(workflow([step("a", with: ["x": 1]), step("b(a)")]))
            process.begin()
            process.order(.migrate(next))
            #expect(process.state.incompatibility == reason)
            #expect(process.status == .paused)
            #expect(process.succeed("a").runs == [])
            #expect(!process.turn(.command(.migrate(next))).isChanged, "it is known already")
            #expect(!process.turn(.command(.resume)).isChanged)
        }
    }

    @Test func `Migrate compares the elements that have begun`() {
        var process = MachineDriver(workflow([list("l", [1, 2, 3], parallelism: 1, with: ["n": "${{ item }}"])]))
        process.begin()
        process.succeed("l[0]")
        process.order(.migrate(workflow([list("l", [1, 2, 4], parallelism: 1, with: ["n": "${{ item }}"])])))
        #expect(process.state.incompatibility == "step l has begun with another list")

        process = MachineDriver(workflow([list("l", [1, 2], parallelism: 1, with: ["n": "${{ item }}"])]))
        process.begin()
        process.order(.migrate(workflow([list("l", [1, 2], parallelism: 1, with: ["n": "${{ item + 1 }}"])])))
        #expect(process.state.incompatibility == "step l has begun with other inputs")

        process = MachineDriver(workflow([list("l", [1, 2, 3], parallelism: 1, with: ["n": "${{ item }}"])]))
        process.begin()
        #expect(
            process.order(.migrate(workflow([list("l", [1, 2, 3], parallelism: 2, with: ["n": "${{ item }}"])]))).runs
                == ["l[1]"]
        )
    }

    @Test func `an incompatible definition that is taken back lets the process go on`() {
        let first = workflow("a", "b(a)")
        var process = MachineDriver(first)
        process.begin()
        process.order(.migrate(workflow("b")))
        process.succeed("a")
        #expect(process.status == .paused)
        #expect(process.order(.migrate(first)).runs == ["b"])
        #expect(process.state.incompatibility == nil)
        #expect(process.status == .running)
    }

    @Test func `an incompatible definition that is corrected lets the process go on with it`() {
        var process = MachineDriver(workflow("a", "b(a)"))
        process.begin()
        process.order(.migrate(workflow("b")))
        process.succeed("a")
        #expect(process.order(.migrate(workflow("a", "c(a)"))).runs == ["c"])
        #expect(process.status == .running)
    }

    @Test func `a migrated process is the same after a crash`() async throws {
        var process = MachineDriver(workflow([step("a", action: "repeat")]))
        process.begin()
        process.fail("a", .hiccup)
        process.order(.migrate(workflow([step("z", action: "repeat"), step("a", action: "repeat"), step("b(a)")])))
        try await process.crash()
        #expect(process.wait(.seconds(5)).runs == ["a"])
        process.succeed("z")
        #expect(process.succeed("a").runs == ["b"])
    }

    @Test func `a step that is added behind a failed one is omitted, and the process ends`() {
        var process = MachineDriver(workflow("a", "b"), onFailure: .continue)
        process.begin()
        process.fail("a", .broken)
        process.order(.migrate(workflow("a", "b", "c(a)", "d(c)")))
        #expect(process.phase("c") == .omitted)
        #expect(process.phase("d") == .omitted)
        process.succeed("b")
        #expect(process.status == .failed)
    }

    @Test func `a process that winds down is not migrated`() {
        var process = MachineDriver(workflow("a"))
        process.begin()
        process.order(.cancel(.graceful))
        #expect(!process.turn(.command(.migrate(workflow("b")))).isChanged)
    }
}
