public import JSON

/// The end that a process is winding down to: first what runs is interrupted, then what is done is undone if that is
/// wanted, then the final steps run.
public struct Ending: Described, Hashable {
    /// Completed, Failed or Cancelled; Pending for a run that begins anew with another definition.
    public var status = ProcessPhase.failed
    /// Becomes the process's error message.
    public var errorMessage: String?
    /// Whether what is done is undone first.
    public var rollsBack = false
    /// Whether the final steps are left out.
    public var skipsFinally = false
    /// When the process's clock shows this, steps that still run are abandoned.
    public var interruptUntil: Int?
    /// When the process's clock shows this, the process ends whatever is left to do.
    public var endsAt: Int?
    /// What the run begins anew with.
    public var next: RestartRequest?

    /// Failed, without a reason.
    public init() {}

    init(_ status: ProcessPhase, _ errorMessage: String? = nil, rollsBack: Bool = false) {
        self.status = status
        self.errorMessage = errorMessage
        self.rollsBack = rollsBack
    }

    public static let about = "What the process becomes when its running steps have stopped."
    public static let fields: [Field<Ending>] = [
        Field("status", \.status, "Completed, Failed, Cancelled; Pending to begin anew.", isRequired: true),
        Field("errorMessage", \.errorMessage, "Why."),
        Field("rollsBack", \.rollsBack, "Whether what is done is undone first."),
        Field("skipsFinally", \.skipsFinally, "Whether the final steps are left out."),
        Field(
            "interruptUntil",
            \.interruptUntil,
            "When clockMilliseconds shows this, running steps are abandoned.",
            adjust: asCount
        ),
        Field("endsAt", \.endsAt, "When clockMilliseconds shows this, the process ends in any case.", adjust: asCount),
        Field("next", \.next, "What the run begins anew with."),
    ]
}

/// What a run begins anew with when its definition has changed and its policy is to restart.
public struct RestartRequest: Described, Hashable {
    public var definition = WorkflowDefinition()
    public var input: JSONValue?
    public var timeoutMilliseconds = 0
    public var retry = RetryPolicy()
    public var onFailure = FailurePolicy.stop
    public var serviceAccountName: String?

    /// An empty one.
    public init() {}

    public static let about = "What a run begins anew with."
    public static let fields: [Field<RestartRequest>] = [
        Field("definition", \.definition, "The definition.", isRequired: true),
        Field("input", \.input, "The input."),
        Field("timeoutMilliseconds", \.timeoutMilliseconds, "The time-out.", isRequired: true, adjust: asCount),
        Field("retry", \.retry, "The retry policy."),
        Field("onFailure", \.onFailure, "When a step has given up."),
        Field("serviceAccountName", \.serviceAccountName, "As whom steps touch the cluster."),
    ]
}

/// A process's share in a lock. As long as it is recorded here and the process is not finished, the share is real;
/// what the lock's own record says without this is void.
public struct LockClaim: Described, Hashable {
    /// The lock.
    public var lock = ""
    /// The step that wants it; empty for the process.
    public var step = ""
    /// The element of the step's list.
    public var item: Int?
    /// Tells this claim from an earlier one of the same step, whose share may still be on its way back.
    public var number: String?
    /// How many may hold it.
    public var limit = 1
    /// Whether it is held; otherwise it is waited for.
    public var isHeld = false

    /// No claim.
    public init() {}

    public static let about = "A share in a lock, held or waited for."
    public static let fields: [Field<LockClaim>] = [
        Field("lock", \.lock, "Name of the lock.", isRequired: true),
        Field("step", \.step, "The step that wants it; empty for the process."),
        Field("item", \.item, "The element of the step's list.", adjust: asCount),
        Field("number", \.number, "Tells it from an earlier claim of the same step.", adjust: asCount),
        Field("limit", \.limit, "How many may hold it.") {
            asCount(&$0)
            $0.minimum = 1
        },
        Field("isHeld", \.isHeld, "Whether it is held."),
    ]
}
