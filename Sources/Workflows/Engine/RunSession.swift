internal import JSON

/// What a run works on while it owns the process.
struct RunSession: Sendable {
    var machine: ProcessMachine
    /// Of the bytes that are stored.
    var digest: String
    /// Of the document that is stored.
    private(set) var commitID: String
    /// Whether this owner has stored anything: until then the epoch is only a wish.
    private(set) var hasCommitted = false
    /// Whether the process was taken over from an earlier owner.
    var isTakeover = false
    /// The replica that the state named when it was loaded.
    var formerOwner: String?
    /// Whether another replica is to have the process.
    var isToBeReleased = false
    private var lastEvent: Duration
    private var lastCommit: Duration
    /// When something other than the clock changed last, or somebody was told that nothing does.
    private var lastProgress: Duration
    /// When the parts that the state refers to were last given their whole time to live.
    var partsRenewed: Duration
    /// When the earliest tick comes that has been asked for.
    private var nextTick: Duration?
    private let checkpointInterval: Duration

    init(_ machine: ProcessMachine, digest: String, _ run: ProcessRun) {
        self.machine = machine
        self.digest = digest
        commitID = machine.state.commitId
        checkpointInterval = run.engine.configuration.checkpointInterval
        let now = run.time.now
        (lastEvent, lastCommit, lastProgress, partsRenewed) = (now, now, now, now)
    }

    var isFinished: Bool { machine.state.status.isFinished }
    /// Whether what is stored names no owner any more.
    var isReleased: Bool { !isFinished && machine.state.owner == nil && isToBeReleased }

    /// The present, as the machine counts it: in whole milliseconds; the rest counts the next time.
    mutating func moment(at time: TimeSource) -> Moment {
        let now = time.now
        let elapsed = Duration.milliseconds((now - lastEvent).milliseconds)
        lastEvent += elapsed
        if let tick = nextTick, tick <= now { nextTick = nil }
        return Moment(time: time.wallTime.wholeSeconds, elapsed: elapsed)
    }

    func isCheckpointDue(at now: Duration) -> Bool { now - lastCommit >= checkpointInterval }

    mutating func noteProgress(at now: Duration) { lastProgress = now }

    /// Whether nothing has happened for so long that somebody should know; true once for each time that long.
    mutating func isStalled(for limit: Duration, at now: Duration) -> Bool {
        guard now - lastProgress >= limit, machine.state.status == .running else { return false }
        lastProgress = now
        return true
    }

    mutating func noteCommit(_ digest: String, at now: Duration) {
        self.digest = digest
        commitID = machine.state.commitId
        hasCommitted = true
        lastCommit = now
    }

    /// Sees to it that a tick comes when something falls due. One that is earlier than needed does no harm.
    mutating func schedule(_ run: ProcessRun, _ group: inout ThrowingDiscardingTaskGroup<any Error>) {
        let now = run.time.now
        let checkpoint = max(.zero, lastCommit + checkpointInterval - now)
        let delay = min(machine.nextDue ?? checkpoint, checkpoint)
        if let tick = nextTick, tick <= now + delay { return }
        nextTick = now + delay
        group.addTask {
            // Cancelled with the run, whose end makes the tick meaningless.
            guard (try? await run.time.sleep(for: max(delay, .milliseconds(1)))) != nil else { return }
            run.send(.tick)
        }
    }
}
