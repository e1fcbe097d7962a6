public import JSON

/// What a process does: its steps and how they depend on each other.
///
/// A running process keeps the definition it was started with, whatever becomes of the source.
public struct WorkflowDefinition: Described, Hashable {
    /// The process type or template this comes from; `inline` for steps written in the resource itself.
    public var name = "inline"
    /// For people.
    public var description: String?
    /// A JSON schema that the process's input must satisfy.
    public var parameters: JSONValue?
    /// In the order of the document; `needs` decides when each runs.
    public var steps: [StepDefinition] = []
    /// Run at the end, whatever the end is.
    public var finally: [StepDefinition]?
    /// What the process gives back: expressions by name, evaluated when it is completed.
    public var outputs: JSONValue?
    /// When a step has given up; the process's own wish comes first.
    public var onFailure: FailurePolicy?
    /// For the whole run; the process's own wish comes first.
    public var timeout: String?
    /// For steps without their own; the process's own wish comes first.
    public var retry: RetryPolicy?
    /// Held while the process runs.
    public var locks: [LockReference]?
    /// The definitions of sub-processes, by the name under which steps refer to them: part of what is pinned.
    public var subprocesses: JSONValue?

    /// An empty definition.
    public init() {}

    /// A definition from its parts.
    public init(name: String, steps: [StepDefinition], finally: [StepDefinition]? = nil) {
        self.name = name
        self.steps = steps
        self.finally = finally
    }

    public static let about = "The steps of a process."
    /// What a template may say.
    public static let templateFields: [Field<WorkflowDefinition>] = [
        Field("description", \.description, "For people."),
        Field("parameters", \.parameters, "A JSON schema (OpenAPI v3) that the input must satisfy.") {
            $0.kind = .object
        },
        Field("steps", \.steps, "The steps.", isRequired: true) {
            $0.minItems = 1
            $0.maxItems = maximumSteps
            $0.listMapKey = "name"
        },
        Field("finally", \.finally, "Steps that run at the end, whatever the end is.") {
            $0.maxItems = maximumFinallySteps
            $0.listMapKey = "name"
        },
        Field("outputs", \.outputs, "What the process gives back: values or ${{ expressions }} by name.") {
            $0.kind = .object
        },
        Field("onFailure", \.onFailure, "When a step has given up: Stop (default), Rollback or Continue."),
        Field("timeout", \.timeout, "Limit for the whole run.", adjust: asDuration),
        Field("retry", \.retry, "Retry policy of steps without their own."),
        Field("locks", \.locks, "Mutexes and semaphores that the process holds while it runs.") { $0.maxItems = 16 },
    ]
    public static let fields: [Field<WorkflowDefinition>] =
        [Field("name", \.name, "Where the definition comes from.", isRequired: true)] + templateFields + [
            Field("subprocesses", \.subprocesses, "The definitions of sub-processes, by name.") { $0.kind = .object }
        ]

    /// How many steps a definition may have. A large definition is stored apart from the state.
    public static let maximumSteps = 10_000
    /// How many steps may run at the end.
    public static let maximumFinallySteps = 100

    /// Identifies the content: the first 16 hexadecimal digits of the SHA-256 of its canonical JSON.
    public var hash: String { Self.hash(of: json().serialized()) }

    static func hash(of bytes: [UInt8]) -> String { String(Digest.sha256(bytes).prefix(16)) }

    /// The step of that name, among those at the end as well.
    public func step(named name: String) -> StepDefinition? { allSteps.first { $0.name == name } }

    /// The steps and those at the end.
    public var allSteps: [StepDefinition] { steps + (finally ?? []) }
}
