public import JSON

/// Something that happened to a process, or that somebody asked for.
public enum ProcessEvent: Sendable, Hashable {
    /// A new run begins. Only for a state made by `ProcessState(starting:)`.
    case begin
    /// An owner has loaded the state: what is recorded as started has an unknown outcome.
    case recover
    /// A step's action returned.
    case stepSucceeded(String, output: JSONValue)
    /// A step's action failed by itself.
    case stepFailed(String, StepError)
    /// A step's action stopped because it was interrupted.
    case stepInterrupted(String)
    /// The delay before a step's next attempt is over.
    case retryDue(String)
    /// No new steps, until resumed.
    case pause
    /// New steps may start again.
    case resume
    /// The process is to end.
    case cancel(CancelMode)
    /// The time-out may have run out; the state knows.
    case deadlineDue
}

/// How a process is cancelled.
public enum CancelMode: String, Sendable, Hashable, CaseIterable, SchemaRepresentable {
    /// Running steps are interrupted and waited for.
    case graceful = "Graceful"
    /// The process counts as cancelled at once; running steps are abandoned.
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
    /// Run the step's action.
    case run(StepRun)
    /// Stop the step's action.
    case interrupt(String)
    /// Send `retryDue` after a delay.
    case awaitRetry(String, Duration)
    /// Send `deadlineDue` after a delay.
    case awaitDeadline(Duration)
}

/// Everything needed to run one attempt of a step.
public struct StepRun: Sendable, Hashable {
    /// The step, as pinned.
    public let step: StepDefinition
    /// Identifies the step's effect.
    public let key: String
    /// Counted from 1.
    public let attempt: Int
}
