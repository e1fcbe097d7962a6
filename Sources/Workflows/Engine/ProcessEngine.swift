internal import DequeModule
public import Logging
internal import Synchronization

/// Runs processes: admits them up to its limit, and keeps one `ProcessRun` for each.
///
/// `run()` must be running. Everything else returns at once; what comes of it is seen in snapshots, and `onChange` is
/// told of each process whose snapshot has changed.
public final class ProcessEngine: Sendable {
    /// Where the states of all runs are.
    public let store: any DocumentStore
    /// What steps can do here.
    public let actions: ActionCatalog
    /// The language of conditions and `${{ }}`.
    public let language: any ExpressionLanguage
    let configuration: EngineConfiguration
    let environment: MachineEnvironment
    let time: TimeSource
    let failPoint: FailPointHandler?
    let fault: PlantedFault?
    let gate: OwnershipGate?
    let locks: LockTable
    let memos: MemoTable
    let logger: Logger
    /// As which replica this engine works, in the states.
    let owner: String
    /// Whose processes are.
    public let ownership: any Ownership
    private let historian: Historian?
    private let replica: String
    private let onChange: @Sendable (ProcessRequest) -> Void

    private struct State {
        /// Every run that is queued, working, or ended and not yet forgotten.
        var runs: [String: ProcessRun] = [:]
        var queue = AdmissionQueue<ProcessRun>()
        /// What was turned away because too many were waiting, in turn.
        var turnedAway: Deque<ProcessRequest> = []
        /// The runs that take a slot, with their namespaces.
        var active: [String: String] = [:]
        var activeByNamespace: [String: Int] = [:]
        /// Ids of runs to drop when they end.
        var unwanted: Set<String> = []
        var isShutDown = false

        mutating func occupy(_ run: ProcessRun) {
            let namespace = run.request.namespace ?? ""
            guard !run.isSubprocess, active.updateValue(namespace, forKey: run.id) == nil else { return }
            activeByNamespace[namespace, default: 0] += 1
        }

        mutating func vacate(_ id: String) -> Bool {
            guard let namespace = active.removeValue(forKey: id) else { return false }
            activeByNamespace[namespace, default: 1] -= 1
            return true
        }
    }

    private let state = Mutex(State())
    private let plans = Mutex<[WorkflowDefinition: Plan]>([:])
    private let commits = Atomic<UInt64>(0)
    private let admitted: AsyncStream<ProcessRun>
    private let admission: AsyncStream<ProcessRun>.Continuation

    /// An engine at rest.
    /// - Parameters:
    ///   - replica: part of the names of commits, so that no two programs write equal ones.
    ///   - owner: this replica's name in the states; the same after a restart. Default: `replica`.
    ///   - gate: asked before each effect; nil when nobody else shares the store.
    ///   - ownership: who else works on the store, and which processes are this replica's.
    ///   - history: told of each process that ends; nil where nobody asks.
    ///   - failPoint: for tests that kill the process; see `FailPoint`.
    ///   - onChange: told about every change of a snapshot; may come often and must be quick.
    public convenience init(
        store: any DocumentStore,
        actions: ActionCatalog,
        language: any ExpressionLanguage = CELExpressions(),
        configuration: EngineConfiguration = EngineConfiguration(),
        time: TimeSource = .system,
        replica: String = String(UInt64.random(in: .min ... .max), radix: 16),
        owner: String? = nil,
        gate: OwnershipGate? = nil,
        ownership: any Ownership = SoleOwner(),
        history: (any ProcessHistory)? = nil,
        failPoint: FailPointHandler? = nil,
        logger: Logger,
        onChange: @escaping @Sendable (ProcessRequest) -> Void
    ) {
        self.init(
            store: store,
            actions: actions,
            language: language,
            configuration: configuration,
            time: time,
            replica: replica,
            owner: owner,
            gate: gate,
            ownership: ownership,
            history: history,
            failPoint: failPoint,
            fault: nil,
            logger: logger,
            onChange: onChange
        )
    }

    /// An engine with a fault in it; see `PlantedFault`.
    package init(
        store: any DocumentStore,
        actions: ActionCatalog,
        language: any ExpressionLanguage,
        configuration: EngineConfiguration,
        time: TimeSource,
        replica: String,
        owner: String?,
        gate: OwnershipGate?,
        ownership: any Ownership,
        history: (any ProcessHistory)? = nil,
        failPoint: FailPointHandler?,
        fault: PlantedFault?,
        logger: Logger,
        onChange: @escaping @Sendable (ProcessRequest) -> Void
    ) {
        let actions = actions.adding(SubprocessAction())
        self.store = store
        self.actions = actions
        self.language = language
        self.configuration = configuration
        environment = MachineEnvironment(
            actions: actions,
            language: language,
            limits: configuration.limits,
            fault: fault
        )
        self.time = time
        self.replica = replica
        self.owner = owner ?? replica
        self.ownership = ownership
        self.gate = gate
        self.failPoint = failPoint
        self.fault = fault
        locks = LockTable(store: store, time: time, checksClaims: fault != .leakedLock, logger: logger)
        memos = MemoTable(store: store)
        self.logger = logger
        historian = history.map { Historian(history: $0, logger: logger) }
        self.onChange = onChange
        (admitted, admission) = AsyncStream.makeStream()
    }

    /// Runs what is admitted until the task is cancelled. Steps are interrupted then, without a trace in their state:
    /// the next owner runs them again under the same keys.
    public func run() async {
        await withDiscardingTaskGroup { group in
            if let historian { group.addTask { await historian.run() } }
            for await run in admitted {
                run.take()
                group.addTask {
                    await run.execute()
                    self.vacate(run.id)
                }
            }
            let left = state.withLock { state in
                state.isShutDown = true
                return state.runs.values.filter { !$0.isTaken }.sorted { $0.id < $1.id }
            }
            // Whoever waits for the end of one of these would wait for ever.
            for run in left { run.end(.shutDown) }
        }
    }

    // MARK: Submitting

    /// Asks for a run. Does nothing when there is one for that id that has not been forgotten.
    @discardableResult
    public func submit(_ request: ProcessRequest, mode: RunMode) -> Submission {
        let result = state.withLock { state -> Submission in
            guard !state.isShutDown else { return .shutDown }
            guard state.runs[request.id] == nil else { return .known }
            var isRecovery = true
            if case .begin = mode { isRecovery = false }
            guard isRecovery || state.queue.newCount < queueLimit(state) else {
                if !state.turnedAway.contains(where: { $0.id == request.id }) { state.turnedAway.append(request) }
                return .queueFull
            }
            let run = ProcessRun(request, mode: mode, engine: self)
            state.runs[request.id] = run
            if case .recover = mode {
                // It does not wait: it may hold locks that those wait for who have the slots.
                state.occupy(run)
                admission.yield(run)
                return .accepted
            }
            state.queue.add(
                run,
                id: request.id,
                namespace: request.namespace ?? "",
                priority: request.priority,
                isRecovery: isRecovery
            )
            return .accepted
        }
        if result == .accepted { admit() }
        return result
    }

    /// Whoever is let in at once does not wait.
    private func queueLimit(_ state: borrowing State) -> Int {
        configuration.maxQueuedProcesses + max(0, configuration.maxConcurrentProcesses - state.active.count)
    }

    /// Starts a sub-process, which runs in the slot of its parent.
    func submitSubprocess(_ request: ProcessRequest, mode: RunMode) -> ProcessRun? {
        let run = state.withLock { state -> ProcessRun? in
            guard !state.isShutDown else { return nil }
            if let run = state.runs[request.id] {
                // One that has ended is made way for; one that works is joined.
                guard case .ended = run.snapshot.activity else { return run }
            }
            let run = ProcessRun(request, mode: mode, engine: self)
            state.runs[request.id] = run
            admission.yield(run)
            return run
        }
        return run
    }

    // MARK: Commands

    /// Passes a command to the process's run; false when there is no run that could take it.
    /// - Parameter id: a command with an id is obeyed once, however often it is sent.
    @discardableResult
    public func send(_ command: ProcessCommand, id: String? = nil, to processID: String) -> Bool {
        guard let run = state.withLock({ $0.runs[processID] }) else { return false }
        run.send(.command(command, id: id))
        return true
    }

    /// Takes a run that is still queued out of the queue; false when it has begun.
    public func withdraw(_ processID: String) -> Bool { withdraw(processID, .withdrawn) }

    private func withdraw(_ processID: String, _ end: RunEnd) -> Bool {
        let run = state.withLock { state in
            state.turnedAway.removeAll { $0.id == processID }
            return state.queue.remove(id: processID)
        }
        run?.end(end)
        return run != nil
    }

    /// The same for a run that would begin the process, and not go on with it.
    public func withdrawBeginning(_ processID: String) -> Bool {
        guard case .begin = state.withLock({ $0.runs[processID]?.mode }) else { return false }
        return withdraw(processID)
    }

    /// Ends the wait of a run that has waited for capacity longer than it may; false when it has begun.
    public func expire(_ processID: String) -> Bool { withdraw(processID, .expired) }

    /// Ends a run without touching its state: the process is not this engine's any more.
    /// - Parameter forgetting: drops the run from memory as soon as it has ended.
    public func abandon(_ processID: String, forgetting: Bool = false) {
        if forgetting { state.withLock { _ = $0.unwanted.insert(processID) } }
        for child in subprocesses(of: processID) { abandon(child, forgetting: true) }
        if !withdraw(processID) { state.withLock { $0.runs[processID] }?.abandon() }
        if forgetting { dropUnwanted(processID) }
    }

    private func subprocesses(of processID: String) -> [String] {
        state.withLock { $0.runs.values.filter { $0.request.parent == processID }.map(\.id).sorted() }
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

    /// Lets another replica have the process as soon as no step runs: the run ends as `.released` then. Nothing is
    /// interrupted, and a process that winds down is not handed over.
    public func release(_ processID: String) { state.withLock { $0.runs[processID] }?.release() }

    /// Who has begun a process, as the store says.
    public struct Beginning: Sendable {
        /// 0 for a state that cannot be read.
        public let epoch: Int
        /// The replica that works on it, if it is another one than this and may have effects.
        public let livingOther: String?
        /// Whether it has ended.
        public let isFinished: Bool
        /// Of its resource; nil for a state that cannot be read.
        public let namespace: String?
    }

    /// Who has begun a process; nil when there is no state of it.
    /// - Throws: `StoreUnavailable`.
    public func beginning(of processID: String) async throws -> Beginning? {
        guard let document = try await store.load(.state(processID: processID)) else { return nil }
        let state = try? StateReader.shell(document, of: processID)
        var other: String?
        if let state, !state.status.isFinished, let owner = state.owner { other = try await livingOther(owner) }
        return Beginning(
            epoch: state?.epoch ?? 0,
            livingOther: other,
            isFinished: state?.status.isFinished ?? false,
            namespace: state?.namespace
        )
    }

    /// The replica, if it is another one than this and may have effects.
    func livingOther(_ owner: String) async throws -> String? {
        guard owner != self.owner else { return nil }
        return try await ownership.isGone(owner) ? nil : owner
    }

    /// Confirms that the resource shows this epoch; effects of a takeover follow.
    public func announced(_ processID: String, epoch: Int) {
        state.withLock { $0.runs[processID] }?.announced(epoch: epoch)
    }

    // MARK: What is known

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

    /// How many more processes could run at once.
    public var freeSlots: Int {
        state.withLock { max(0, configuration.maxConcurrentProcesses - $0.active.count - $0.queue.count) }
    }

    /// How many runs take a slot, how many wait for one, and how many were turned away.
    public var load: (active: Int, queued: Int, turnedAway: Int) {
        state.withLock { ($0.active.count, $0.queue.count, $0.turnedAway.count) }
    }

    // MARK: For runs

    /// The compiled form of a definition; shared, because many processes have the same one.
    func plan(of definition: WorkflowDefinition) -> Plan {
        if let plan = plans.withLock({ $0[definition] }) { return plan }
        let plan = Plan(definition, environment: environment)
        plans.withLock { plans in
            // A handful of definitions is what a replica runs; a flood of others must not fill the memory.
            if plans.count >= 256 { plans.removeAll() }
            plans[definition] = plan
        }
        return plan
    }

    /// No two commits have the same, so that each can be recognised.
    func nextCommitID() -> String { "\(replica)-\(commits.add(1, ordering: .relaxed).newValue)" }

    /// Whether another engine has made a commit.
    func isForeign(commitID: String) -> Bool { !commitID.isEmpty && !commitID.hasPrefix("\(replica)-") }

    /// Called by runs when their process has ended, once for each end.
    func hasEnded(_ state: ProcessState) {
        // Sub-processes are steps of what people have started.
        if state.parent == nil { historian?.note(HistoryEntry(state, endedAt: time.wallTime)) }
    }

    /// Called by runs whenever their snapshot has changed.
    func changed(_ run: ProcessRun) {
        let isPaused = run.snapshot.state?.status == .paused
        let hasSlotToGive = state.withLock { state in
            switch run.snapshot.activity {
            case .ended(.finished): return state.vacate(run.id)
            case .live where isPaused: return state.vacate(run.id)
            case .live:
                // A resumed process goes on at once, even if that makes one too many for a while.
                state.occupy(run)
                return false
            default: return false
            }
        }
        if hasSlotToGive { admit() }
        onChange(run.request)
    }

    private func vacate(_ processID: String) {
        let hasRun = state.withLock { $0.vacate(processID) }
        dropUnwanted(processID)
        if hasRun { admit() }
    }

    private func admit() {
        let (admitted, welcome) = state.withLock { state -> ([ProcessRun], [ProcessRequest]) in
            var admitted: [ProcessRun] = []
            while state.active.count < configuration.maxConcurrentProcesses,
                let run = state.queue.next(active: state.activeByNamespace)
            {
                state.occupy(run)
                admitted.append(run)
            }
            var welcome: [ProcessRequest] = []
            while state.queue.newCount + welcome.count < configuration.maxQueuedProcesses,
                let request = state.turnedAway.popFirst()
            {
                welcome.append(request)
            }
            return (admitted, welcome)
        }
        for run in admitted { admission.yield(run) }
        for request in welcome { onChange(request) }
    }
}
