internal import DequeModule
public import Logging
internal import Synchronization

/// Runs processes: admits them up to its limit, and keeps one `ProcessRun` for each.
///
/// `run()` must be running. Everything else returns at once; what comes of it is seen in snapshots, and `onChange` is
/// told the id of each process whose snapshot has changed.
public final class ProcessEngine: Sendable {
    /// Where the states of all runs are.
    public let store: any ProcessStateStore
    /// What steps can do here.
    public let actions: ActionCatalog
    let configuration: EngineConfiguration
    let time: TimeSource
    let failPoint: FailPointHandler?
    let logger: Logger
    private let onChange: @Sendable (ProcessRequest) -> Void

    private struct State {
        /// Every run that is queued, working, or ended and not yet forgotten.
        var runs: [String: ProcessRun] = [:]
        var queue: Deque<ProcessRun> = []
        /// Ids of runs that take a slot.
        var active: Set<String> = []
        /// Ids of runs to drop when they end.
        var unwanted: Set<String> = []
        var isShutDown = false
    }

    private let state = Mutex(State())
    private let admitted: AsyncStream<ProcessRun>
    private let admission: AsyncStream<ProcessRun>.Continuation

    /// An engine at rest.
    /// - Parameters:
    ///   - failPoint: for tests that kill the process; see `FailPoint`.
    ///   - onChange: told about every change of a snapshot; may come often and must be quick.
    public init(
        store: any ProcessStateStore,
        actions: ActionCatalog,
        configuration: EngineConfiguration = EngineConfiguration(),
        time: TimeSource = .system,
        failPoint: FailPointHandler? = nil,
        logger: Logger,
        onChange: @escaping @Sendable (ProcessRequest) -> Void
    ) {
        self.store = store
        self.actions = actions
        self.configuration = configuration
        self.time = time
        self.failPoint = failPoint
        self.logger = logger
        self.onChange = onChange
        (admitted, admission) = AsyncStream.makeStream()
    }

    /// Runs what is admitted until the task is cancelled. Steps are interrupted then, without a trace in their state:
    /// the next owner runs them again under the same keys.
    public func run() async {
        await withDiscardingTaskGroup { group in
            for await run in admitted {
                group.addTask {
                    await run.execute()
                    self.release(run.id)
                }
            }
            state.withLock { $0.isShutDown = true }
        }
    }

    /// Asks for a run. Does nothing when there is one for that id that has not been forgotten.
    public func submit(_ request: ProcessRequest, mode: RunMode) {
        let isNew = state.withLock { state in
            guard state.runs[request.id] == nil, !state.isShutDown else { return false }
            let run = ProcessRun(request, mode: mode, engine: self)
            state.runs[request.id] = run
            // What has run before goes first: it may hold resources that others wait for.
            if case .recover = mode { state.queue.prepend(run) } else { state.queue.append(run) }
            return true
        }
        if isNew { admit() }
    }

    /// Passes an event to the process's run; false when there is no run that could take it.
    @discardableResult
    public func send(_ event: ProcessEvent, to processID: String) -> Bool {
        guard let run = state.withLock({ $0.runs[processID] }) else { return false }
        run.send(event)
        return true
    }

    /// Takes a run that is still queued out of the queue; false when it has begun.
    public func withdraw(_ processID: String) -> Bool {
        let run = state.withLock { state -> ProcessRun? in
            guard let index = state.queue.firstIndex(where: { $0.id == processID }) else { return nil }
            return state.queue.remove(at: index)
        }
        run?.end(.withdrawn)
        return run != nil
    }

    /// Ends a run without touching its state: the process is not this engine's any more.
    /// - Parameter forgetting: drops the run from memory as soon as it has ended.
    public func abandon(_ processID: String, forgetting: Bool = false) {
        if forgetting { state.withLock { _ = $0.unwanted.insert(processID) } }
        if !withdraw(processID) { state.withLock { $0.runs[processID] }?.abandon() }
        if forgetting { dropUnwanted(processID) }
    }

    private func dropUnwanted(_ processID: String) {
        state.withLock { state in
            guard state.unwanted.contains(processID) else { return }
            if let run = state.runs[processID] {
                guard case .ended = run.snapshot.activity else { return }
                state.runs[processID] = nil
            }
            state.unwanted.remove(processID)
        }
    }

    /// Confirms that the resource shows this epoch; effects of a takeover follow.
    public func announced(_ processID: String, epoch: Int) {
        state.withLock { $0.runs[processID] }?.announced(epoch: epoch)
    }

    /// What is known about a process; nil when there is no run for it.
    public func snapshot(of processID: String) -> RunSnapshot? {
        state.withLock { $0.runs[processID] }?.snapshot
    }

    /// Drops an ended run from memory. Does nothing while it has not ended.
    public func forget(_ processID: String) {
        state.withLock { state in
            guard case .ended = state.runs[processID]?.snapshot.activity else { return }
            state.runs[processID] = nil
        }
    }

    /// How many runs take a slot, and how many wait for one.
    public var load: (active: Int, queued: Int) {
        state.withLock { ($0.active.count, $0.queue.count) }
    }

    /// Called by runs whenever their snapshot has changed.
    func changed(_ run: ProcessRun) {
        let isPaused = run.snapshot.state?.status == .paused
        let hasSlotToGive = state.withLock { state in
            if isPaused { return state.active.remove(run.id) != nil }
            // A resumed process goes on at once, even if that makes one too many for a while.
            if case .live = run.snapshot.activity { state.active.insert(run.id) }
            return false
        }
        if hasSlotToGive { admit() }
        onChange(run.request)
    }

    private func release(_ processID: String) {
        state.withLock { _ = $0.active.remove(processID) }
        dropUnwanted(processID)
        admit()
    }

    private func admit() {
        let admitted = state.withLock { state -> [ProcessRun] in
            var admitted: [ProcessRun] = []
            while state.active.count < configuration.maxConcurrentProcesses, let run = state.queue.popFirst() {
                state.active.insert(run.id)
                admitted.append(run)
            }
            return admitted
        }
        for run in admitted { admission.yield(run) }
    }
}
