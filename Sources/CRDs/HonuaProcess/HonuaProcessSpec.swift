public import JSON
public import Workflows

/// What a user wants to have run.
public struct HonuaProcessSpec: Described, Hashable {
    /// A type that is part of the product.
    public var processType: String?
    /// A template in the same namespace.
    public var templateRef: TemplateReference?
    /// The steps themselves.
    public var steps: [StepDefinition]?
    /// Of steps written here: those that run at the end, whatever the end is.
    public var finally: [StepDefinition]?
    /// Of steps written here: what the process gives back.
    public var outputs: JSONValue?
    /// Of steps written here: a JSON schema for the input.
    public var parameters: JSONValue?
    /// Mutexes and semaphores to hold while the process runs.
    public var locks: [LockReference]?
    /// Whatever the definition asks for.
    public var input: JSONValue?
    /// Who wants it; a claim when the resource is applied by hand.
    public var user: String?
    /// Only show what would be done.
    public var dryRun: Bool?
    /// No new steps while true.
    public var suspend: Bool?
    /// Ends the process.
    public var cancel: Cancellation?
    /// A new value runs a finished process again.
    public var rerunToken: String?
    /// For the whole run.
    public var timeout: String?
    /// How long it may wait for capacity.
    public var pendingTimeout: String?
    /// The highest of those that wait starts first.
    public var priority: Int?
    /// For steps without their own.
    public var retry: RetryPolicy?
    /// When the definition changes during a run.
    public var definitionPolicy: DefinitionPolicy?
    /// When a step has given up.
    public var onFailure: FailurePolicy?
    /// How long the resource stays after the end.
    public var ttlAfterFinished: String?
    /// The identity of steps that touch the cluster.
    public var serviceAccountName: String?

    /// Nothing wanted.
    public init() {}

    public static let about = "What is to be run. Exactly one of processType, templateRef and steps says what."
    public static let fields: [Field<HonuaProcessSpec>] = [
        Field("processType", \.processType, "A process type that is part of the product, for example Test.") {
            $0.minLength = 1
        },
        Field("templateRef", \.templateRef, "A HonuaProcessTemplate in the same namespace."),
        Field("steps", \.steps, "The steps, written here.") {
            $0.minItems = 1
            $0.maxItems = WorkflowDefinition.maximumSteps
            $0.listMapKey = "name"
        },
        Field("finally", \.finally, "With steps: those that run at the end, whatever the end is.") {
            $0.maxItems = WorkflowDefinition.maximumFinallySteps
            $0.listMapKey = "name"
        },
        Field("outputs", \.outputs, "With steps: what the process gives back, values or ${{ expressions }} by name.") {
            $0.kind = .object
        },
        Field("parameters", \.parameters, "With steps: a JSON schema that the input must satisfy.") {
            $0.kind = .object
        },
        Field("locks", \.locks, "Mutexes and semaphores to hold while the process runs.") { $0.maxItems = 16 },
        Field("input", \.input, "Input of the process, as its definition asks for."),
        Field("user", \.user, "Who wants it; a claim when the resource is applied by hand."),
        Field("dryRun", \.dryRun, "Only show what would be done."),
        Field("suspend", \.suspend, "While true no new step starts; running ones finish."),
        Field("cancel", \.cancel, "Ends the process."),
        Field("rerunToken", \.rerunToken, "A new value runs a finished process again, under the same name.") {
            $0.maxLength = 253
        },
        Field("timeout", \.timeout, "Limit for the whole run, for example 60m.", adjust: asDuration),
        Field(
            "pendingTimeout",
            \.pendingTimeout,
            "How long it may wait for capacity. Default: no limit.",
            adjust: asDuration
        ),
        Field("priority", \.priority, "Of those that wait for capacity the highest starts first. Default 0.") {
            $0.minimum = -1000
            $0.maximum = 1000
        },
        Field("retry", \.retry, "Retry policy of steps without their own."),
        Field("onFailure", \.onFailure, "When a step has given up: Stop (default), Rollback or Continue."),
        Field(
            "definitionPolicy",
            \.definitionPolicy,
            "When the definition changes during a run: Pin (default) keeps the old one, Restart begins anew, Migrate goes on."
        ),
        Field(
            "ttlAfterFinished",
            \.ttlAfterFinished,
            "The resource is deleted so long after the end, for example 720h. Default: never.",
            adjust: asDuration
        ),
        Field("serviceAccountName", \.serviceAccountName, "Identity of steps that touch the cluster."),
    ]

    public static let rules = [
        JSONSchema.Rule(
            "[has(self.processType), has(self.templateRef), has(self.steps)].filter(x, x).size() == 1",
            message: "exactly one of processType, templateRef and steps must be given",
            holds: { spec in
                ["processType", "templateRef", "steps"].count { spec[$0].map { !$0.isNull } ?? false } == 1
            }
        ),
        JSONSchema.Rule(
            "has(self.steps) || !(has(self.finally) || has(self.outputs) || has(self.parameters))",
            message: "finally, outputs and parameters belong to steps that are written here",
            holds: { spec in
                let isThere = { (name: String) in spec[name].map { !$0.isNull } ?? false }
                return isThere("steps") || !["finally", "outputs", "parameters"].contains(where: isThere)
            }
        ),
    ]
}

/// What happens when the definition of a running process changes.
public enum DefinitionPolicy: String, Sendable, Hashable, CaseIterable, SchemaRepresentable {
    /// The run keeps the definition it began with.
    case pin = "Pin"
    /// What runs is interrupted, and the process begins anew.
    case restart = "Restart"
    /// The run goes on with the new definition, if what it has done fits.
    case migrate = "Migrate"
}

/// Names a template.
public struct TemplateReference: Described, Hashable {
    /// In the same namespace.
    public var name = ""

    /// No template.
    public init() {}

    public static let about = "Names a HonuaProcessTemplate."
    public static let fields: [Field<TemplateReference>] = [
        Field("name", \.name, "In the same namespace.", isRequired: true) { $0.minLength = 1 }
    ]
}

/// Asks for the end of a process.
public struct Cancellation: Described, Hashable {
    /// How.
    public var mode = CancelMode.graceful

    /// Gracefully.
    public init() {}

    public static let about = "Asks for the end of the process."
    public static let fields: [Field<Cancellation>] = [
        Field("mode", \.mode, "Graceful (default) interrupts running steps; Force abandons them.")
    ]
}
