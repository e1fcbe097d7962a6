import JSON
import Synchronization
import TestClock
import Testing

@testable import Workflows

/// The engine with a store in memory and actions made for the test.
@Suite(.timeLimit(.minutes(4))) struct ProcessEngineTests {
    private func endless(_ name: String = "probe") -> Probe {
        Probe(name) { context, _ in
            try await context.time.sleep(for: .seconds(3600))
            return "never"
        }
    }

    // MARK: Running

    @Test func `a process runs its steps in order, stores each, and ends`() async throws {
        let store = InMemoryDocumentStore()
        let probe = Probe()
        try await EngineDriver.with([probe], store: store) { driver async throws in
            driver.engine.submit(.row(), mode: .begin)
            let run = try await driver.end()
            #expect(run.activity == .ended(.finished))
            #expect(run.state?.status == .completed)
            #expect(probe.steps == ["a", "b"])
            let stored = try await store.state(of: "p")
            #expect(stored.status == .completed)
            #expect(stored.steps.map(\.output) == ["done", "done"])
            // Three commits: created with a started, a done and b started, b done.
            #expect(stored.version == 3)
            #expect(run.state?.version == 3)
            driver.engine.forget("p")
            #expect(driver.engine.snapshot(of: "p") == nil)
        }
    }

    @Test func `every step started is stored as started before its action begins`() async throws {
        let store = InMemoryDocumentStore()
        let probe = Probe { context, _ in
            let stored = try await store.state(of: context.processID)
            let step = stored.steps.first { $0.name == context.step }
            #expect(step?.status == .started)
            #expect(step?.execution.key == context.idempotencyKey)
            return "done"
        }
        try await EngineDriver.with([probe], store: store) { driver async throws in
            driver.engine.submit(.row("p", "a", "b", "c"), mode: .begin)
            #expect(try await driver.end().state?.status == .completed)
        }
    }

    @Test func `a step's failure is tried again under the same key`() async throws {
        let probe = Probe { context, _ in
            if context.attempt < 3 { throw StepError(.transient, "not yet") }
            return "done"
        }
        try await EngineDriver.with([probe]) { driver async throws in
            driver.engine.submit(.row("p", "a"), mode: .begin)
            #expect(try await driver.end().state?.status == .completed)
            #expect(probe.all.map(\.attempt) == [1, 2, 3])
            #expect(Set(probe.all.map(\.key)).count == 1)
        }
    }

    @Test func `an error that is no step error counts as transient`() async throws {
        struct Odd: Error {}
        let probe = Probe { context, _ in
            if context.attempt == 1 { throw Odd() }
            return "done"
        }
        try await EngineDriver.with([probe]) { driver async throws in
            driver.engine.submit(.row("p", "a"), mode: .begin)
            #expect(try await driver.end().state?.status == .completed)
        }
    }

    @Test func `a wide list runs no more elements at once than the process may, and keeps all outputs`() async throws {
        let inside = Mutex((now: 0, most: 0))
        let probe = Probe { _, inputs in
            inside.withLock {
                $0.now += 1
                $0.most = max($0.most, $0.now)
            }
            await Task.yield()
            inside.withLock { $0.now -= 1 }
            return inputs["n"] ?? .null
        }
        let items = JSONValue.array((0..<200).map { .int($0) })
        let step = list("l", items, action: "probe", with: ["n": "${{ item }}"])
        try await EngineDriver.with([probe]) { driver async throws in
            driver.engine.submit(.of(workflow([step], outputs: ["all": "${{ steps.l.outputs }}"])), mode: .begin)
            let end = try await driver.end()
            #expect(end.state?.outputs == ["all": items])
            #expect(inside.withLock { $0.most } == 4)
        }
    }

    @Test func `a cancel interrupts a waiting action at once`() async throws {
        try await EngineDriver.with([endless()]) { driver async throws in
            driver.engine.submit(.row("p", "a"), mode: .begin)
            try await driver.wait { $0.state?.status == .running }
            driver.engine.send(.cancel(.graceful), to: "p")
            let run = try await driver.end()
            #expect(run.state?.status == .cancelled)
            #expect(run.state?.steps.map(\.status) == [.cancelled])
        }
    }

    @Test func `a failing process undoes what it has done with the outputs of the steps`() async throws {
        let undone = Mutex<[JSONValue]>([])
        let undo = Probe("undo") { _, inputs in
            undone.withLock { $0.append(inputs) }
            return .null
        }
        let probe = Probe { context, _ in
            if context.step == "c" { throw StepError(.permanent, "no") }
            return .string("made by \(context.step)")
        }
        let steps = ["a", "b(a)", "c(b)"].map { undoable($0, action: "probe", undo: ["what": "${{ outputs }}"]) }
        var request = ProcessRequest.of(workflow(steps))
        request.onFailure = .rollback
        try await EngineDriver.with([probe, undo]) { driver async throws in
            driver.engine.submit(request, mode: .begin)
            let end = try await driver.end()
            #expect(end.state?.status == .failed)
            #expect(end.state?.rolledBack == true)
            #expect(undone.withLock { $0 } == [["what": "made by b"], ["what": "made by a"]])
        }
    }

    @Test func `a step that takes longer than its limit is interrupted and counts as timed out`() async throws {
        var request = ProcessRequest.row("p", "a", retries: 0)
        request.definition.steps[0].timeout = "10ms"
        try await EngineDriver.with([endless()]) { driver async throws in
            driver.engine.submit(request, mode: .begin)
            #expect(try await driver.end().state?.errorMessage == "step a: Timeout exceeded")
        }
    }

    @Test func `time is that of the engine's clock`() async throws {
        let clock = ManualClock()
        var request = ProcessRequest.row("p", "a")
        request.timeout = .seconds(100)
        let time = TimeSource(clock)
        try await EngineDriver.with([endless()], store: InMemoryDocumentStore(time: time), time: time) {
            driver async throws in
            driver.engine.submit(request, mode: .begin)
            try await driver.wait { $0.state?.status == .running }
            // The action sleeps, and the run until its next checkpoint.
            for _ in 0..<4 {
                await clock.sleepers(2)
                clock.advance(by: .seconds(30))
            }
            #expect(try await driver.end().state?.errorMessage == "Timeout exceeded")
        }
    }

    @Test func `an output that is too large fails the step, is not stored, and is undone`() async throws {
        let probe = Probe { _, _ in .string(String(repeating: "x", count: 300_000)) }
        let undo = Probe("undo")
        var request = ProcessRequest.of(workflow([undoable("a", action: "probe")]))
        request.onFailure = .rollback
        try await EngineDriver.with([probe, undo]) { driver async throws in
            driver.engine.submit(request, mode: .begin)
            let run = try await driver.end()
            #expect(run.state?.errorMessage == "step a: Output too large")
            #expect(run.state?.steps[0].output == nil)
            #expect(undo.steps == ["a/compensate"])
        }
    }

    @Test func `a large output lies beside the state, and is there for the next step and the next owner`() async throws
    {
        let store = InMemoryDocumentStore()
        let seen = Mutex<JSONValue?>(nil)
        let text = JSONValue.string(String(repeating: "x", count: 100_000))
        let probe = Probe { context, inputs in
            if context.step == "b" { seen.withLock { $0 = inputs["text"] } }
            return text
        }
        let steps = [
            step("a", action: "probe"), step("b(a)", action: "probe", with: ["text": "${{ steps.a.outputs }}"]),
        ]
        try await EngineDriver.with([probe], store: store) { driver async throws in
            driver.engine.submit(.of(workflow(steps)), mode: .begin)
            try await driver.end()
            #expect(seen.withLock { $0 } == text)
            #expect((store.load(.state(processID: "p"))?.bytes.count ?? 0) < 10_000)
            #expect(try await store.state(of: "p").steps[0].output == text)
            try await driver.engine.removeState(of: "p")
            #expect(store.load(.state(processID: "p")) == nil)
            let digest = Digest.sha256(text.serialized())
            #expect(store.load(.part(processID: "p", digest: digest)) == nil)
        }
    }

    @Test func `what a step has made is stored before it goes on`() async throws {
        let store = InMemoryDocumentStore()
        let probe = Probe { context, _ async throws in
            try await context.recordResource("vpc-1")
            #expect(try await store.state(of: "p").createdResources == ["vpc-1"])
            return "done"
        }
        try await EngineDriver.with([probe], store: store) { driver async throws in
            driver.engine.submit(.row("p", "a"), mode: .begin)
            #expect(try await driver.end().state?.createdResources == ["vpc-1"])
        }
    }

    // MARK: Admission

    @Test func `at most the configured number of processes runs at once, the rest waits its turn`() async throws {
        let inside = Mutex((now: 0, most: 0))
        let barrier = Barrier()
        let probe = Probe { _, _ in
            let now = inside.withLock {
                $0.now += 1
                $0.most = max($0.most, $0.now)
                return $0.now
            }
            // The first wait until all slots are taken.
            if now == 3 { barrier.open() }
            await barrier.wait()
            for _ in 0..<20 { await Task.yield() }
            inside.withLock { $0.now -= 1 }
            return "done"
        }
        var configuration = EngineConfiguration.quiet
        configuration.maxConcurrentProcesses = 3
        try await EngineDriver.with([probe], configuration: configuration) { driver async throws in
            for number in 0..<30 { driver.engine.submit(.row("p\(number)", "a"), mode: .begin) }
            for number in 0..<30 { try await driver.end("p\(number)") }
            #expect(inside.withLock { $0.most } == 3)
            #expect(probe.steps.count == 30)
        }
    }

    @Test func `more than may wait are turned away, and asked back when there is room`() async throws {
        let barrier = Barrier()
        let probe = Probe { _, _ in
            await barrier.wait()
            return "done"
        }
        var configuration = EngineConfiguration.quiet
        configuration.maxConcurrentProcesses = 1
        configuration.maxQueuedProcesses = 2
        try await EngineDriver.with([probe], configuration: configuration) { driver async throws in
            let answers = (0..<5).map { driver.engine.submit(.row("p\($0)", "a"), mode: .begin) }
            #expect(answers == [.accepted, .accepted, .accepted, .queueFull, .queueFull])
            #expect(driver.engine.submit(.row("p0", "a"), mode: .begin) == .known)
            #expect(
                driver.engine.submit(.row("old", "a"), mode: .rerun(1, knownEpoch: 1)) == .accepted,
                "it has run before"
            )
            #expect(driver.engine.load.turnedAway == 2)
            barrier.open()
            for number in 0..<3 { try await driver.end("p\(number)") }
            #expect(driver.engine.load.turnedAway == 0)
            #expect(driver.engine.submit(.row("p3", "a"), mode: .begin) == .accepted)
            try await driver.end("p3")
        }
    }

    @Test func `a paused process gives its slot to another one`() async throws {
        let barrier = Barrier()
        let probe = Probe { context, _ in
            if context.processID == "first" { await barrier.wait() }
            return "done"
        }
        var configuration = EngineConfiguration.quiet
        configuration.maxConcurrentProcesses = 1
        try await EngineDriver.with([probe], configuration: configuration) { driver async throws in
            driver.engine.submit(.row("first"), mode: .begin)
            try await driver.wait("first") { $0.state?.status == .running }
            driver.engine.submit(.row("second"), mode: .begin)
            #expect(driver.engine.snapshot(of: "second")?.activity == .queued)
            driver.engine.send(.pause, to: "first")
            try await driver.end("second")
            barrier.open()
            driver.engine.send(.resume, to: "first")
            #expect(try await driver.end("first").state?.status == .completed)
        }
    }

    @Test func `a run that is withdrawn before it begins leaves nothing behind`() async throws {
        let store = InMemoryDocumentStore()
        let barrier = Barrier()
        let probe = Probe { _, _ in
            await barrier.wait()
            return "done"
        }
        var configuration = EngineConfiguration.quiet
        configuration.maxConcurrentProcesses = 1
        try await EngineDriver.with([probe], store: store, configuration: configuration) { driver async throws in
            driver.engine.submit(.row("first", "a"), mode: .begin)
            try await driver.wait("first") { $0.state?.status == .running }
            driver.engine.submit(.row("second", "a"), mode: .begin)
            driver.engine.submit(.row("third", "a"), mode: .begin)
            #expect(driver.engine.withdraw("second"))
            #expect(!driver.engine.withdraw("first"))
            #expect(driver.engine.expire("third"))
            #expect(driver.engine.snapshot(of: "second")?.activity == .ended(.withdrawn))
            #expect(driver.engine.snapshot(of: "third")?.activity == .ended(.expired))
            barrier.open()
            try await driver.end("first")
            #expect(store.load(.state(processID: "second")) == nil)
        }
    }

    // MARK: Others write the state

    @Test func `another owner's commit makes a run give up, and nothing of it is stored after that`() async throws {
        let store = InMemoryDocumentStore()
        let barrier = Barrier()
        let probe = Probe { _, _ in
            await barrier.wait()
            return "done"
        }
        try await EngineDriver.with([probe], store: store) { driver async throws in
            driver.engine.submit(.row(), mode: .begin)
            try await driver.wait { $0.state?.status == .running }
            try await store.edit("p") {
                $0.epoch += 1
                $0.commitId = "another"
            }
            let document = store.load(.state(processID: "p"))
            barrier.open()
            #expect(try await driver.end().activity == .ended(.superseded))
            #expect(store.load(.state(processID: "p")) == document)
            #expect(probe.steps == ["a"])
        }
    }

    @Test func `a process that the store lost and another owner began anew, under the same epoch, is the other's`()
        async throws
    {
        let store = InMemoryDocumentStore()
        let (ours, theirs) = (Barrier(), Barrier())
        let waiting = { (barrier: Barrier) in
            Probe { _, _ in
                await barrier.wait()
                return "done"
            }
        }
        try await EngineDriver.with([waiting(ours)], store: store) { driver async throws in
            driver.engine.submit(.row(), mode: .begin)
            try await driver.wait { $0.state?.status == .running }
            store.delete([.state(processID: "p")])
            try await EngineDriver.with([waiting(theirs)], store: store) { other async throws in
                other.engine.submit(.row(), mode: .begin)
                try await other.wait { $0.state?.status == .running }
                let document = store.load(.state(processID: "p"))
                driver.engine.send(.pause, to: "p")
                #expect(try await driver.end().activity == .ended(.superseded))
                let isTheirs = store.load(.state(processID: "p")) == document
                #expect(isTheirs)
                theirs.open()
                #expect(try await other.end().activity == .ended(.finished))
            }
        }
    }

    @Test func `an action that waits for a confirmation while another owner takes over is told, and the run ends`()
        async throws
    {
        let store = InMemoryDocumentStore()
        let barrier = Barrier()
        let probe = Probe { context, _ in
            await barrier.wait()
            try await context.recordResource("vpc-1")
            return "done"
        }
        try await EngineDriver.with([probe], store: store) { driver async throws in
            driver.engine.submit(.row("p", "a"), mode: .begin)
            try await driver.wait { $0.state?.status == .running }
            try await store.edit("p") { $0.epoch += 1 }
            barrier.open()
            #expect(try await driver.end().activity == .ended(.superseded))
        }
    }

    @Test func `a state repaired by hand is taken up, and what it says is completed does not run`() async throws {
        let store = InMemoryDocumentStore()
        let barrier = Barrier()
        let probe = Probe { context, _ in
            if context.step == "a" { await barrier.wait() }
            return .string(context.step)
        }
        try await EngineDriver.with([probe], store: store) { driver async throws in
            driver.engine.submit(.row("p", "a", "b", "c"), mode: .begin)
            try await driver.wait { $0.state?.status == .running }
            try await store.edit("p") {
                $0.steps[1].status = .completed
                $0.steps[1].output = "by hand"
            }
            barrier.open()
            let run = try await driver.end()
            #expect(run.state?.status == .completed)
            #expect(run.state?.steps.map(\.output) == ["a", "by hand", "c"])
            #expect(probe.steps == ["a", "c"])
        }
    }

    @Test func `a store that falls back to an earlier state is brought forward, and nothing runs again`() async throws {
        let store = InMemoryDocumentStore()
        let barrier = Barrier()
        let early = Mutex<StoredDocument?>(nil)
        let probe = Probe { context, _ in
            // What the store holds before step a is done.
            if context.step == "a" { early.withLock { $0 = store.load(.state(processID: "p")) } }
            if context.step == "b" { await barrier.wait() }
            return .string(context.step)
        }
        try await EngineDriver.with([probe], store: store) { driver async throws in
            driver.engine.submit(.row("p", "a", "b", "c"), mode: .begin)
            try await driver.wait { $0.state?.currentStep == "b" }
            let now = try #require(store.load(.state(processID: "p")))
            let earlier = try #require(early.withLock { $0 })
            _ = store.commit(.state(processID: "p"), earlier, replacing: now.digest, timeToLive: .seconds(60))
            barrier.open()
            let end = try await driver.end()
            #expect(end.state?.status == .completed)
            #expect(probe.steps == ["a", "b", "c"])
            #expect(try await store.state(of: "p").version == end.state?.version)
        }
    }

    @Test func `a cancel right after a repair by hand still interrupts what runs`() async throws {
        let store = InMemoryDocumentStore()
        try await EngineDriver.with([endless()], store: store) { driver async throws in
            driver.engine.submit(.row("p", "a"), mode: .begin)
            try await driver.wait { $0.state?.status == .running }
            try await store.edit("p") {
                $0.user = "somebody else"
                $0.version = 0
            }
            driver.engine.send(.cancel(.graceful), to: "p")
            let end = try await driver.end()
            #expect(end.state?.status == .cancelled)
            #expect((end.state?.version ?? 0) > 1)
            #expect(try await store.state(of: "p").user == "somebody else")
        }
    }

    @Test func `a repair by hand does not take the epoch back`() async throws {
        let store = InMemoryDocumentStore()
        try await EngineDriver.with([endless()], store: store) { driver async throws in
            driver.engine.submit(.row("p", "a"), mode: .begin)
            try await driver.wait { $0.state?.status == .running }
            driver.engine.abandon("p", forgetting: true)
            while driver.engine.snapshot(of: "p") != nil { await Task.yield() }
            driver.engine.submit(.row("p", "a"), mode: .recover(knownEpoch: 6))
            try await driver.wait { $0.state?.epoch == 7 && $0.activity == .live }
            try await store.edit("p") { $0.epoch = 2 }
            driver.engine.send(.pause, to: "p")
            try await driver.wait { $0.state?.status == .paused }
            #expect(try await store.state(of: "p").epoch == 7)
        }
    }

    @Test func `a state that is gone ends the run and is not brought back`() async throws {
        let store = InMemoryDocumentStore()
        let barrier = Barrier()
        let probe = Probe { _, _ in
            await barrier.wait()
            return "done"
        }
        try await EngineDriver.with([probe], store: store) { driver async throws in
            driver.engine.submit(.row(), mode: .begin)
            try await driver.wait { $0.state?.status == .running }
            store.delete([.state(processID: "p")])
            barrier.open()
            #expect(try await driver.end().activity == .ended(.stateMissing))
            #expect(store.load(.state(processID: "p")) == nil)
            driver.engine.forget("p")
            driver.engine.submit(.row(), mode: .recover(knownEpoch: 1))
            #expect(try await driver.end().activity == .ended(.stateMissing), "and is not begun anew")
        }
    }

    @Test func `a state that cannot be read ends the run with every fault, and is left as it is`() async throws {
        let store = InMemoryDocumentStore()
        let broken = StoredDocument(Array(#"{"schemaVersion":1,"version":1}"#.utf8))
        _ = store.create(.state(processID: "p"), broken, timeToLive: .seconds(60))
        try await EngineDriver.with([Probe()], store: store) { driver async throws in
            driver.engine.submit(.row(), mode: .recover(knownEpoch: 1))
            let run = try await driver.end()
            guard case .ended(.invalidState(let reason)) = run.activity else {
                Issue.record("\(run.activity)")
                return
            }
            #expect(reason.hasPrefix("Invalid state: "))
            #expect(reason.contains("processId: is required"))
            #expect(store.load(.state(processID: "p")) == broken)
        }
    }

    @Test func `a pinned definition that was edited into nonsense makes the state invalid, by name`() async throws {
        let edits: [(String, (inout WorkflowDefinition) -> Void)] = [
            ("definition.steps: the steps need each other in a cycle: a -> a", { $0.steps[0].needs = ["a"] }),
            ("definition.steps[1].needs[0]: there is no step \"gone\"", { $0.steps[1].needs = ["gone"] }),
        ]
        for (fault, edit) in edits {
            let store = InMemoryDocumentStore()
            var state = ProcessState(starting: .row(), at: Timestamp(seconds: 0))
            edit(&state.definition)
            _ = store.create(
                .state(processID: "p"),
                StoredDocument(state.json().serialized()),
                timeToLive: .seconds(60)
            )
            try await EngineDriver.with([Probe()], store: store) { driver async throws in
                driver.engine.submit(.row(), mode: .recover(knownEpoch: 1))
                #expect(try await driver.end().activity == .ended(.invalidState("Invalid state: \(fault)")))
            }
        }
    }

    @Test func `a process whose state cannot be read can be run again`() async throws {
        let store = InMemoryDocumentStore()
        _ = store.create(.state(processID: "p"), StoredDocument(Array("broken".utf8)), timeToLive: .seconds(60))
        let probe = Probe()
        try await EngineDriver.with([probe], store: store) { driver async throws in
            driver.engine.submit(.row(), mode: .rerun(3, knownEpoch: 5))
            let end = try await driver.end()
            #expect(end.state?.status == .completed)
            #expect(end.state?.rerun == 3)
            #expect(end.state?.epoch == 6)
            #expect(probe.steps == ["a", "b"])
        }
    }

    @Test func `a finished process is run again under other keys, and a rerun that has begun is taken up`() async throws
    {
        let store = InMemoryDocumentStore()
        let probe = Probe()
        try await EngineDriver.with([probe], store: store) { driver async throws in
            driver.engine.submit(.row("p", "a"), mode: .begin)
            try await driver.end()
            driver.engine.forget("p")
            driver.engine.submit(.row("p", "a"), mode: .rerun(1, knownEpoch: 1))
            #expect(try await driver.end().state?.rerun == 1)
            #expect(Set(probe.all.map(\.key)).count == 2)
            driver.engine.forget("p")
            driver.engine.submit(.row("p", "a"), mode: .rerun(1, knownEpoch: 2))
            #expect(try await driver.end().activity == .ended(.finished))
            #expect(probe.steps.count == 2)
        }
    }

    @Test func `a finished process obeys what only finished ones do`() async throws {
        let isBroken = Mutex(true)
        let probe = Probe { context, _ in
            if context.step == "b", isBroken.withLock({ $0 }) { throw StepError(.permanent, "no") }
            return "done"
        }
        try await EngineDriver.with([probe]) { driver async throws in
            driver.engine.submit(.row(), mode: .begin)
            #expect(try await driver.end().state?.status == .failed)
            driver.engine.forget("p")
            driver.engine.submit(.row(), mode: .reopen(.markCleanedUp, knownEpoch: 1))
            let cleaned = try await driver.end()
            #expect(cleaned.state?.cleanedUp == true)
            #expect(cleaned.state?.status == .failed)
            driver.engine.forget("p")
            isBroken.withLock { $0 = false }
            driver.engine.submit(.row(), mode: .reopen(.retry, knownEpoch: 2))
            #expect(try await driver.end().state?.status == .completed)
            #expect(probe.steps == ["a", "b", "b"])
        }
    }

    // MARK: The store

    @Test func `a store that does not answer holds the process, which says why and goes on afterwards`() async throws {
        let store = FlakyStore()
        let probe = Probe()
        try await EngineDriver.with([probe], store: store) { driver async throws in
            store.isAway.withLock { $0 = true }
            driver.engine.submit(.row(), mode: .begin)
            let held = try await driver.wait { $0.heldBecause != nil }
            #expect(held.heldBecause == "the test took it away")
            #expect(probe.steps == [])
            store.isAway.withLock { $0 = false }
            #expect(try await driver.end().state?.status == .completed)
            #expect(probe.steps == ["a", "b"])
        }
    }

    @Test func `a commit whose reply is lost is recognised and not repeated`() async throws {
        let store = FlakyStore()
        store.losesReplies.withLock { $0 = true }
        let probe = Probe()
        try await EngineDriver.with([probe], store: store) { driver async throws in
            driver.engine.submit(.row("p", "a", "b", "c"), mode: .begin)
            let run = try await driver.end()
            #expect(run.state?.status == .completed)
            #expect(run.state?.version == 4)
            #expect(probe.steps == ["a", "b", "c"])
        }
    }

    // MARK: Taking over

    @Test func `a takeover waits until it is announced before it has any effect`() async throws {
        let store = InMemoryDocumentStore()
        var process = MachineDriver(workflow([step("a", action: "repeat"), step("b(a)", action: "repeat")]), id: "p")
        process.begin()
        let key = process.execution("a")?.key
        _ = store.create(.state(processID: "p"), process.encode().document, timeToLive: .seconds(60))
        let probe = Probe("repeat", isIdempotent: true)
        try await EngineDriver.with([probe], store: store, configuration: EngineConfiguration()) {
            driver async throws in
            driver.engine.submit(.row(), mode: .recover(knownEpoch: 7))
            let run = try await driver.wait { $0.activity == .announcing }
            #expect(run.state?.epoch == 8)
            #expect(probe.steps == [])
            driver.engine.announced("p", epoch: 7)
            driver.engine.announced("p", epoch: 8)
            #expect(try await driver.end().state?.status == .completed)
            #expect(probe.steps == ["a", "b"])
            #expect(probe.all.first?.key == key)
        }
    }

    @Test func `an engine that stops leaves its processes to the next one, with no trace of an interruption`()
        async throws
    {
        let store = InMemoryDocumentStore()
        let hanging = Probe("probe", isIdempotent: true) { context, _ in
            if context.step == "b" { try await context.time.sleep(for: .seconds(3600)) }
            return "done"
        }
        try await EngineDriver.with([hanging], store: store) { driver async throws in
            driver.engine.submit(.row(), mode: .begin)
            try await driver.wait { $0.state?.currentStep == "b" }
        }
        let left = try await store.state(of: "p")
        #expect(left.steps.map(\.status) == [.completed, .started])
        let probe = Probe("probe", isIdempotent: true)
        try await EngineDriver.with([probe], store: store) { driver async throws in
            driver.engine.submit(.row(), mode: .recover(knownEpoch: 1))
            #expect(try await driver.end().state?.status == .completed)
        }
        #expect(probe.all.map(\.step) == ["b"])
        #expect(probe.all.map(\.key) == [left.steps[1].execution.key])
    }

    @Test func `no effect begins while the gate is shut, and ownership is confirmed before it does`() async throws {
        let clock = ManualClock()
        let gate = OwnershipGate(time: TimeSource(clock))
        let store = InMemoryDocumentStore()
        let probe = Probe()
        try await EngineDriver.with([probe], store: store, gate: gate) { driver async throws in
            driver.engine.submit(.row("p", "a"), mode: .begin)
            try await driver.wait { $0.state?.status == .running }
            for _ in 0..<100 { await Task.yield() }
            #expect(probe.steps == [])
            // Somebody else has taken over meanwhile.
            try await store.edit("p") { $0.epoch += 1 }
            gate.confirm(sentAt: .zero)
            #expect(try await driver.end().activity == .ended(.superseded))
            #expect(probe.steps == [])
        }
    }

    // MARK: Locks

    @Test func `a lock keeps the steps of two processes apart`() async throws {
        let inside = Mutex((now: 0, most: 0))
        let probe = Probe { _, _ in
            inside.withLock {
                $0.now += 1
                $0.most = max($0.most, $0.now)
            }
            for _ in 0..<10 { await Task.yield() }
            inside.withLock { $0.now -= 1 }
            return "done"
        }
        let step = list("l", [1, 2, 3], action: "probe") { $0.locks = [LockReference("db")] }
        let store = InMemoryDocumentStore()
        try await EngineDriver.with([probe], store: store) { driver async throws in
            for id in ["p", "q"] { driver.engine.submit(.of(workflow([step]), id: id), mode: .begin) }
            for id in ["p", "q"] { #expect(try await driver.end(id).state?.status == .completed) }
            #expect(inside.withLock { $0.most } == 1)
            #expect(probe.steps.count == 6)
        }
    }
}

/// A store in memory that can be away, and that can lose every other reply.
private final class FlakyStore: DocumentStore {
    let isAway = Mutex(false)
    let losesReplies = Mutex(false)
    private let base = InMemoryDocumentStore()
    private let calls = Mutex(0)

    var name: String { "flaky" }
    var isDurable: Bool { false }

    func load(_ key: DocumentKey) async throws -> StoredDocument? {
        try check()
        return base.load(key)
    }

    func create(_ key: DocumentKey, _ document: StoredDocument, timeToLive: Duration) async throws -> CommitResult {
        try check()
        return try answer(base.create(key, document, timeToLive: timeToLive))
    }

    func commit(
        _ key: DocumentKey,
        _ document: StoredDocument,
        replacing previous: String,
        timeToLive: Duration
    ) async throws -> CommitResult {
        try check()
        return try answer(base.commit(key, document, replacing: previous, timeToLive: timeToLive))
    }

    func renew(_ keys: [DocumentKey], timeToLive: Duration) async throws { base.renew(keys, timeToLive: timeToLive) }

    func delete(_ keys: [DocumentKey]) async throws { base.delete(keys) }

    private func check() throws {
        if isAway.withLock({ $0 }) { throw StoreUnavailable("the test took it away") }
    }

    private func answer(_ result: CommitResult) throws -> CommitResult {
        let isOdd = calls.withLock { calls in
            calls += 1
            return calls % 2 == 1
        }
        if isOdd, losesReplies.withLock({ $0 }) { throw StoreUnavailable("the reply was lost") }
        return result
    }
}
