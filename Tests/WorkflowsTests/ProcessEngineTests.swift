import JSON
import Logging
import Synchronization
import Testing

@testable import Workflows

/// The engine with a store in memory and actions made for the test.
@Suite(.timeLimit(.minutes(4))) struct ProcessEngineTests {
    /// Records who called it; fails or waits as the test says.
    private final class Probe: Action {
        let name = "probe"
        let about = "For tests."
        var inputSchema: JSONSchema { .anyObject }
        let calls = Mutex<[StepContextRecord]>([])
        private let behaviour: @Sendable (StepContext) async throws -> JSONValue

        struct StepContextRecord: Hashable {
            let process: String
            let step: String
            let key: String
            let attempt: Int
        }

        init(_ behaviour: @escaping @Sendable (StepContext) async throws -> JSONValue = { _ in "done" }) {
            self.behaviour = behaviour
        }

        func perform(_ inputs: JSONValue, _ context: StepContext) async throws -> JSONValue {
            let record = StepContextRecord(
                process: context.processID,
                step: context.step,
                key: context.idempotencyKey,
                attempt: context.attempt
            )
            calls.withLock { $0.append(record) }
            return try await behaviour(context)
        }

        var steps: [String] { calls.withLock { $0.map(\.step) } }
    }

    /// Runs an engine while the body runs; `changes` ticks whenever a snapshot changes.
    private func withEngine(
        _ probe: Probe,
        store: any ProcessStateStore = InMemoryProcessStateStore(),
        configuration: EngineConfiguration = Self.configuration(),
        time: TimeSource = .system,
        _ body: (ProcessEngine, AsyncStream<Void>) async throws -> Void
    ) async throws {
        let (changes, tick) = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))
        let engine = ProcessEngine(
            store: store,
            actions: ActionCatalog([probe]),
            configuration: configuration,
            time: time,
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() },
            onChange: { _ in tick.yield() }
        )
        let running = Task { await engine.run() }
        defer { running.cancel() }
        try await body(engine, changes)
    }

    private static func configuration() -> EngineConfiguration {
        var configuration = EngineConfiguration()
        configuration.announcesTakeovers = false
        return configuration
    }

    private func request(_ id: String = "p", _ steps: String..., retries: Int = 3) -> ProcessRequest {
        let names = steps.isEmpty ? ["a", "b"] : steps
        let definitions = names.enumerated().map { index, name in
            StepDefinition(name, action: "probe", needs: index == 0 ? nil : [names[index - 1]])
        }
        return ProcessRequest(
            id: id,
            name: id,
            definition: WorkflowDefinition(name: "inline", steps: definitions),
            timeout: .seconds(60),
            retry: RetryPolicy(limit: retries, delay: .zero)
        )
    }

    private func wait(
        _ engine: ProcessEngine,
        _ changes: AsyncStream<Void>,
        _ id: String = "p",
        until condition: (RunSnapshot) -> Bool
    ) async throws -> RunSnapshot {
        if let run = engine.snapshot(of: id), condition(run) { return run }
        for await _ in changes {
            if let run = engine.snapshot(of: id), condition(run) { return run }
        }
        throw CancellationError()
    }

    private func waitForEnd(
        _ engine: ProcessEngine,
        _ changes: AsyncStream<Void>,
        _ id: String = "p"
    ) async throws
        -> RunSnapshot
    {
        try await wait(engine, changes, id) { if case .ended = $0.activity { true } else { false } }
    }

    @Test func `a process runs its steps in order, stores each, and ends`() async throws {
        let store = InMemoryProcessStateStore()
        let probe = Probe()
        try await withEngine(probe, store: store) { engine, changes in
            engine.submit(request(), mode: .begin)
            let run = try await waitForEnd(engine, changes)
            #expect(run.activity == .ended(.finished))
            #expect(run.state?.status == .completed)
            #expect(probe.steps == ["a", "b"])
            let stored = try #require(store.load("p")).state(of: "p")
            #expect(stored == run.state)
            // Three commits: created with a started, a done and b started, b done.
            #expect(stored.version == 3)
            engine.forget("p")
            #expect(engine.snapshot(of: "p") == nil)
        }
    }

    @Test func `a step's failure is tried again under the same key`() async throws {
        let probe = Probe { context in
            if context.attempt < 3 { throw StepError(.transient, "not yet") }
            return "done"
        }
        try await withEngine(probe) { engine, changes in
            engine.submit(request("p", "a"), mode: .begin)
            let run = try await waitForEnd(engine, changes)
            #expect(run.state?.status == .completed)
            #expect(probe.calls.withLock { $0.map(\.attempt) } == [1, 2, 3])
            #expect(Set(probe.calls.withLock { $0.map(\.key) }).count == 1)
        }
    }

    @Test func `at most the configured number of processes runs at once, the rest waits its turn`() async throws {
        let inside = Mutex((now: 0, most: 0))
        let (gate, open) = AsyncStream<Void>.makeStream()
        let probe = Probe { _ in
            let now = inside.withLock {
                $0.now += 1
                $0.most = max($0.most, $0.now)
                return $0.now
            }
            // The first wait until all slots are taken.
            if now == 3 { open.finish() }
            for await _ in gate {}
            for _ in 0..<20 { await Task.yield() }
            inside.withLock { $0.now -= 1 }
            return "done"
        }
        var configuration = Self.configuration()
        configuration.maxConcurrentProcesses = 3
        try await withEngine(probe, configuration: configuration) { engine, changes in
            for number in 0..<30 { engine.submit(request("p\(number)", "a"), mode: .begin) }
            for number in 0..<30 { _ = try await waitForEnd(engine, changes, "p\(number)") }
            #expect(inside.withLock { $0.most } == 3)
            #expect(probe.steps.count == 30)
        }
    }

    @Test func `a paused process gives its slot to another one`() async throws {
        let (gate, open) = AsyncStream<Void>.makeStream()
        let probe = Probe { context in
            if context.processID == "first" { for await _ in gate {} }
            return "done"
        }
        var configuration = Self.configuration()
        configuration.maxConcurrentProcesses = 1
        try await withEngine(probe, configuration: configuration) { engine, changes in
            engine.submit(request("first"), mode: .begin)
            _ = try await wait(engine, changes, "first") { $0.state?.status == .running }
            engine.submit(request("second"), mode: .begin)
            #expect(engine.snapshot(of: "second")?.activity == .queued)
            engine.send(.pause, to: "first")
            _ = try await waitForEnd(engine, changes, "second")
            open.finish()
            engine.send(.resume, to: "first")
            let end = try await waitForEnd(engine, changes, "first")
            #expect(end.state?.status == .completed)
        }
    }

    @Test func `a cancel interrupts a waiting action at once`() async throws {
        let probe = Probe { context in
            try await context.time.sleep(for: .seconds(3600))
            return "never"
        }
        try await withEngine(probe) { engine, changes in
            engine.submit(request("p", "a"), mode: .begin)
            _ = try await wait(engine, changes) { $0.state?.status == .running }
            engine.send(.cancel(.graceful), to: "p")
            let run = try await waitForEnd(engine, changes)
            #expect(run.state?.status == .cancelled)
            #expect(run.state?.steps.map(\.status) == [.cancelled])
        }
    }

    @Test func `a step that takes longer than its limit is interrupted and counts as timed out`() async throws {
        let probe = Probe { context in
            try await context.time.sleep(for: .seconds(3600))
            return "never"
        }
        var request = request("p", "a", retries: 0)
        request.definition.steps[0].timeout = "10ms"
        try await withEngine(probe) { engine, changes in
            engine.submit(request, mode: .begin)
            let end = try await waitForEnd(engine, changes)
            #expect(end.state?.errorMessage == "step a: Timeout exceeded")
        }
    }

    @Test func `an output that is too large fails the step and is not stored`() async throws {
        let probe = Probe { _ in .string(String(repeating: "x", count: 40_000)) }
        try await withEngine(probe) { engine, changes in
            engine.submit(request("p", "a"), mode: .begin)
            let run = try await waitForEnd(engine, changes)
            #expect(run.state?.errorMessage == "step a: Output too large")
            #expect(run.state?.steps[0].output == nil)
        }
    }

    @Test func `another owner's commit makes a run give up, and nothing of it is stored after that`() async throws {
        let store = InMemoryProcessStateStore()
        let (gate, open) = AsyncStream<Void>.makeStream()
        let probe = Probe { _ in
            for await _ in gate {}
            return "done"
        }
        try await withEngine(probe, store: store) { engine, changes in
            engine.submit(request(), mode: .begin)
            _ = try await wait(engine, changes) { $0.state?.status == .running }
            let mine = try #require(store.load("p"))
            var other = try mine.state(of: "p")
            other.epoch += 1
            other.commitId = "another"
            let document = StateDocument(other)
            #expect(store.commit("p", document, replacing: mine.digest, timeToLive: .seconds(60)) == .committed)
            open.finish()
            let run = try await waitForEnd(engine, changes)
            #expect(run.activity == .ended(.superseded))
            #expect(store.load("p") == document)
            #expect(probe.steps == ["a"])
        }
    }

    @Test func `a state repaired by hand is taken up, and what it says is completed does not run`() async throws {
        let store = InMemoryProcessStateStore()
        let (gate, open) = AsyncStream<Void>.makeStream()
        let probe = Probe { context in
            if context.step == "a" { for await _ in gate {} }
            return .string(context.step)
        }
        try await withEngine(probe, store: store) { engine, changes in
            engine.submit(request("p", "a", "b", "c"), mode: .begin)
            _ = try await wait(engine, changes) { $0.state?.status == .running }
            let mine = try #require(store.load("p"))
            var edited = try mine.state(of: "p")
            edited.steps[1].status = .completed
            edited.steps[1].output = "by hand"
            // As `redis-cli -x SET` stores it, with the newline of the editor.
            let document = StateDocument(edited.json().serialized(pretty: true) + [UInt8(ascii: "\n")])
            _ = store.commit("p", document, replacing: mine.digest, timeToLive: .seconds(60))
            open.finish()
            let run = try await waitForEnd(engine, changes)
            #expect(run.state?.status == .completed)
            #expect(run.state?.steps.map(\.output) == ["a", "by hand", "c"])
            #expect(probe.steps == ["a", "c"])
        }
    }

    @Test func `a store that falls back to an earlier state is brought forward, and nothing runs again`() async throws {
        let store = InMemoryProcessStateStore()
        let (gate, open) = AsyncStream<Void>.makeStream()
        let early = Mutex<StateDocument?>(nil)
        let probe = Probe { context in
            // What the store holds before step a is done.
            if context.step == "a" { early.withLock { $0 = store.load("p") } }
            if context.step == "b" { for await _ in gate {} }
            return .string(context.step)
        }
        try await withEngine(probe, store: store) { engine, changes in
            engine.submit(request("p", "a", "b", "c"), mode: .begin)
            _ = try await wait(engine, changes) { $0.state?.currentStep == "b" }
            let now = try #require(store.load("p"))
            let rolledBack = try #require(early.withLock { $0 })
            _ = store.commit("p", rolledBack, replacing: now.digest, timeToLive: .seconds(60))
            open.finish()
            let end = try await waitForEnd(engine, changes)
            #expect(end.state?.status == .completed)
            #expect(probe.steps == ["a", "b", "c"])
            #expect(try #require(store.load("p")).state(of: "p") == end.state)
        }
    }

    @Test func `a cancel right after a repair by hand still interrupts what runs`() async throws {
        let store = InMemoryProcessStateStore()
        let probe = Probe { context in
            try await context.time.sleep(for: .seconds(3600))
            return "never"
        }
        try await withEngine(probe, store: store) { engine, changes in
            engine.submit(request("p", "a"), mode: .begin)
            _ = try await wait(engine, changes) { $0.state?.status == .running }
            let mine = try #require(store.load("p"))
            var edited = try mine.state(of: "p")
            edited.user = "somebody else"
            edited.version = 0
            _ = store.commit("p", StateDocument(edited), replacing: mine.digest, timeToLive: .seconds(60))
            engine.send(.cancel(.graceful), to: "p")
            let end = try await waitForEnd(engine, changes)
            #expect(end.state?.status == .cancelled)
            #expect(end.state?.user == "somebody else")
            #expect((end.state?.version ?? 0) > 1)
        }
    }

    @Test func `a state that is gone ends the run and is not brought back`() async throws {
        let store = InMemoryProcessStateStore()
        let (gate, open) = AsyncStream<Void>.makeStream()
        let probe = Probe { _ in
            for await _ in gate {}
            return "done"
        }
        try await withEngine(probe, store: store) { engine, changes in
            engine.submit(request(), mode: .begin)
            _ = try await wait(engine, changes) { $0.state?.status == .running }
            store.delete("p")
            open.finish()
            let end = try await waitForEnd(engine, changes)
            #expect(end.activity == .ended(.stateMissing))
            #expect(store.load("p") == nil)
        }
    }

    @Test func `a state that cannot be read ends the run with every fault, and is left as it is`() async throws {
        let store = InMemoryProcessStateStore()
        let broken = StateDocument(Array(#"{"schemaVersion":1,"version":1}"#.utf8))
        _ = store.create("p", broken, timeToLive: .seconds(60))
        try await withEngine(Probe(), store: store) { engine, changes in
            engine.submit(request(), mode: .recover(knownEpoch: 1))
            let run = try await waitForEnd(engine, changes)
            guard case .ended(.invalidState(let reason)) = run.activity else {
                Issue.record("\(run.activity)")
                return
            }
            #expect(reason.hasPrefix("Invalid state: "))
            #expect(reason.contains("processId: is required"))
            #expect(store.load("p") == broken)
        }
    }

    @Test func `a process whose state cannot be read can be run again`() async throws {
        let store = InMemoryProcessStateStore()
        _ = store.create("p", StateDocument(Array("broken".utf8)), timeToLive: .seconds(60))
        let probe = Probe()
        try await withEngine(probe, store: store) { engine, changes in
            engine.submit(request(), mode: .rerun(3, knownEpoch: 5))
            let end = try await waitForEnd(engine, changes)
            #expect(end.state?.status == .completed)
            #expect(end.state?.rerun == 3)
            #expect(end.state?.epoch == 6)
            #expect(probe.steps == ["a", "b"])
        }
    }

    @Test func `a state of a later release is refused and left as it is`() async throws {
        var state = ProcessState(starting: request(), at: Timestamp(seconds: 0))
        state.schemaVersion = 2
        let error = #expect(throws: InvalidState.self) { try StateDocument(state).state(of: "p") }
        #expect(error?.description.contains("later release") == true)
    }

    @Test func `a store that does not answer holds the process, which says why and goes on afterwards`() async throws {
        let store = FlakyStore()
        let probe = Probe()
        try await withEngine(probe, store: store) { engine, changes in
            store.isAway.withLock { $0 = true }
            engine.submit(request(), mode: .begin)
            let held = try await wait(engine, changes) { $0.heldBecause != nil }
            #expect(held.heldBecause == "the test took it away")
            #expect(probe.steps == [])
            store.isAway.withLock { $0 = false }
            let end = try await waitForEnd(engine, changes)
            #expect(end.state?.status == .completed)
            #expect(probe.steps == ["a", "b"])
        }
    }

    @Test func `a commit whose reply is lost is recognised and not repeated`() async throws {
        let store = FlakyStore()
        store.losesReplies.withLock { $0 = true }
        let probe = Probe()
        try await withEngine(probe, store: store) { engine, changes in
            engine.submit(request("p", "a", "b", "c"), mode: .begin)
            let run = try await waitForEnd(engine, changes)
            #expect(run.state?.status == .completed)
            #expect(run.state?.version == 4)
            #expect(probe.steps == ["a", "b", "c"])
        }
    }

    @Test func `a takeover waits until it is announced before it has any effect`() async throws {
        let store = InMemoryProcessStateStore()
        var state = ProcessState(starting: request(), at: Timestamp(seconds: 0))
        _ = state.apply(
            .begin,
            at: Moment(time: Timestamp(seconds: 0), elapsed: .zero),
            limits: ProcessState.Limits(stepParallelism: 4)
        )
        _ = store.create("p", StateDocument(state), timeToLive: .seconds(60))
        let probe = Probe()
        try await withEngine(probe, store: store, configuration: EngineConfiguration()) { engine, changes in
            engine.submit(request(), mode: .recover(knownEpoch: 7))
            let run = try await wait(engine, changes) { $0.activity == .announcing }
            #expect(run.state?.epoch == 8)
            #expect(probe.steps == [])
            engine.announced("p", epoch: 7)
            engine.announced("p", epoch: 8)
            let end = try await waitForEnd(engine, changes)
            #expect(end.state?.status == .completed)
            #expect(probe.steps == ["a", "b"])
            #expect(probe.calls.withLock { $0.first?.key } == state.steps[0].key)
        }
    }

    @Test func `a run that is withdrawn before it begins leaves nothing behind`() async throws {
        let store = InMemoryProcessStateStore()
        let (gate, open) = AsyncStream<Void>.makeStream()
        let probe = Probe { _ in
            for await _ in gate {}
            return "done"
        }
        var configuration = Self.configuration()
        configuration.maxConcurrentProcesses = 1
        try await withEngine(probe, store: store, configuration: configuration) { engine, changes in
            engine.submit(request("first", "a"), mode: .begin)
            _ = try await wait(engine, changes, "first") { $0.state?.status == .running }
            engine.submit(request("second", "a"), mode: .begin)
            #expect(engine.withdraw("second"))
            #expect(!engine.withdraw("first"))
            #expect(engine.snapshot(of: "second")?.activity == .ended(.withdrawn))
            open.finish()
            _ = try await waitForEnd(engine, changes, "first")
            #expect(store.load("second") == nil)
        }
    }

    @Test func `every step started is stored as started before its action begins`() async throws {
        let store = InMemoryProcessStateStore()
        let probe = Probe { context in
            let stored = try #require(store.load(context.processID)).state(of: context.processID)
            let step = stored.steps.first { $0.name == context.step }
            #expect(step?.status == .started)
            #expect(step?.key == context.idempotencyKey)
            return "done"
        }
        try await withEngine(probe, store: store) { engine, changes in
            engine.submit(request("p", "a", "b", "c"), mode: .begin)
            let end = try await waitForEnd(engine, changes)
            #expect(end.state?.status == .completed)
        }
    }
}

/// A store in memory that can be away, and that can lose every other reply.
private final class FlakyStore: ProcessStateStore {
    let isAway = Mutex(false)
    let losesReplies = Mutex(false)
    private let base = InMemoryProcessStateStore()
    private let calls = Mutex(0)

    var name: String { "flaky" }
    var isDurable: Bool { false }

    func load(_ processID: String) async throws -> StateDocument? {
        try check()
        return base.load(processID)
    }

    func create(_ processID: String, _ document: StateDocument, timeToLive: Duration) async throws -> CommitResult {
        try check()
        return try answer(base.create(processID, document, timeToLive: timeToLive))
    }

    func commit(
        _ processID: String,
        _ document: StateDocument,
        replacing previous: String,
        timeToLive: Duration
    ) async throws -> CommitResult {
        try check()
        return try answer(base.commit(processID, document, replacing: previous, timeToLive: timeToLive))
    }

    func delete(_ processID: String) async throws { base.delete(processID) }

    private func check() throws {
        if isAway.withLock({ $0 }) { throw StateStoreUnavailable("the test took it away") }
    }

    private func answer(_ result: CommitResult) throws -> CommitResult {
        let isOdd = calls.withLock { calls in
            calls += 1
            return calls % 2 == 1
        }
        if isOdd, losesReplies.withLock({ $0 }) { throw StateStoreUnavailable("the reply was lost") }
        return result
    }
}
