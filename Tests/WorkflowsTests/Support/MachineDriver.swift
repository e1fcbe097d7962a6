import JSON
import Testing

@testable import Workflows

/// Drives a machine as a run would, and checks after every event that what it keeps beside the state follows from it.
struct MachineDriver {
    private(set) var machine: ProcessMachine
    /// How far the wall clock is.
    private var seconds: Int64 = 1_000

    init(
        _ definition: WorkflowDefinition,
        id: String = "p1",
        input: JSONValue? = nil,
        timeout: Duration = .seconds(3600),
        retry: RetryPolicy = RetryPolicy(limit: 2, delay: .seconds(5)),
        onFailure: FailurePolicy = .stop,
        isDryRun: Bool = false,
        limits: ProcessLimits = .four,
        actions: ActionCatalog = .planned
    ) {
        let request = ProcessRequest(
            id: id,
            namespace: "gis",
            name: "test",
            user: "ada",
            input: input,
            definition: definition,
            timeout: timeout,
            retry: retry,
            onFailure: onFailure,
            serviceAccountName: "deployer",
            isDryRun: isDryRun
        )
        let environment = MachineEnvironment(
            actions: actions.adding(SubprocessAction()),
            language: CELExpressions(),
            limits: limits
        )
        let state = ProcessState(starting: request, at: Timestamp(seconds: 1_000))
        machine = ProcessMachine(state, plan: Plan(definition, environment: environment), environment: environment)
    }

    /// A machine over a state, as another owner would make it.
    init(_ state: ProcessState, limits: ProcessLimits = .four) {
        let environment = MachineEnvironment(
            actions: ActionCatalog.planned.adding(SubprocessAction()),
            language: CELExpressions(),
            limits: limits
        )
        let plan = Plan(state.definition, environment: environment)
        machine = ProcessMachine(state, plan: plan, environment: environment)
    }

    var state: ProcessState { machine.state }
    var status: ProcessPhase { machine.state.status }
    /// What is recorded as started, sorted.
    var running: [String] { machine.running.map(\.description).sorted() }

    /// Where an execution is, written as `resize[17]/compensate`.
    func phase(_ text: String) -> StepPhase? { execution(text)?.status }

    func execution(_ text: String) -> Execution? {
        let id = ExecutionID(text: text)
        return machine.isKnown(id) ? machine.execution(id) : nil
    }

    func record(_ text: String) -> StepState { machine[ExecutionID(text: text)] }

    // MARK: Events

    @discardableResult
    mutating func apply(_ event: ProcessEvent, after elapsed: Duration = .zero) -> [ProcessEffect] {
        turn(event, after: elapsed).effects
    }

    mutating func turn(_ event: ProcessEvent, after elapsed: Duration = .zero) -> ProcessMachine.Turn {
        seconds += elapsed.components.seconds
        let turn = machine.apply(event, at: Moment(time: Timestamp(seconds: seconds), elapsed: elapsed))
        for fault in machine.lawsBroken { Issue.record("after \(event): \(fault)") }
        return turn
    }

    @discardableResult
    mutating func begin() -> [ProcessEffect] { apply(.begin) }

    @discardableResult
    mutating func succeed(_ text: String, _ output: JSONValue = 1, after elapsed: Duration = .zero) -> [ProcessEffect] {
        let id = ExecutionID(text: text)
        return apply(.succeeded(id, start: execution(text)?.start ?? 0, output: output), after: elapsed)
    }

    @discardableResult
    mutating func fail(_ text: String, _ error: StepError, after elapsed: Duration = .zero) -> [ProcessEffect] {
        apply(.failed(ExecutionID(text: text), start: execution(text)?.start ?? 0, error), after: elapsed)
    }

    @discardableResult
    mutating func interrupted(_ text: String) -> [ProcessEffect] {
        apply(.interrupted(ExecutionID(text: text), start: execution(text)?.start ?? 0))
    }

    @discardableResult
    mutating func verified(_ text: String, _ outcome: StepOutcome) -> [ProcessEffect] {
        apply(.verified(ExecutionID(text: text), start: execution(text)?.start ?? 0, outcome))
    }

    /// What an action tells before its effect.
    @discardableResult
    mutating func recordUndo(_ text: String, _ inputs: JSONValue, _ part: PartReference? = nil) -> [ProcessEffect] {
        let id = ExecutionID(text: text)
        return apply(.undoRecorded(id, start: execution(text)?.start ?? 0, inputs: inputs, part: part))
    }

    @discardableResult
    mutating func wait(_ elapsed: Duration) -> [ProcessEffect] { apply(.tick, after: elapsed) }

    @discardableResult
    mutating func order(_ command: ProcessCommand, after elapsed: Duration = .zero) -> [ProcessEffect] {
        apply(.command(command), after: elapsed)
    }

    /// What a new owner does: a machine over the same state, as it is stored and read, and the event.
    @discardableResult
    mutating func crash(limits: ProcessLimits? = nil) async throws -> [ProcessEffect] {
        machine = try await machine.storedAndRead()
        return apply(.recover)
    }

    /// What a commit would store. Its parts are at hand for whoever reads the state later.
    mutating func encode() -> EncodedState {
        let encoded = machine.encode()
        PartShelf.shared.put(encoded.parts)
        return encoded
    }

    /// Changes the state as a person does who edits the document.
    mutating func edit(_ change: (inout ProcessState) -> Void) {
        var state = machine.state
        change(&state)
        self = MachineDriver(state, limits: machine.environment.limits)
    }
}

extension ProcessLimits {
    static let four = ProcessLimits()
    static func parallel(_ count: Int) -> ProcessLimits {
        var limits = ProcessLimits()
        limits.stepParallelism = count
        return limits
    }
}

extension StepError {
    static let hiccup = StepError(.transient, "hiccup")
    static let broken = StepError(.permanent, "broken")
}

extension ExecutionID {
    /// Reads `resize`, `resize[17]` and `resize[17]/compensate`.
    init(text: String) { self = ExecutionID(parsing: text) ?? ExecutionID(text) }
}

extension [ProcessEffect] {
    var requests: [ExecutionRequest] { compactMap { if case .run(let run) = $0 { run } else { nil } } }
    var runs: [String] { requests.map(\.id.description) }
    var verifications: [String] { compactMap { if case .verify(let run) = $0 { run.id.description } else { nil } } }
    var interrupts: [String] { compactMap { if case .interrupt(let id) = $0 { id.description } else { nil } } }
    /// `holder: lock, …`; the process's own holder is `-`.
    var acquisitions: [String] {
        compactMap { effect in
            guard case .acquire(let holder, let claims) = effect else { return nil }
            return "\(holder?.description ?? "-"): \(claims.map(\.lock).joined(separator: ", "))"
        }
    }
    var releases: [String] {
        flatMap { if case .release(let claims) = $0 { claims.map(\.lock) } else { [String]() } }
    }
}
