import JSON
import Testing

@testable import Workflows

@Suite struct CommandTests {
    // MARK: Pause and resume

    @Test func `a paused process lets running steps finish and starts none`() {
        var process = MachineDriver(workflow("a", "b(a)"))
        process.begin()
        process.order(.pause)
        #expect(process.succeed("a").runs == [])
        #expect(process.status == .paused)
        #expect(process.order(.resume).runs == ["b"])
        #expect(process.status == .running)
    }

    @Test func `a paused process whose last step ends is completed`() {
        var process = MachineDriver(workflow("a"))
        process.begin()
        process.order(.pause)
        process.succeed("a")
        #expect(process.status == .completed)
    }

    @Test func `a pause survives a crash`() async throws {
        var process = MachineDriver(workflow([step("a", action: "repeat"), step("b(a)")]))
        process.begin()
        process.order(.pause)
        #expect(try await process.crash().runs == ["a"])
        #expect(process.succeed("a").runs == [])
        #expect(process.status == .paused)
    }

    // MARK: Cancel

    @Test func `a graceful cancel interrupts, waits, and gives up what waits for a retry`() {
        var process = MachineDriver(workflow("a", "b", "c(a)"), limits: .parallel(2))
        process.begin()
        process.fail("b", .hiccup)
        #expect(process.order(.cancel(.graceful)).interrupts == ["a"])
        #expect(process.status == .cancelling)
        #expect(process.order(.cancel(.graceful)) == [], "once is enough")
        process.interrupted("a")
        #expect(process.status == .cancelled)
        #expect(process.state.steps.map(\.status) == [.cancelled, .cancelled, .pending])
    }

    @Test func `a forced cancel ends the process although steps still run`() {
        var process = MachineDriver(workflow("a"))
        process.begin()
        process.order(.cancel(.graceful))
        process.order(.cancel(.force))
        #expect(process.status == .cancelled)
        #expect(process.phase("a") == .cancelled)
    }

    @Test func `a cancel ends within 60 seconds, whatever the steps, what undoes them, and the final steps do`() {
        let definition = workflow([undoable("a"), undoable("b(a)"), step("c")], finally: [step("f")])
        for silent in 0..<4 {
            var process = MachineDriver(definition)
            process.begin()
            process.succeed("a")
            process.order(.cancel(.graceful))
            for _ in 0..<60 where process.status == .cancelling {
                // Those before the silent one answer at once.
                if silent > 0 { ["b", "c"].forEach { process.interrupted($0) } }
                if silent > 1 { process.running.filter { $0.hasSuffix("compensate") }.forEach { process.succeed($0) } }
                if silent > 2, process.phase("f") == .started { process.fail("f", .hiccup) }
                process.wait(.seconds(1))
            }
            #expect(process.status == .cancelled, "\(silent)")
            #expect(process.state.clockMilliseconds <= 60_000)
            #expect(process.running == [])
        }
    }

    @Test func `steps that do not stop within half of that leave the other half to what undoes them`() {
        var process = MachineDriver(workflow([undoable("a"), undoable("b(a)")]))
        process.begin()
        process.succeed("a")
        process.order(.cancel(.graceful))
        #expect(process.wait(.seconds(29)).runs == [])
        #expect(process.wait(.seconds(1)).runs == ["b/compensate"])
        #expect(process.phase("b") == .cancelled)
    }

    @Test func `a paused process can be cancelled, and one that waits for a retry, a lock or a decision`() async throws
    {
        var process = MachineDriver(workflow("a", "b(a)"))
        process.begin()
        process.order(.pause)
        process.succeed("a")
        process.order(.cancel(.graceful))
        #expect(process.status == .cancelled)

        process = MachineDriver(workflow("a"))
        process.begin()
        try await process.crash()
        #expect(process.phase("a") == .undecided)
        process.order(.cancel(.graceful))
        #expect(process.status == .cancelled)
    }

    @Test func `a cancel during a rollback ends it within 60 seconds`() {
        var process = MachineDriver(workflow([undoable("a"), step("b(a)")]), onFailure: .rollback)
        process.begin()
        process.succeed("a")
        process.fail("b", .broken)
        process.order(.cancel(.graceful))
        #expect(process.status == .cancelling)
        process.wait(.seconds(60))
        #expect(process.status == .cancelled)
    }

    @Test func `a cancel that a crash cuts off goes on`() async throws {
        var process = MachineDriver(workflow([undoable("a"), undoable("b(a)")]))
        process.begin()
        process.succeed("a")
        process.order(.cancel(.graceful))
        let effects = try await process.crash()
        #expect(process.phase("b") == .cancelled)
        #expect(effects.runs == ["b/compensate"])
        process.succeed("b/compensate")
        process.succeed("a/compensate")
        #expect(process.status == .cancelled)
    }

    // MARK: Retry

    @Test func `a retry runs what failed or was given up again under its key, and keeps what is completed`() {
        var process = MachineDriver(workflow("a", "b(a)", "c(a)", "d(b)"))
        process.begin()
        process.succeed("a", "kept")
        process.fail("b", .broken)
        process.interrupted("c")
        let keys = ["b", "c"].map { process.execution($0)?.key }
        #expect(process.status == .failed)
        let runs = process.order(.retry).requests
        #expect(runs.map(\.id.description) == ["b", "c"])
        #expect(runs.map(\.key) == keys)
        #expect(runs.map(\.attempt) == [1, 1])
        #expect(process.state.errorMessage == nil)
        #expect(process.record("a").output == "kept")
        process.succeed("b")
        process.succeed("c")
        process.succeed("d")
        #expect(process.status == .completed)
    }

    @Test func `a retry has the whole time-out again`() {
        var process = MachineDriver(workflow("a"), timeout: .seconds(10))
        process.begin()
        process.wait(.seconds(10))
        #expect(process.order(.retry, after: .seconds(5000)).runs == ["a"])
        #expect(process.state.remainingMilliseconds == 10_000)
    }

    @Test func `a retry runs steps that were undone anew, under another key`() async throws {
        var process = MachineDriver(workflow([undoable("a"), step("b(a)")]), onFailure: .rollback)
        process.begin()
        let key = process.execution("a")?.key
        process.succeed("a")
        process.fail("b", .broken)
        process.succeed("a/compensate")
        let runs = process.order(.retry).requests
        #expect(runs.map(\.id.description) == ["a"])
        #expect(runs.first?.key != key)
        #expect(process.record("a").rerun == 1)
        #expect(!process.state.rolledBack)
        process.succeed("a")
        let undoing = process.fail("b", .broken).requests.first
        #expect(undoing?.id.description == "a/compensate", "and can be undone once more")
        process.succeed("a/compensate")
        #expect(process.order(.retry).requests.first?.key != runs.first?.key)
    }

    @Test func `what a retry runs anew keeps its key over a crash before it begins, in a large process as well`()
        async throws
    {
        let names = (0..<150).map { $0 == 0 ? "s0" : "s\($0)(s\($0 - 1))" }
        var process = MachineDriver(workflow(names.map { undoable($0) } + [step("end(s149)")]), onFailure: .rollback)
        process.begin()
        for number in 0..<150 { process.succeed("s\(number)") }
        process.fail("end", .broken)
        while let next = process.running.first { process.succeed(next) }
        process.order(.retry)
        try await process.crash()
        #expect(process.state.steps.prefix(150).allSatisfy { $0.rerun == 1 })
    }

    @Test func `a step that waits for another one to run anew does not begin before it`() {
        let definition = workflow([
            undoable("a"), step("b(a)"), step("c(b)", with: ["id": "${{ steps.a.outputs.id }}"]),
        ])
        var process = MachineDriver(definition, onFailure: .rollback)
        process.begin()
        process.succeed("a", ["id": 1])
        process.succeed("b")
        process.fail("c", .broken)
        process.succeed("a/compensate")
        #expect(process.order(.retry).runs == ["a"], "c needs a as well, through b")
        #expect(process.phase("b") == .completed)
        #expect(process.succeed("a", ["id": 2]).requests.first?.inputs == ["id": 2])
    }

    @Test func `a list whose source is undone is worked through anew`() async throws {
        let definition = workflow([
            undoable("a"), list("l(a)", "${{ steps.a.outputs }}", with: ["n": "${{ item }}"]), step("c(l)"),
        ])
        var process = MachineDriver(definition, onFailure: .rollback)
        process.begin()
        process.succeed("a", [1, 2])
        let keys = Set(process.running.map { process.execution($0)?.key })
        process.succeed("l[0]")
        process.fail("l[1]", .broken)
        process.succeed("a/compensate")
        #expect(process.order(.retry).runs == ["a"])
        try await process.crash()
        process.order(.decide(nil, .retry))
        let runs = process.succeed("a", [7, 8, 9]).requests
        #expect(runs.map(\.inputs) == [["n": 7], ["n": 8], ["n": 9]])
        #expect(keys.isDisjoint(with: runs.map(\.key)))
    }

    @Test func `a retry of a list runs the elements that failed, and keeps those that are completed`() {
        var process = MachineDriver(workflow([list("l", [1, 2, 3]), step("b(l)")]), limits: .parallel(2))
        process.begin()
        process.succeed("l[0]", "kept")
        process.fail("l[1]", .broken)
        process.interrupted("l[2]")
        let keys = ["l[1]", "l[2]"].map { process.execution($0)?.key }
        let runs = process.order(.retry).requests
        #expect(runs.map(\.id.description) == ["l[1]", "l[2]"])
        #expect(runs.map(\.key) == keys)
        process.succeed("l[1]")
        #expect(process.succeed("l[2]").runs == ["b"])
        #expect(process.record("l[0]").output == "kept")
    }

    @Test func `a retry after an undone list runs its elements anew`() {
        let step = list("l", [1, 2]) { $0.compensate = Compensation(action: "undo") }
        var process = MachineDriver(workflow([step, following]), onFailure: .rollback)
        let keys = process.begin().requests.map(\.key)
        process.succeed("l[0]")
        process.succeed("l[1]")
        process.fail("b", .broken)
        process.succeed("l[0]/compensate")
        process.succeed("l[1]/compensate")
        let runs = process.order(.retry).requests
        #expect(runs.map(\.id.description) == ["l[0]", "l[1]"])
        #expect(Set(keys).isDisjoint(with: runs.map(\.key)))
    }

    private var following: StepDefinition { step("b(l)") }

    @Test func `the final steps run again after a retry, under another key`() {
        var process = MachineDriver(workflow([step("a")], finally: [step("f"), list("g", "${{ [steps.a.status] }}")]))
        process.begin()
        process.fail("a", .broken)
        let keys = process.running.map { process.execution($0)?.key }
        process.succeed("f")
        process.succeed("g[0]")
        #expect(process.order(.retry).runs == ["a"])
        let runs = process.succeed("a").requests
        #expect(runs.map(\.id.description) == ["f", "g[0]"])
        #expect(Set(runs.map(\.key)).isDisjoint(with: keys.compactMap(\.self)))
        process.succeed("f")
        process.succeed("g[0]")
        #expect(process.status == .completed)
    }

    @Test func `outputs that are gone do not count against the limit of the process`() {
        var limits = ProcessLimits()
        limits.outputBytes = 150
        let text = JSONValue.string(String(repeating: "x", count: 80))
        var process = MachineDriver(workflow([undoable("a"), step("b(a)")]), onFailure: .rollback, limits: limits)
        process.begin()
        for _ in 0..<3 {
            process.succeed("a", text)
            process.fail("b", .broken)
            process.succeed("a/compensate")
            process.order(.retry)
        }
        process.succeed("a", text)
        #expect(process.running == ["b"])
        #expect(process.state.outputBytes == 82)
    }

    // MARK: Retry the current step

    @Test func `retryCurrentStep interrupts what runs and starts it again under its key`() {
        var process = MachineDriver(workflow("a", "b(a)"))
        process.begin()
        process.succeed("a", "kept")
        let key = process.execution("b")?.key
        #expect(process.order(.retryCurrentStep).interrupts == ["b"])
        #expect(process.order(.retryCurrentStep) == [], "once is enough")
        let run = process.interrupted("b").requests.first
        #expect(run?.id.description == "b")
        #expect(run?.key == key)
        #expect(run?.attempt == 2)
        #expect(process.record("a").output == "kept")
    }

    @Test func `retryCurrentStep starts what waits at once`() {
        var process = MachineDriver(workflow("a"))
        process.begin()
        process.fail("a", .hiccup)
        #expect(process.order(.retryCurrentStep).runs == ["a"])
    }

    @Test func `a step that ends before it is interrupted keeps its result`() {
        var process = MachineDriver(workflow("a", "b(a)"))
        process.begin()
        process.order(.retryCurrentStep)
        #expect(process.succeed("a", "done").runs == ["b"])
        #expect(process.record("a").output == "done")
    }

    @Test func `retryCurrentStep decides that what waits for a decision runs again`() async throws {
        var process = MachineDriver(workflow("a", "b"))
        process.begin()
        try await process.crash()
        #expect(process.order(.retryCurrentStep).runs.sorted() == ["a", "b"])
    }

    @Test func `an undoing that is started again still counts as needed after a crash`() async throws {
        var process = MachineDriver(workflow([undoable("a")]))
        process.begin()
        process.order(.cancel(.graceful))
        process.interrupted("a")
        #expect(process.running == ["a/compensate"])
        process.order(.retryCurrentStep)
        #expect(process.interrupted("a/compensate").runs == ["a/compensate"])
        #expect(try await process.crash().runs == ["a/compensate"])
        process.succeed("a/compensate")
        #expect(process.status == .cancelled)
    }

    // MARK: Roll back, clean up

    @Test func `a finished process undoes on request what it has done, without its final steps`() {
        let definition = workflow([undoable("a"), undoable("b(a)")], finally: [step("f")], outputs: ["x": 1])
        var process = MachineDriver(definition)
        process.begin()
        for name in ["a", "b", "f"] { process.succeed(name) }
        #expect(process.status == .completed)
        #expect(process.order(.rollBack).runs == ["b/compensate"])
        #expect(process.succeed("b/compensate").runs == ["a/compensate"])
        process.succeed("a/compensate")
        #expect(process.status == .failed)
        #expect(process.state.errorMessage == "rolled back on request")
        #expect(process.state.rolledBack)
        #expect(process.state.outputs == nil, "what it gave back is undone")
        #expect(!process.turn(.command(.rollBack)).isChanged, "once is enough")
    }

    @Test func `large outputs of a process are its latest ones after it was undone and run again`() async throws {
        let outputs: JSONValue = ["text": "${{ steps.a.outputs }}"]
        var process = MachineDriver(workflow([undoable("a")], outputs: outputs))
        process.begin()
        for letter in ["x", "y"] {
            let text = JSONValue.string(String(repeating: letter, count: 9_000))
            process.succeed("a", text)
            #expect(process.status == .completed)
            #expect(try await process.machine.storedAndRead().state.outputs == ["text": text])
            _ = process.encode()
            process.order(.rollBack)
            process.succeed("a/compensate")
            process.order(.retry)
        }
    }

    @Test func `a failed process can be rolled back later, once, and retried after that`() {
        var process = MachineDriver(workflow([undoable("a"), step("b(a)")]))
        process.begin()
        process.succeed("a")
        process.fail("b", .broken)
        #expect(process.order(.rollBack).runs == ["a/compensate"])
        process.succeed("a/compensate")
        #expect(process.state.errorMessage == "step b: broken")
        #expect(process.order(.retry).runs == ["a"])
    }

    @Test func `somebody has cleaned up after a finished process`() {
        var process = MachineDriver(workflow("a"))
        process.begin()
        process.fail("a", .broken)
        #expect(process.turn(.command(.markCleanedUp)).isChanged)
        #expect(process.state.cleanedUp)
        #expect(process.status == .failed)
        #expect(!process.turn(.command(.markCleanedUp)).isChanged)
    }

    // MARK: Decisions

    @Test func `a person decides what a step with an unknown outcome counts as`() async throws {
        let decisions: [(Decision, StepPhase)] = [
            (.retry, .started), (.complete(output: "by hand"), .completed), (.fail, .failed),
        ]
        for (decision, phase) in decisions {
            var process = MachineDriver(workflow("a"))
            process.begin()
            let key = process.execution("a")?.key
            #expect(try await process.crash().runs == [])
            #expect(process.phase("a") == .undecided)
            let runs = process.order(.decide(ExecutionID("a"), decision)).requests
            #expect(process.phase("a") == phase)
            if case .retry = decision { #expect(runs.first?.key == key) }
            if case .complete = decision { #expect(process.record("a").output == "by hand") }
            if case .fail = decision { #expect(process.state.errorMessage == "step a: decided to count as failed") }
        }
    }

    @Test func `a decision without a name is about the only step that waits for one`() async throws {
        var process = MachineDriver(workflow("a", "b"))
        process.begin()
        try await process.crash()
        #expect(!process.turn(.command(.decide(nil, .retry))).isChanged, "there are two")
        process.order(.decide(ExecutionID("b"), .complete(output: 1)))
        #expect(process.order(.decide(nil, .retry)).runs == ["a"])
        #expect(!process.turn(.command(.decide(nil, .retry))).isChanged, "there is none")
    }

    @Test func `what a person decided to have failed is undone, since it may have happened`() async throws {
        var process = MachineDriver(workflow([undoable("a")]), onFailure: .rollback)
        process.begin()
        try await process.crash()
        #expect(process.order(.decide(nil, .fail)).runs == ["a/compensate"])
    }

    // MARK: The wrong state

    @Test func `commands that mean nothing in a state change nothing`() {
        var running = MachineDriver(workflow("a"))
        running.begin()
        var paused = running
        paused.order(.pause)
        var cancelling = running
        cancelling.order(.cancel(.graceful))
        var cancelled = cancelling
        cancelled.interrupted("a")
        let nothing: [(MachineDriver, [ProcessCommand])] = [
            (running, [.resume, .retry, .rollBack, .markCleanedUp, .decide(nil, .fail)]),
            (paused, [.pause, .retry, .rollBack, .markCleanedUp]),
            (cancelling, [.pause, .resume, .retry, .rollBack, .cancel(.graceful)]),
            (cancelled, [.pause, .resume, .retry, .rollBack, .cancel(.graceful), .cancel(.force), .retryCurrentStep]),
        ]
        for (process, commands) in nothing {
            for command in commands {
                var process = process
                let turn = process.turn(.command(command))
                #expect(turn.effects == [], "\(command) in \(process.status)")
                #expect(!turn.isChanged, "\(command) in \(process.status)")
            }
        }
    }
}
