public import JSON

/// Something that happened to a process, or that somebody asked for.
public enum ProcessEvent: Sendable, Hashable {
    /// A new run begins. Only for a state made by `ProcessState(starting:)`.
    case begin
    /// An owner has loaded the state: what is recorded as started has an unknown outcome.
    case recover
    /// Time has passed; something may be due.
    case tick
    /// An action returned. A large output is stored apart already.
    case succeeded(ExecutionID, start: Int, output: JSONValue, part: PartReference? = nil)
    /// An action failed by itself.
    case failed(ExecutionID, start: Int, StepError)
    /// An action stopped because it was interrupted.
    case interrupted(ExecutionID, start: Int)
    /// What has become of an effect whose result was lost.
    case verified(ExecutionID, start: Int, StepOutcome)
    /// A step has made something.
    case recorded(resource: String)
    /// A step has recorded, before its effect, with which inputs its action's own undoing would undo it. Large ones are
    /// stored apart already.
    case undoRecorded(ExecutionID, start: Int, inputs: JSONValue, part: PartReference? = nil)
    /// The locks that an execution waited for are held; nil for those of the process.
    case acquired(ExecutionID?)
    /// A command of a person or of the resource. One with an id is obeyed once, however often it comes.
    case command(ProcessCommand, id: String? = nil)
}

/// What a person can ask of a process.
public enum ProcessCommand: Sendable, Hashable {
    /// No new steps, until resumed.
    case pause
    /// New steps may start again.
    case resume
    /// The process is to end.
    case cancel(CancelMode)
    /// A failed process goes on: what failed or was given up is tried again, what is completed is kept.
    case retry
    /// What runs now is interrupted and started again, what waits is started at once; earlier results are kept.
    case retryCurrentStep
    /// A finished process undoes what it has done.
    case rollBack
    /// Somebody has cleaned up after a finished process.
    case markCleanedUp
    /// Settles what a step with an unknown outcome is to count as. Without a step: the only one that waits.
    case decide(ExecutionID?, Decision)
    /// The definition has changed: what runs is interrupted, and the process begins anew with another one.
    case restart(RestartRequest)
    /// The definition has changed: the run goes on with another one, if what it has done fits.
    case migrate(WorkflowDefinition)
}

/// What a person says about a step of which nobody knows whether its effect happened.
public enum Decision: Sendable, Hashable {
    /// It has not happened, or may happen again: the step runs again under its key.
    case retry
    /// It has happened: the step counts as completed with this output.
    case complete(output: JSONValue)
    /// The step counts as failed.
    case fail
}

/// How a process is cancelled.
public enum CancelMode: String, Sendable, Hashable, CaseIterable, SchemaRepresentable {
    /// Running steps are interrupted and waited for, what is done is undone, the final steps run; 60 seconds in all.
    case graceful = "Graceful"
    /// The process counts as cancelled at once; running steps are abandoned, nothing is undone.
    case force = "Force"
}

/// When an event happened.
public struct Moment: Sendable, Hashable {
    /// For display.
    public var time: Timestamp
    /// Monotonic time since the event before, while an owner ran the process.
    public var elapsed: Duration

    /// An instant.
    public init(time: Timestamp, elapsed: Duration) {
        self.time = time
        self.elapsed = elapsed
    }
}

/// What is to be done after the state that asks for it is committed.
public enum ProcessEffect: Sendable, Hashable {
    /// Run the action.
    case run(ExecutionRequest)
    /// Look for what has become of the action's effect.
    case verify(ExecutionRequest)
    /// Stop the action.
    case interrupt(ExecutionID)
    /// Get the locks of an execution; nil for those of the process.
    case acquire(ExecutionID?, [LockClaim])
    /// Give locks back.
    case release([LockClaim])
}

/// Everything needed to run one attempt of an action.
public struct ExecutionRequest: Sendable, Hashable {
    /// Which execution it is.
    public let id: ExecutionID
    /// Tells its result from that of an earlier start.
    public let start: Int
    /// The name of the action.
    public let action: String
    /// Evaluated, and valid under the action's schema.
    public let inputs: JSONValue
    /// Identifies the effect.
    public let key: String
    /// Counted from 1.
    public let attempt: Int
    /// For this attempt.
    public let timeout: Duration?
    /// Whether nobody knows what has become of an earlier run of the same attempt.
    var isRecovery = false
    /// Under which key, and for how long, its output may be reused.
    public let memo: Memo?
    /// What an earlier attempt has recorded for the action's own undoing.
    public let recordedUndo: JSONValue?
    /// As whom the action touches the cluster.
    public let serviceAccountName: String?
    /// Whether the action only plans.
    public let isDryRun: Bool

    /// A memoization, evaluated.
    public struct Memo: Sendable, Hashable {
        /// Identifies the output together with the action.
        public let key: String
        /// How long it may be reused.
        public let timeToLive: Duration
    }
}
