import JSON
import Logging
import Synchronization
import Testing

@testable import Workflows

/// An action that records who called it, and behaves as the test says.
final class Probe: Action {
    let name: String
    let about = "For tests."
    let isIdempotent: Bool
    var inputSchema: JSONSchema { .anyObject }
    let calls = Mutex<[Call]>([])
    private let behaviour: @Sendable (StepContext, JSONValue) async throws -> JSONValue

    struct Call: Hashable {
        let process: String
        let step: String
        let key: String
        let attempt: Int
    }

    init(
        _ name: String = "probe",
        isIdempotent: Bool = false,
        _ behaviour: @escaping @Sendable (StepContext, JSONValue) async throws -> JSONValue = { _, _ in "done" }
    ) {
        self.name = name
        self.isIdempotent = isIdempotent
        self.behaviour = behaviour
    }

    /// One whose calls return when the test opens the barrier.
    convenience init(waitingFor barrier: Barrier) {
        self.init { _, _ in
            await barrier.wait()
            return "done"
        }
    }

    func perform(_ inputs: JSONValue, _ context: StepContext) async throws -> JSONValue {
        let call = Call(
            process: context.processID,
            step: context.step,
            key: context.idempotencyKey,
            attempt: context.attempt
        )
        calls.withLock { $0.append(call) }
        return try await behaviour(context, inputs)
    }

    var all: [Call] { calls.withLock { $0 } }
    var steps: [String] { all.map(\.step) }
}

/// Something that tasks wait for until the test opens it.
struct Barrier: Sendable {
    private let stream: AsyncStream<Void>
    private let continuation: AsyncStream<Void>.Continuation

    init() { (stream, continuation) = AsyncStream<Void>.makeStream() }

    func open() { continuation.finish() }
    func wait() async { for await _ in stream {} }
}

/// An engine that runs while a test's body does.
struct EngineDriver {
    let engine: ProcessEngine
    /// Ticks whenever a snapshot changes.
    let changes: AsyncStream<Void>

    static func with(
        _ actions: [any Action],
        store: any DocumentStore = InMemoryDocumentStore(),
        configuration: EngineConfiguration = .quiet,
        time: TimeSource = .system,
        gate: OwnershipGate? = nil,
        ownership: any Ownership = SoleOwner(),
        history: (any ProcessHistory)? = nil,
        _ body: (EngineDriver) async throws -> Void
    ) async throws {
        let (changes, tick) = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))
        let engine = ProcessEngine(
            store: store,
            actions: ActionCatalog(actions),
            configuration: configuration,
            time: time,
            gate: gate,
            ownership: ownership,
            history: history,
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() },
            onChange: { _ in tick.yield() }
        )
        let running = Task { await engine.run() }
        defer { running.cancel() }
        try await body(EngineDriver(engine: engine, changes: changes))
        running.cancel()
        await running.value
    }

    @discardableResult
    func wait(_ id: String = "p", until condition: (RunSnapshot) -> Bool) async throws -> RunSnapshot {
        if let run = engine.snapshot(of: id), condition(run) { return run }
        for await _ in changes {
            if let run = engine.snapshot(of: id), condition(run) { return run }
        }
        throw CancellationError()
    }

    @discardableResult
    func end(_ id: String = "p") async throws -> RunSnapshot {
        try await wait(id) { if case .ended = $0.activity { true } else { false } }
    }
}

extension EngineConfiguration {
    /// Takeovers need not be announced.
    static var quiet: EngineConfiguration {
        var configuration = EngineConfiguration()
        configuration.announcesTakeovers = false
        return configuration
    }
}

extension ProcessRequest {
    /// A process of steps in a row, all of which call the probe.
    static func row(_ id: String = "p", _ names: String..., retries: Int = 3) -> ProcessRequest {
        let names = names.isEmpty ? ["a", "b"] : names
        let steps = names.enumerated().map { index, name in
            StepDefinition(name, action: "probe", needs: index == 0 ? nil : [names[index - 1]])
        }
        return of(workflow(steps), id: id, retries: retries)
    }

    static func of(_ definition: WorkflowDefinition, id: String = "p", retries: Int = 3) -> ProcessRequest {
        ProcessRequest(
            id: id,
            name: id,
            definition: definition,
            timeout: .seconds(600),
            retry: RetryPolicy(limit: retries, delay: .zero)
        )
    }
}

extension InMemoryDocumentStore {
    /// The state of a process as a new owner would read it.
    func state(of id: String) async throws -> ProcessState {
        let document = try #require(load(.state(processID: id)))
        return try await StateReader(processID: id) { self.load(.part(processID: id, digest: $0.digest))?.bytes }
            .read(document)
    }

    /// Changes a stored state as a person does.
    func edit(_ id: String, _ change: (inout ProcessState) -> Void) async throws {
        let mine = try #require(load(.state(processID: id)))
        var state = try await state(of: id)
        change(&state)
        let document = StoredDocument(state.json().serialized(pretty: true) + [UInt8(ascii: "\n")])
        #expect(
            commit(.state(processID: id), document, replacing: mine.digest, timeToLive: .seconds(600)) == .committed
        )
    }
}
