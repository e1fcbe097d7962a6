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
    /// For steps without their own.
    public var retry: RetryPolicy?
    /// When a step has given up.
    public var onFailure: FailurePolicy?
    /// How long the resource stays after the end.
    public var ttlAfterFinished: String?
    /// The identity of steps that touch the cluster.
    public var serviceAccountName: String?

    /// Nothing wanted.
    public init() {}

    /// What happens when a step has given up.
    public enum FailurePolicy: String, Sendable, Hashable, CaseIterable, SchemaRepresentable {
        /// The process fails; what is done stays done.
        case stop = "Stop"
        /// What is done is undone, last step first.
        case rollback = "Rollback"
    }

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
        Field("input", \.input, "Input of the process, as its definition asks for."),
        Field("user", \.user, "Who wants it; a claim when the resource is applied by hand."),
        Field("dryRun", \.dryRun, "Only show what would be done."),
        Field("suspend", \.suspend, "While true no new step starts; running ones finish."),
        Field("cancel", \.cancel, "Ends the process."),
        Field("rerunToken", \.rerunToken, "A new value runs a finished process again, under the same name.") {
            $0.maxLength = 253
        },
        Field("timeout", \.timeout, "Limit for the whole run, for example 60m.", adjust: asDuration),
        Field("retry", \.retry, "Retry policy of steps without their own."),
        Field("onFailure", \.onFailure, "When a step has given up: Stop (default) or Rollback."),
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
        )
    ]
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
