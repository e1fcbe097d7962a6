/// The types of conditions that a HonuaProcess carries.
public enum HonuaProcessCondition {
    /// True when the process has done what it was asked.
    public static let ready = "Ready"
    /// True while the operator works on it; absent otherwise. Never beside Stalled.
    public static let reconciling = "Reconciling"
    /// True when nothing will happen until somebody acts; absent otherwise.
    public static let stalled = "Stalled"
    /// True or False when it has ended, Unknown before.
    public static let succeeded = "Succeeded"
    /// Whether it has ended, well or not: `kubectl wait` cannot wait for either of two conditions.
    public static let completed = "Completed"
    /// Informational: True while suspended.
    public static let suspended = "Suspended"
    /// Informational: True when the spec has changed since the run began.
    public static let definitionChanged = "DefinitionChanged"

    /// Informational: True while a step waits for a decision.
    public static let waitingForApproval = "WaitingForApproval"
    /// Informational: True when what was done has been undone.
    public static let rolledBack = "RolledBack"

    /// All of them. Conditions of other types belong to somebody else and are left alone.
    public static let all: Set<String> = [
        ready, reconciling, stalled, succeeded, completed, suspended, definitionChanged, waitingForApproval,
        rolledBack,
    ]
}

/// Why the conditions of a HonuaProcess are as they are.
public enum HonuaProcessReason: String, Sendable, Hashable {
    /// It waits for capacity, or its steps run.
    case progressing = "Progressing"
    /// A step waits for another attempt.
    case progressingWithRetry = "ProgressingWithRetry"
    /// Nobody lets it go on.
    case suspended = "Suspended"
    /// Running steps are being interrupted.
    case cancelling = "Cancelling"
    /// It has run before, but its state is gone.
    case waitingForRecovery = "WaitingForRecovery"
    /// Every step is done.
    case succeeded = "Succeeded"
    /// The spec or the definition cannot be run.
    case invalidSpec = "InvalidSpec"
    /// A step has given up.
    case stepFailed = "StepFailed"
    /// Time ran out.
    case deadlineExceeded = "DeadlineExceeded"
    /// Somebody ended it.
    case cancelled = "Cancelled"
    /// As many wait for capacity as may.
    case queueFull = "QueueFull"
    /// A step waits for somebody's decision.
    case waitingForApproval = "WaitingForApproval"
    /// What was done is being undone.
    case rollingBack = "RollingBack"
    /// It failed, and what was done has been undone.
    case rolledBack = "RolledBack"
    /// The changed definition does not fit what the run has done.
    case definitionIncompatible = "DefinitionIncompatible"
    /// The stored state cannot be used.
    case invalidState = "InvalidState"
    /// The spec is not the one the run began with.
    case specChanged = "SpecChanged"
}
