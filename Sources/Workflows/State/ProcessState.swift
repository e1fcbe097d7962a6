public import JSON

/// The state of one process: what is stored as its document, readable and repairable by hand.
///
/// Field names are those of the process object of the HTTP API, so that people meet the same words everywhere.
public struct ProcessState: Described, Hashable {
    /// The version of this layout. A document of a later one is refused, never rewritten.
    public static let currentSchemaVersion = 1

    public var schemaVersion = ProcessState.currentSchemaVersion
    /// Raised by every commit.
    public var version = 0
    /// Raised by every owner that takes the process over. A commit of an earlier epoch is void.
    public var epoch = 1
    /// Names the commit that wrote the document.
    public var commitId = ""
    /// The resource's UID, or a UUID.
    public var processId = ""
    public var namespace: String?
    public var name = ""
    /// The long form.
    public var processType = ""
    public var user: String?
    public var status = ProcessPhase.running
    public var currentStep: String?
    public var completionPercentage = 0
    public var startTime: Timestamp?
    public var endTime: Timestamp?
    public var errorMessage: String?
    public var createdResources: [String] = []
    public var input: JSONValue?
    public var cleanedUp = false
    /// How often the whole process has been run again under this id.
    public var rerun = 0
    /// The token that asked for the current run.
    public var rerunToken: String?
    /// What is left of the time-out. Counts only while the process runs under an owner, and neither while it is paused.
    public var remainingMilliseconds = 0
    public var retry = RetryPolicy()
    public var definition = WorkflowDefinition()
    public var steps: [StepState] = []
    /// Set while running steps wind down: what the process becomes when the last one has stopped.
    public var ending: Ending?

    /// The end that a process is winding down to.
    public struct Ending: Described, Hashable {
        /// Failed or Cancelled.
        public var status = ProcessPhase.failed
        /// Becomes the process's error message.
        public var errorMessage: String?

        /// Failed, without a reason.
        public init() {}

        init(_ status: ProcessPhase, _ errorMessage: String?) {
            self.status = status
            self.errorMessage = errorMessage
        }

        public static let about = "What the process becomes when its running steps have stopped."
        public static let fields: [Field<Ending>] = [
            Field("status", \.status, "Failed or Cancelled.", isRequired: true),
            Field("errorMessage", \.errorMessage, "Why."),
        ]
    }

    /// An empty state.
    public init() {}

    public static let about = "The state of one process."
    public static let fields: [Field<ProcessState>] = [
        Field("schemaVersion", \.schemaVersion, "Version of this layout.", isRequired: true),
        Field("version", \.version, "Raised by every commit.", isRequired: true),
        Field("epoch", \.epoch, "Raised by every new owner.", isRequired: true) { $0.minimum = 1 },
        Field("commitId", \.commitId, "Names the commit that wrote this."),
        Field("processId", \.processId, "Identifies the process.", isRequired: true) { $0.minLength = 1 },
        Field("namespace", \.namespace, "Of the resource."),
        Field("name", \.name, "Of the resource."),
        Field("processType", \.processType, "Long name of the type."),
        Field("user", \.user, "Who asked for it."),
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
        Field("cleanedUp", \.cleanedUp, "Whether somebody has cleaned up after it."),
        Field("rerun", \.rerun, "How often it was run again.") { $0.minimum = 0 },
        Field("rerunToken", \.rerunToken, "The token that asked for this run."),
        Field("remainingMilliseconds", \.remainingMilliseconds, "What is left of the time-out."),
        Field("retry", \.retry, "Retry policy of steps without their own."),
        Field("definition", \.definition, "The definition of this run.", isRequired: true),
        Field("steps", \.steps, "What is recorded about each step.", isRequired: true),
        Field("ending", \.ending, "What the process is winding down to."),
    ]
}

extension ProcessState {
    /// Identifies a step's effect: the same for every attempt, restart and owner, another one in every rerun.
    func idempotencyKey(step: String) -> String {
        // JSON quotes what could make two different triples look alike.
        let parts: JSONValue = [.string(processId), .string(step), .int(Int64(rerun))]
        return String(Digest.sha256(parts.serialized()).prefix(32))
    }

    func index(of step: String) -> Int? { steps.firstIndex { $0.name == step } }

    /// The steps that are recorded as started.
    public var startedSteps: [String] { steps.filter { $0.status == .started }.map(\.name) }

    /// How many steps are completed.
    public var completedSteps: Int { steps.count { $0.status == .completed } }
}
