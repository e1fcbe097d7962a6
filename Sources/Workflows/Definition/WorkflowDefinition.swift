public import JSON

/// What a process does: its steps and how they depend on each other.
///
/// A running process keeps the definition it was started with, whatever becomes of the source.
public struct WorkflowDefinition: Described, Hashable {
    /// The process type or template this comes from; `inline` for steps written in the resource itself.
    public var name = "inline"
    public var description: String?
    public var parameters: JSONValue?
    public var finally: [StepDefinition]?
    public var outputs: JSONValue?
    public var onFailure: String?
    public var timeout: String?
    public var retry: RetryPolicy?
    /// In the order of the document; `needs` decides when each runs.
    public var steps: [StepDefinition] = []

    /// An empty definition.
    public init() {}

    /// A definition from its parts.
    public init(name: String, steps: [StepDefinition]) {
        self.name = name
        self.steps = steps
    }

    public static let about = "The steps of a process."
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
            $0.listMapKey = "name"
        },
        Field("outputs", \.outputs, "What the process gives back: values or ${{ expressions }} by name.") {
            $0.kind = .object
        },
        Field("onFailure", \.onFailure, "When a step has given up: Stop (default), Rollback or Continue."),
        Field("timeout", \.timeout, "Limit for the whole run.", adjust: asDuration),
        Field("retry", \.retry, "Retry policy of steps without their own."),
    ]
    public static let fields: [Field<WorkflowDefinition>] =
        [Field("name", \.name, "Where the definition comes from.", isRequired: true)] + templateFields
    /// How many steps a definition may have. The pinned definition is part of the state document.
    public static let maximumSteps = 500

    /// Identifies the content: the first 16 hexadecimal digits of the SHA-256 of its canonical JSON.
    public var hash: String { String(Digest.sha256(json().serialized()).prefix(16)) }

    /// The step of that name.
    public func step(named name: String) -> StepDefinition? { steps.first { $0.name == name } }
}
