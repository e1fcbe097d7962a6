public import JSON
public import Workflows

/// What the operator has seen and done. A summary: the whole state is in the state store.
public struct HonuaProcessStatus: Described, Hashable {
    public var observedGeneration: Int?
    public var processId: String?
    public var phase: ProcessPhase?
    public var conditions: [Condition]?
    public var currentStep: String?
    public var completionPercentage: Int?
    public var startTime: Timestamp?
    public var endTime: Timestamp?
    public var errorMessage: String?
    public var steps: [StepSummary]?
    public var createdResources: [String]?
    public var cleanedUp: Bool?
    public var definition: DefinitionReference?
    public var state: StateReference?
    public var rerun: Int?
    public var rerunToken: String?
    public var plan: ProcessPlan?

    /// Nothing seen yet.
    public init() {}

    /// How many steps the status lists; the rest is in the state store. An object must stay far below etcd's 1.5 MB.
    public static let maximumSteps = ProcessSummary.maximumSteps

    public static let about = "What the operator has seen and done."
    public static let fields: [Field<HonuaProcessStatus>] = [
        Field("observedGeneration", \.observedGeneration, "The generation of the spec this speaks of; -1 for none."),
        Field("processId", \.processId, "Identifies the process everywhere: the UID of this object."),
        Field("phase", \.phase, "Where the process is in its life."),
        Field("conditions", \.conditions, "For kubectl wait and other machines.") { $0.listMapKey = "type" },
        Field("currentStep", \.currentStep, "The step begun last."),
        Field("completionPercentage", \.completionPercentage, "Share of completed steps, 0 to 100."),
        Field("startTime", \.startTime, "When the run began."),
        Field("endTime", \.endTime, "When the run ended."),
        Field("errorMessage", \.errorMessage, "Why it failed; a stable text to group by."),
        Field("steps", \.steps, "The steps, at most \(maximumSteps); all of them are in the state store.") {
            $0.listMapKey = "name"
        },
        Field("createdResources", \.createdResources, "What the steps have made."),
        Field("cleanedUp", \.cleanedUp, "Whether somebody has cleaned up after the process."),
        Field("definition", \.definition, "The definition of this run."),
        Field("state", \.state, "Where the whole state is, and which one this was made from."),
        Field("rerun", \.rerun, "How often the process was run again."),
        Field("rerunToken", \.rerunToken, "The token that asked for this run."),
        Field("plan", \.plan, "What a dry run has found."),
    ]
}

/// One step, in short.
public struct StepSummary: Described, Hashable {
    public var name = ""
    public var phase = StepPhase.pending
    public var attempt: Int?
    public var key: String?
    public var startTime: Timestamp?
    public var endTime: Timestamp?
    public var message: String?
    public var outputDigest: String?
    public var compensation: StepPhase?

    /// A step without a name.
    public init() {}

    public static let about = "One step, in short."
    public static let fields: [Field<StepSummary>] = [
        Field("name", \.name, "The step's name.", isRequired: true),
        Field("phase", \.phase, "Where the step is.", isRequired: true),
        Field("attempt", \.attempt, "How often it was tried."),
        Field("key", \.key, "Idempotency key of its effect."),
        Field("startTime", \.startTime, "When it began."),
        Field("endTime", \.endTime, "When its last attempt ended."),
        Field("message", \.message, "Why its last attempt failed."),
        Field("outputDigest", \.outputDigest, "SHA-256 of its output."),
        Field("compensation", \.compensation, "Where its undoing is, if that has begun."),
    ]
}

/// The definition that a run is pinned to.
public struct DefinitionReference: Described, Hashable {
    public var name = ""
    public var hash = ""

    /// No definition.
    public init() {}

    public static let about = "The definition that the run is pinned to."
    public static let fields: [Field<DefinitionReference>] = [
        Field("name", \.name, "Type, template, or inline."),
        Field("hash", \.hash, "Identifies its content."),
    ]
}

/// Which state a status was made from.
public struct StateReference: Described, Hashable {
    public var store = ""
    public var version = 0
    public var epoch = 0
    public var owner: String?

    /// No state.
    public init() {}

    public static let about = "Which state the status was made from."
    public static let fields: [Field<StateReference>] = [
        Field("store", \.store, "redis or memory."),
        Field("version", \.version, "Raised by every commit."),
        Field("epoch", \.epoch, "Raised by every new owner."),
        Field("owner", \.owner, "The replica that works on the process; none when it is released for another one."),
    ]
}
