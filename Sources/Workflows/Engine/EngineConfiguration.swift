/// What an engine is told about its work. The defaults are the product's.
public struct EngineConfiguration: Sendable {
    /// Processes that run at once; paused ones do not count.
    public var maxConcurrentProcesses = 10
    /// Processes that may wait for one of those places without ever having run. More are turned away and come again.
    public var maxQueuedProcesses = 100
    /// Of each process: how many steps run at once, how long a cancellation takes, how large outputs may be.
    public var limits = ProcessLimits()
    /// How often a running process is committed even when nothing happens, so that its budgets and its documents'
    /// time to live survive a crash.
    public var checkpointInterval: Duration = .seconds(30)
    /// How long the document of a finished process is kept.
    public var timeToLive: Duration = .seconds(86400)
    /// Whether a takeover must be confirmed by `ProcessEngine.announced` before effects follow.
    public var announcesTakeovers = true
    /// What one output of a step may measure as JSON. Those beyond 4 kB are stored apart from the state document.
    public var maximumOutputBytes = 256 << 10
    /// Whether state documents and parts beyond 4 kB are stored compressed. What is compressed is read in any case.
    public var compressesState = false
    /// A process that makes no progress for so long is reported in the log.
    public var stallLimit: Duration = .seconds(30 * 60)

    /// The defaults.
    public init() {}

    /// How long the document of an unfinished process is kept without a commit: a week at least, so that a weekend
    /// without an operator loses nothing.
    public var unfinishedTimeToLive: Duration { max(timeToLive, .seconds(7 * 86400)) }
}
