public import JSON

/// The state of one process: what is stored as its document, readable and repairable by hand.
///
/// Field names are those of the process object of the HTTP API, so that people meet the same words everywhere.
public struct ProcessState: Described, Hashable {
    /// The version of this layout. A document of a later one is refused, never rewritten.
    public static let currentSchemaVersion = 2

    public var schemaVersion = ProcessState.currentSchemaVersion
    /// Raised by every commit.
    public var version = 0
    /// Raised by every owner that takes the process over. A commit of an earlier epoch is void.
    public var epoch = 1
    /// Names the commit that wrote the document.
    public var commitId = ""
    /// The replica that works on the process; nil when it was released for another one, or by an earlier release.
    public var owner: String?
    /// The resource's UID, or a UUID.
    public var processId = ""
    public var namespace: String?
    public var name = ""
    /// The long form.
    public var processType = ""
    public var user: String?
    /// The service account as which steps touch the cluster.
    public var serviceAccountName: String?
    /// Whether steps are only planned.
    public var isDryRun = false
    public var status = ProcessPhase.running
    public var currentStep: String?
    public var completionPercentage = 0
    public var startTime: Timestamp?
    public var endTime: Timestamp?
    public var errorMessage: String?
    public var createdResources: [String] = []
    public var input: JSONValue?
    /// Where the input is, if it is too large for this document.
    public var inputPart: PartReference?
    public var cleanedUp = false
    /// How often the whole process has been run again under this id.
    public var rerun = 0
    /// The token that asked for the current run.
    public var rerunToken: String?
    /// Counts the time that owners have run the process, pauses included. Whatever falls due is measured by it.
    public var clockMilliseconds = 0
    /// The time-out of a whole run.
    public var timeoutMilliseconds = 0
    /// What is left of the time-out. Does not count while the process is paused.
    public var remainingMilliseconds = 0
    public var retry = RetryPolicy()
    public var onFailure = FailurePolicy.stop
    /// Of the definition below, or of the one in `definitionPart`.
    public var definitionHash: String?
    public var definition = WorkflowDefinition()
    /// Where the definition is, if it is too large for this document.
    public var definitionPart: PartReference?
    /// One for each step of the definition, in its order, those at the end last.
    public var steps: [StepState] = []
    /// Where the records of finished steps are that this document does not hold; later ones and the document win.
    public var segments: [PartReference] = []
    /// Where the list of the earlier segments is, if there are too many for this document.
    public var segmentsPart: PartReference?
    /// The number of the latest start or claim of a lock.
    public var sequence = 0
    /// Shares in locks, held and waited for.
    public var locks: [LockClaim] = []
    /// What the process gives back.
    public var outputs: JSONValue?
    /// Where that is, if it is too large for this document.
    public var outputsPart: PartReference?
    /// The bytes of all outputs together.
    public var outputBytes = 0
    /// Whether what was done has been undone, as far as it could be.
    public var rolledBack = false
    /// Why the definition that the resource asks for now cannot take the place of the pinned one.
    public var incompatibility: String?
    /// The process whose step this one is.
    public var parent: String?
    /// Set while the process winds down.
    public var ending: Ending?
    /// The ids of the latest commands that came through the inbox: none is obeyed twice.
    public var appliedCommands: [String] = []

    /// An empty state.
    public init() {}

    public static let about = "The state of one process."
    public static let fields: [Field<ProcessState>] = [
        Field("schemaVersion", \.schemaVersion, "Version of this layout.", isRequired: true),
        Field("version", \.version, "Raised by every commit.", isRequired: true, adjust: asCount),
        Field("epoch", \.epoch, "Raised by every new owner.", isRequired: true) {
            asCount(&$0)
            $0.minimum = 1
        },
        Field("commitId", \.commitId, "Names the commit that wrote this."),
        Field("owner", \.owner, "The replica that works on it."),
        Field("processId", \.processId, "Identifies the process.", isRequired: true) { $0.minLength = 1 },
        Field("namespace", \.namespace, "Of the resource."),
        Field("name", \.name, "Of the resource."),
        Field("processType", \.processType, "Long name of the type."),
        Field("user", \.user, "Who asked for it."),
        Field("serviceAccountName", \.serviceAccountName, "As whom steps touch the cluster."),
        Field("dryRun", \.isDryRun, "Whether steps are only planned."),
        Field("status", \.status, "Where the process is.", isRequired: true),
        Field("currentStep", \.currentStep, "The step begun last."),
        Field("completionPercentage", \.completionPercentage, "0 to 100.") {
            $0.minimum = 0
            $0.maximum = 100
        },
        Field("startTime", \.startTime, "When the run began."),
        Field("endTime", \.endTime, "When the run ended."),
        Field("errorMessage", \.errorMessage, "Why it failed."),
        Field("createdResources", \.createdResources, "What its steps have made."),
        Field("input", \.input, "As submitted."),
        Field("inputPart", \.inputPart, "Where the input is."),
        Field("cleanedUp", \.cleanedUp, "Whether somebody has cleaned up after it."),
        Field("rerun", \.rerun, "How often it was run again.", adjust: asCount),
        Field("rerunToken", \.rerunToken, "The token that asked for this run."),
        Field("clockMilliseconds", \.clockMilliseconds, "How long it has been run by owners.", adjust: asCount),
        Field("timeoutMilliseconds", \.timeoutMilliseconds, "The time-out of a whole run.", adjust: asCount),
        Field("remainingMilliseconds", \.remainingMilliseconds, "What is left of the time-out.", adjust: asCount),
        Field("retry", \.retry, "Retry policy of steps without their own."),
        Field("onFailure", \.onFailure, "When a step has given up."),
        Field("definitionHash", \.definitionHash, "Identifies the definition."),
        Field("definition", \.definition, "The definition of this run."),
        Field("definitionPart", \.definitionPart, "Where the definition is."),
        Field("steps", \.steps, "What is recorded about each step.", isRequired: true),
        Field("segments", \.segments, "Where the records of finished steps are."),
        Field("segmentsPart", \.segmentsPart, "Where the list of the earlier segments is."),
        Field("sequence", \.sequence, "The number of the latest start.", adjust: asCount),
        Field("locks", \.locks, "Shares in locks."),
        Field("outputs", \.outputs, "What the process gives back."),
        Field("outputsPart", \.outputsPart, "Where that is."),
        Field("outputBytes", \.outputBytes, "The bytes of all outputs together.", adjust: asCount),
        Field("rolledBack", \.rolledBack, "Whether what was done has been undone."),
        Field("incompatibility", \.incompatibility, "Why a changed definition cannot be gone on with."),
        Field("parent", \.parent, "The process whose step this one is."),
        Field("ending", \.ending, "What the process is winding down to."),
        Field("appliedCommands", \.appliedCommands, "The latest commands that were obeyed."),
    ]
}

extension ProcessState {
    /// Identifies an effect: the same for every attempt, restart and owner, another one in every rerun.
    func idempotencyKey(_ execution: ExecutionID, rerun stepRerun: Int) -> String {
        // JSON quotes what could make two different lists look alike.
        let parts: JSONValue = [
            .string(processId), .string(execution.description), .int(Int64(rerun)), .int(Int64(stepRerun)),
        ]
        return String(Digest.sha256(parts.serialized()).prefix(32))
    }

    /// How many steps have come to an end that lets others run.
    public var completedSteps: Int { steps.count { $0.status.satisfiesNeeds } }
}
