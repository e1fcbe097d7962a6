import JSON
import Synchronization
import TestClock
import Testing

@testable import Workflows

/// What the engine makes of a state that others write: other owners, people, and a store that forgets.
@Suite(.timeLimit(.minutes(4))) struct SharedStateTests {
    private func endless(_ name: String = "probe") -> Probe {
        Probe(name) { context, _ in
            try await context.time.sleep(for: .seconds(3600))
            return "never"
        }
    }

    @Test func `another owner's commit makes a run give up, and nothing of it is stored after that`() async throws {
        let store = InMemoryDocumentStore()
        let barrier = Barrier()
        let probe = Probe(waitingFor: barrier)
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
        try await EngineDriver.with([Probe(waitingFor: ours)], store: store) { driver async throws in
            driver.engine.submit(.row(), mode: .begin)
            try await driver.wait { $0.state?.status == .running }
            store.delete([.state(processID: "p")])
            try await EngineDriver.with([Probe(waitingFor: theirs)], store: store) { other async throws in
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

    @Test func `a repair by hand of an older copy does not turn the process's clock back`() async throws {
        let (store, clock) = (InMemoryDocumentStore(), ManualClock())
        try await EngineDriver.with([endless()], store: store, time: TimeSource(clock)) { driver async throws in
            driver.engine.submit(.row("p", "a"), mode: .begin)
            try await driver.wait { $0.state?.status == .running }
            clock.advance(by: .seconds(10))
            try await store.edit("p") { $0.clockMilliseconds = 0 }
            driver.engine.send(.pause, to: "p")
            try await driver.wait { $0.state?.status == .paused }
            #expect(try await store.state(of: "p").clockMilliseconds >= 10_000)
        }
    }

    @Test func `a state that is gone ends the run and is not brought back`() async throws {
        let store = InMemoryDocumentStore()
        let barrier = Barrier()
        let probe = Probe(waitingFor: barrier)
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
}
