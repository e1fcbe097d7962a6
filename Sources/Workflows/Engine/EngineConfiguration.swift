/// What an engine is told about its work. The defaults are the product's.
public struct EngineConfiguration: Sendable {
    /// Processes that run at once; paused ones do not count.
    public var maxConcurrentProcesses = 10
    /// Steps of one process that run at once.
    public var stepParallelism = 4
    /// How often a running process is committed even when nothing happens, so that its budgets and its document's
    /// time to live survive a crash.
    public var checkpointInterval: Duration = .seconds(30)
    /// How long the document of a finished process is kept.
    public var timeToLive: Duration = .seconds(86400)
    /// How long interrupted steps may take to stop before a graceful cancellation becomes a forced one.
    public var cancellationLimit: Duration = .seconds(60)
    /// Whether a takeover must be confirmed by `ProcessEngine.announced` before effects follow.
    public var announcesTakeovers = true
    /// What a step's output may measure as JSON. It is part of the state document, which is meant to stay below 64 kB.
    public var maximumOutputBytes = 32 << 10

    /// The defaults.
    public init() {}

    /// How long the document of an unfinished process is kept without a commit: a week at least, so that a weekend
    /// without an operator loses nothing.
    var unfinishedTimeToLive: Duration { max(timeToLive, .seconds(7 * 86400)) }

    var limits: ProcessState.Limits { ProcessState.Limits(stepParallelism: stepParallelism) }
}
