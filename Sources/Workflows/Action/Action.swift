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
    /// What the output holds, in a sentence or two.
    var outputs: String { get }
    /// How it fails, beyond what any action may meet: `honua action explain` shows it.
    var failures: [ActionFailure] { get }
    /// Whether the target recognises a repetition by the key, so that running again does no harm.
    var isIdempotent: Bool { get }
    /// Whether `outcome` can tell what has become of an effect.
    var canVerify: Bool { get }
    /// Whether it acts in the cluster as the process's service account; a process without one cannot use it then.
    var touchesCluster: Bool { get }
    /// Why no definition may use it here, and what would allow it; nil when every definition may.
    var refusal: String? { get }
    /// The action that undoes this one with what `StepContext.recordUndo` was given, where a step declares nothing else.
    var undoneBy: String? { get }
    /// Does the work.
    /// - Parameter inputs: valid under `inputSchema`.
    /// - Returns: the step's output.
    /// - Throws: `StepError`; anything else counts as transient. `CancellationError` when its task is cancelled.
    func perform(_ inputs: JSONValue, _ context: StepContext) async throws -> JSONValue
    /// Says what `perform` would do, and does none of it.
    /// - Returns: what people read in a plan, and what stands for the step's output in the plans of later steps.
    func plan(_ inputs: JSONValue, _ context: StepContext) async throws -> JSONValue
    /// Looks at the target, by the key, for what an attempt that was cut off has done.
    func outcome(of inputs: JSONValue, _ context: StepContext) async throws -> StepOutcome
}

extension Action {
    /// Nothing.
    public var outputs: String { "Nothing." }
    /// None of its own.
    public var failures: [ActionFailure] { [] }
    /// No: what cannot be recognised must not be repeated unasked.
    public var isIdempotent: Bool { false }
    /// No.
    public var canVerify: Bool { false }
    /// No.
    public var touchesCluster: Bool { false }
    /// None.
    public var refusal: String? { nil }
    /// Nothing does.
    public var undoneBy: String? { nil }
    /// The action and its inputs; nothing is known of what would come back.
    public func plan(_ inputs: JSONValue, _ context: StepContext) async throws -> JSONValue {
        ["would": .string(name), "with": inputs]
    }
    /// Unknown.
    public func outcome(of inputs: JSONValue, _ context: StepContext) async throws -> StepOutcome { .unknown }

    /// What to do about an unknown outcome when the definition does not say.
    public var defaultUnknownOutcomePolicy: UnknownOutcomePolicy {
        if canVerify { return .verify }
        return isIdempotent ? .retryIfIdempotent : .askHuman
    }
}

/// A way in which an action fails, for people to read.
public struct ActionFailure: Sendable, Hashable {
    /// As in `StepError.summary`; what varies in it is described.
    public let summary: String
    /// Whether another attempt follows.
    public let errorClass: StepError.Class
    /// When it happens.
    public let when: String

    /// A failure from its parts.
    public init(_ summary: String, _ errorClass: StepError.Class, when: String) {
        self.summary = summary
        self.errorClass = errorClass
        self.when = when
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
    /// The service account in that namespace as which the step touches the cluster.
    public let serviceAccountName: String?
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
    /// What an earlier attempt has recorded by `recordUndo`; later ones no longer see how things were before.
    public let recordedUndo: JSONValue?
    /// Records, before the first effect, the inputs with which the action `undoneBy` undoes the step: they are stored when
    /// this returns.
    public let recordUndo: @Sendable (JSONValue) async throws -> Void
    /// Whether the step was told to stop, by a cancel or a time-out. When its task is cancelled otherwise, this operator
    /// ends, and the step goes on with the next one.
    public let wasStopped: @Sendable () -> Bool
    /// Runs the sub-process that the inputs name, and waits for its outputs.
    let runSubprocess: @Sendable (JSONValue) async throws -> JSONValue
    /// Carries the process id and the step.
    public let logger: Logger

    /// What an action that is called outside of an engine is told. Records go to the closures; there are no sub-processes.
    public init(
        processID: String,
        namespace: String?,
        serviceAccountName: String? = nil,
        step: String,
        idempotencyKey: String,
        attempt: Int = 1,
        time: TimeSource = .system,
        recordResource: @escaping @Sendable (String) async throws -> Void = { _ in },
        recordedUndo: JSONValue? = nil,
        recordUndo: @escaping @Sendable (JSONValue) async throws -> Void = { _ in },
        wasStopped: @escaping @Sendable () -> Bool = { false },
        logger: Logger
    ) {
        self.init(
            processID: processID,
            namespace: namespace,
            serviceAccountName: serviceAccountName,
            step: step,
            idempotencyKey: idempotencyKey,
            attempt: attempt,
            time: time,
            recordResource: recordResource,
            recordedUndo: recordedUndo,
            recordUndo: recordUndo,
            wasStopped: wasStopped,
            runSubprocess: { _ in throw StepError.invalid("there are no sub-processes here") },
            logger: logger
        )
    }

    init(
        processID: String,
        namespace: String?,
        serviceAccountName: String?,
        step: String,
        idempotencyKey: String,
        attempt: Int,
        time: TimeSource,
        recordResource: @escaping @Sendable (String) async throws -> Void,
        recordedUndo: JSONValue?,
        recordUndo: @escaping @Sendable (JSONValue) async throws -> Void,
        wasStopped: @escaping @Sendable () -> Bool,
        runSubprocess: @escaping @Sendable (JSONValue) async throws -> JSONValue,
        logger: Logger
    ) {
        self.processID = processID
        self.namespace = namespace
        self.serviceAccountName = serviceAccountName
        self.step = step
        self.idempotencyKey = idempotencyKey
        self.attempt = attempt
        self.time = time
        self.recordResource = recordResource
        self.recordedUndo = recordedUndo
        self.recordUndo = recordUndo
        self.wasStopped = wasStopped
        self.runSubprocess = runSubprocess
        self.logger = logger
    }
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
