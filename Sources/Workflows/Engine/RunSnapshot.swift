/// What an engine knows about a run at one moment.
public struct RunSnapshot: Sendable, Hashable {
    /// What the run is doing.
    public enum Activity: Sendable, Hashable {
        /// Waits for one of the engine's slots. Moves to `opening`, or to `ended` when it is withdrawn.
        case queued
        /// Reads or creates its state. Moves to `live` or `ended`.
        case opening
        /// Has taken over a process and waits until that is visible in the resource. Moves to `live` or `ended`.
        case announcing
        /// Runs steps, or waits for commands. Moves to `ended`.
        case live
        /// Nothing follows.
        case ended(RunEnd)
    }

    /// What the run is doing.
    public var activity: Activity
    /// As last committed; nil before the first commit.
    public var state: ProcessSummary?
    /// Why nothing can be committed right now; nil when commits work.
    public var heldBecause: String?
}

/// How a run ended.
public enum RunEnd: Sendable, Hashable {
    /// The process is finished and its state says how.
    case finished
    /// Somebody else owns the process now.
    case superseded
    /// It was released for another owner between two steps.
    case released
    /// The state of a process that had started is gone.
    case stateMissing
    /// The state cannot be used; the text says why.
    case invalidState(String)
    /// The store failed while the process was begun and has no state of it: whoever wants to try again has to look first
    /// whether it was begun elsewhere meanwhile.
    case notBegun
    /// It was withdrawn before it began.
    case withdrawn
    /// It has waited for capacity longer than it may.
    case expired
    /// The engine is shutting down; the process goes on with the next owner.
    case shutDown
}

/// How a run gets its state.
public enum RunMode: Sendable, Hashable {
    /// The process has never run. If a state exists nevertheless, it is recovered.
    case begin
    /// A sub-process begins, or goes on where it failed or was interrupted.
    case beginOrRetry
    /// The process has run before, here or elsewhere. `knownEpoch` is what the resource says; 0 for nothing.
    case recover(knownEpoch: Int)
    /// The process is finished and is to run again. `rerun` counts its runs, `knownEpoch` is what the resource says.
    case rerun(Int, knownEpoch: Int)
    /// The process is finished and gets a command that only finished ones obey: `retry`, `rollBack`, `markCleanedUp`.
    /// If it is not finished, it is recovered and the command means nothing.
    case reopen(ProcessCommand, id: String? = nil, knownEpoch: Int)

    var isForFinished: Bool { if case .reopen = self { true } else { false } }
}

/// What became of a submission.
public enum Submission: Sendable, Hashable {
    /// It runs, or waits for capacity.
    case accepted
    /// There is a run for this id already.
    case known
    /// As many wait for capacity as may. The engine reports a change of this process when there is room.
    case queueFull
    /// The engine is shutting down.
    case shutDown
}
