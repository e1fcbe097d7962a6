public import JSON

/// Where a process is in its life; the words users see.
public enum ProcessPhase: String, Sendable, Hashable, CaseIterable, SchemaRepresentable {
    /// Accepted, waits for capacity.
    case pending = "Pending"
    /// Steps run, or wait for another attempt.
    case running = "Running"
    /// No new step starts until it is resumed.
    case paused = "Paused"
    /// Running steps are being interrupted.
    case cancelling = "Cancelling"
    /// Ended because somebody asked for it.
    case cancelled = "Cancelled"
    /// Every step is done.
    case completed = "Completed"
    /// Ended because a step gave up, time ran out, or the state became unusable.
    case failed = "Failed"

    /// Whether nothing more will happen without a new command.
    public var isFinished: Bool {
        switch self {
        case .cancelled, .completed, .failed: true
        case .pending, .running, .paused, .cancelling: false
        }
    }
}
