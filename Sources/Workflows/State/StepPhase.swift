public import JSON

/// Where a step is in its life.
public enum StepPhase: String, Sendable, Hashable, CaseIterable, SchemaRepresentable {
    /// Not begun.
    case pending = "Pending"
    /// Waits for the locks it is to hold.
    case blocked = "Blocked"
    /// Recorded as started; whether its effect has happened is unknown until a result is recorded.
    case started = "Started"
    /// Failed, will be tried again after a delay.
    case waiting = "Waiting"
    /// Nobody knows whether its effect has happened, and somebody must decide.
    case undecided = "WaitingForDecision"
    /// Its output is recorded. Never runs again in this run.
    case completed = "Completed"
    /// Its condition was false.
    case skipped = "Skipped"
    /// Not run, because a step that it needs has failed.
    case omitted = "Omitted"
    /// Gave up.
    case failed = "Failed"
    /// Interrupted by a cancellation, a time-out, or another step's failure.
    case cancelled = "Cancelled"

    /// Whether nothing more happens to it in this run.
    public var isSettled: Bool {
        switch self {
        case .pending, .blocked, .started, .waiting, .undecided: false
        case .completed, .skipped, .omitted, .failed, .cancelled: true
        }
    }

    /// Whether steps that need it may run.
    var satisfiesNeeds: Bool { self == .completed || self == .skipped }
}
