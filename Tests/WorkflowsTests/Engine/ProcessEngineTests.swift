import JSON
import Synchronization
import TestClock
import Testing

@testable import Workflows

/// How the engine runs a process, with a store in memory and actions made for the test.
@Suite(.timeLimit(.minutes(4))) struct ProcessEngineTests {
    private func endless(_ name: String = "probe") -> Probe {
        Probe(name) { context, _ in
            try await context.time.sleep(for: .seconds(3600))
            return "never"
        }
    }

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
}
