public import JSON
public import Logging

/// Something a step can do.
///
/// An action runs at least once. It gets a key that is the same for every attempt and every restart of one step, so
/// that its target can recognise a repetition. It returns soon after its task is cancelled; what its effect is then is
/// unknown to the engine.
public protocol Action: Sendable {
    /// As steps name it.
    var name: String { get }
    /// One sentence.
    var about: String { get }
    /// What `with` may hold.
    var inputSchema: JSONSchema { get }
    /// Whether the target recognises a repetition by the key, so that running again does no harm.
    var isIdempotent: Bool { get }
    /// Whether `outcome` can tell what has become of an effect.
    var canVerify: Bool { get }
    /// Does the work.
    /// - Parameter inputs: valid under `inputSchema`.
    /// - Returns: the step's output.
    /// - Throws: `StepError`; anything else counts as transient. `CancellationError` when its task is cancelled.
    func perform(_ inputs: JSONValue, _ context: StepContext) async throws -> JSONValue
    /// Looks at the target, by the key, for what an attempt that was cut off has done.
    func outcome(of inputs: JSONValue, _ context: StepContext) async throws -> StepOutcome
}

extension Action {
    /// No: what cannot be recognised must not be repeated unasked.
    public var isIdempotent: Bool { false }
    /// No.
    public var canVerify: Bool { false }
    /// Unknown.
    public func outcome(of inputs: JSONValue, _ context: StepContext) async throws -> StepOutcome { .unknown }

    /// What to do about an unknown outcome when the definition does not say.
    var defaultUnknownOutcomePolicy: UnknownOutcomePolicy {
        if canVerify { return .verify }
        return isIdempotent ? .retryIfIdempotent : .askHuman
    }
}

/// What has become of an effect whose result was lost.
public enum StepOutcome: Sendable, Hashable {
    /// It has happened, with this output.
    case happened(output: JSONValue)
    /// It has not happened and will not.
    case didNotHappen
    /// The target does not tell.
    case unknown
}

/// What an action may know about the step it works for.
public struct StepContext: Sendable {
    /// The process.
    public let processID: String
    /// Of the process's resource.
    public let namespace: String?
    /// The step's name; with a list, the element's place as well: `resize[17]`.
    public let step: String
    /// Identifies the step's effect: constant over attempts, restarts and owners.
    public let idempotencyKey: String
    /// Counted from 1.
    public let attempt: Int
    /// For waiting.
    public let time: TimeSource
    /// Records something the step has made, such as `Deployment gis/tiles`, before it goes on: it is stored when this
    /// returns.
    public let recordResource: @Sendable (String) async throws -> Void
    /// Runs the sub-process that the inputs name, and waits for its outputs.
    let runSubprocess: @Sendable (JSONValue) async throws -> JSONValue
    /// Carries the process id and the step.
    public let logger: Logger
}

/// The actions an engine knows, by name.
public struct ActionCatalog: Sendable {
    private struct Entry: Sendable {
        let action: any Action
        /// Made once: it is asked for at every start of a step.
        let inputSchema: JSONSchema
    }

    private var entries: [String: Entry] = [:]

    /// A catalog; of two actions with one name the later one counts.
    public init(_ actions: [any Action]) {
        for action in actions { add(action) }
    }

    private mutating func add(_ action: any Action) {
        entries[action.name] = Entry(action: action, inputSchema: action.inputSchema)
    }

    /// This catalog and one action more.
    func adding(_ action: any Action) -> ActionCatalog {
        var catalog = self
        catalog.add(action)
        return catalog
    }

    /// The action of that name.
    public subscript(name: String) -> (any Action)? { entries[name]?.action }

    /// What the inputs of the action of that name may hold.
    public func inputSchema(of name: String) -> JSONSchema? { entries[name]?.inputSchema }

    /// All names, sorted.
    public var names: [String] { entries.keys.sorted() }
}
