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
    /// Does the work.
    /// - Parameter inputs: valid under `inputSchema`.
    /// - Returns: the step's output.
    func perform(_ inputs: JSONValue, _ context: StepContext) async throws -> JSONValue
}

/// What an action may know about the step it works for.
public struct StepContext: Sendable {
    /// The process.
    public let processID: String
    /// The step's name.
    public let step: String
    /// Identifies the step's effect: constant over attempts, restarts and owners.
    public let idempotencyKey: String
    /// Counted from 1.
    public let attempt: Int
    /// For waiting.
    public let time: TimeSource
    /// Carries the process id and the step.
    public let logger: Logger
}

/// Why a step did not do its work.
public struct StepError: Error, Sendable, Hashable, CustomStringConvertible {
    /// What would help.
    public enum Class: String, Sendable, Hashable, CaseIterable, SchemaRepresentable {
        /// Another attempt may do better.
        case transient = "Transient"
        /// Another attempt cannot do better.
        case permanent = "Permanent"
        /// The attempt took too long; another one may be faster.
        case timeout = "Timeout"
    }

    /// Whether another attempt makes sense.
    public let errorClass: Class
    /// A stable text for people to group by: no ids, no times.
    public let summary: String
    /// More about this one failure; nil when the summary says it all.
    public let detail: String?

    /// A failure from its parts.
    public init(_ errorClass: Class, _ summary: String, detail: String? = nil) {
        self.errorClass = errorClass
        self.summary = summary
        self.detail = detail
    }

    /// Summary and detail.
    public var description: String { detail.map { "\(summary): \($0)" } ?? summary }

    /// A step whose attempt took longer than its limit.
    public static let timeoutExceeded = StepError(.timeout, "Timeout exceeded")
}

/// The actions an engine knows, by name.
public struct ActionCatalog: Sendable {
    private let actions: [String: any Action]

    /// A catalog; of two actions with one name the later one counts.
    public init(_ actions: [any Action]) {
        self.actions = Dictionary(actions.map { ($0.name, $0) }, uniquingKeysWith: { $1 })
    }

    /// The action of that name.
    public subscript(name: String) -> (any Action)? { actions[name] }

    /// All names, sorted.
    public var names: [String] { actions.keys.sorted() }
}
