public import KubeClient
public import Logging
public import Metrics
internal import Synchronization

/// Lets one of several processes work at a time, by a `coordination.k8s.io/v1` Lease.
///
/// ```swift
/// let elector = LeaderElector(client: client, lease: ObjectKey(namespace: "shop", name: "my-operator"), logger: logger)
/// let ending = try await elector.run { gate in
///     await controllers(client.guarded(by: gate)).run()
/// }
/// ```
///
/// ## Expected flow
/// `run` campaigns until this process holds the lease, then runs the work and renews the lease beside it. It returns
/// once, after one term, so that the caller decides: a process that returns from `main` starts afresh, as controllers in
/// Go do; one whose work can start again calls `run` in a loop.
///
/// ## Guarantees
/// - Work done through a client guarded by the gate stops writing before another process can take the lease, and writes
///   nothing after the term; see `LeaseGate` for the exact terms and their limits.
/// - The lease is given back only after the work has returned. Work that has not drained `drainLimit` after it was
///   cancelled keeps the lease from everybody until it expires.
/// - Whether another's lease has expired is judged by the time that passed here since it was last seen to change. Wall
///   clocks are not compared and may be wrong.
///
/// ## Assumptions
/// Clocks of different machines run at about the same speed. No two processes use one identity at the same time. Nobody
/// deletes the lease by hand; when somebody does, its holder makes it anew, and candidates that have seen it wait as if
/// it were still there, but a process that starts in between takes it at once.
public final class LeaderElector: Sendable {
    /// What campaigning needs to be allowed to do.
    public static let permission = Permission(
        group: "coordination.k8s.io",
        resources: ["leases"],
        verbs: ["get", "create", "update"]
    )

    /// How a term, or the wish for one, ended.
    public enum Ending: Sendable, Hashable {
        /// The task was cancelled before this process led.
        case neverLed
        /// The work has returned, by itself or since the task was cancelled, and the lease was given back. Where that
        /// was not possible it expires.
        case released
        /// Another process leads or may soon. The gate was shut, then the work cancelled, and it has returned.
        case lost(LeadershipLoss)
        /// The work was cancelled and did not return within the drain limit. It still runs, behind a shut gate, and
        /// the lease was not given back: end the process.
        case undrained
    }

    /// The lease.
    public let lease: ObjectKey
    /// What the lease says of this process when it leads.
    public let identity: String
    /// How long things take.
    public let timing: ElectionTiming
    let drainLimit: Duration
    let storage: any LeaseStorage
    let clock: ElectionClock
    /// Between 0 and 1; spreads the tries of candidates.
    let chance: @Sendable () -> Double
    let logger: Logger
    private let status: Meter
    let slowPath: Counter
    private let state: Mutex<State>

    private struct State {
        var isRunning = false
        var leader: String?
        var gate: LeaseGate?
        var observers: [Int: AsyncStream<String?>.Continuation] = [:]
        var lastObserver = 0
    }

    /// A candidate at rest.
    /// - Parameters:
    ///   - client: for the lease alone; not one guarded by a gate. One of its own, which shares no connection with the
    ///     work, keeps a busy term from missing its renewals.
    ///   - lease: created when it is missing. Its namespace must exist.
    ///   - identity: different for each process that runs at the same time. A process that finds the lease under its own
    ///     identity, from before a restart, leads at once.
    ///   - timing: the same for all candidates.
    ///   - drainLimit: how long cancelled work may take to return. Default 30 s (controller-runtime
    ///     `pkg/manager`, gracefulShutdownTimeout).
    ///   - clock: must count the time the machine sleeps.
    ///   - metrics: where `leader_election_master_status` (1 while leading) and `leader_election_slowpath_total`
    ///     (renewals that took more than one request) go; both have the label `name`. The system's by default.
    public convenience init(
        client: KubeClient,
        lease: ObjectKey,
        identity: String = LeaderElector.makeIdentity(),
        timing: ElectionTiming = .default,
        drainLimit: Duration = .seconds(30),
        clock: some Clock<Duration> = ContinuousClock(),
        metrics: (any MetricsFactory)? = nil,
        logger: Logger
    ) {
        var client = client
        // A little less than the elector's own limit: a transfer that runs out of time takes its connection out of use,
        // where one that is cancelled would leave a dead connection to the next renewal.
        client.requestTimeout = timing.requestTimeout * 0.9
        self.init(
            storage: LeaseObject(leases: client.resources(Lease.self, namespace: lease.namespace), name: lease.name),
            lease: lease,
            identity: identity,
            timing: timing,
            drainLimit: drainLimit,
            clock: clock,
            metrics: metrics,
            logger: logger
        )
    }

    init(
        storage: any LeaseStorage,
        lease: ObjectKey,
        identity: String,
        timing: ElectionTiming,
        drainLimit: Duration,
        clock: some Clock<Duration>,
        chance: @escaping @Sendable () -> Double = { .random(in: 0...1) },
        metrics: (any MetricsFactory)? = nil,
        logger: Logger
    ) {
        self.storage = storage
        self.lease = lease
        self.identity = identity
        self.timing = timing
        self.drainLimit = drainLimit
        self.clock = ElectionClock(clock)
        self.chance = chance
        var logger = logger
        logger[metadataKey: "lease"] = "\(lease)"
        logger[metadataKey: "identity"] = "\(identity)"
        self.logger = logger
        let (labels, factory) = ([("name", lease.name)], metrics ?? MetricsSystem.factory)
        status = Meter(label: "leader_election_master_status", dimensions: labels, factory: factory)
        slowPath = Counter(label: "leader_election_slowpath_total", dimensions: labels, factory: factory)
        state = Mutex(State())
        status.set(0)
    }

    /// Campaigns, and runs the work while this process leads.
    ///
    /// Cancelling the task ends campaigning, or cancels the work; the lease is renewed while the work drains.
    /// - Parameter work: ends the term by returning. Whatever it does to the cluster goes through a client guarded by
    ///   the gate. It should let a write that has begun end rather than abandon it: a server may still carry out what
    ///   nobody waits for any more, when the next leader is at work.
    /// - Returns: how it ended; see `Ending`.
    /// - Throws: what the work throws, after the lease was given back. Not when leadership was lost, nor `CancellationError`
    ///   when the task is cancelled: these end a term as intended.
    public func run(whileLeading work: @escaping @Sendable (LeaseGate) async throws -> Void) async throws -> Ending {
        let wasRunning = state.withLock { state in
            defer { state.isRunning = true }
            return state.isRunning
        }
        precondition(!wasRunning, "an elector runs once at a time")
        defer { state.withLock { $0.isRunning = false } }
        let stop = ElectionSignal()
        return try await withTaskCancellationHandler {
            // A task of its own, because the lease must be renewed and given back after this one was cancelled. It is
            // awaited here and ends after `stop` within the drain limit and the renew deadline.
            try await Task { try await self.campaignAndLead(work, until: stop) }.value
        } onCancel: {
            stop.happen()
        }
    }

    // MARK: Observing

    /// Whether this process leads and may write now.
    public var isLeader: Bool { gate?.isOpen ?? false }

    /// Of the current term; nil when this process does not lead.
    var gate: LeaseGate? { state.withLock { $0.gate } }

    /// Who holds the lease, as last seen; nil when nobody does, or before the first look.
    public var leader: String? { state.withLock { $0.leader } }

    /// Who holds the lease: at once as last seen, then at each change that is noticed. A slow reader skips to the newest.
    /// Ends when the reader does.
    public var leaders: AsyncStream<String?> {
        AsyncStream(bufferingPolicy: .bufferingNewest(1)) { continuation in
            let id = state.withLock { state in
                state.lastObserver += 1
                state.observers[state.lastObserver] = continuation
                continuation.yield(state.leader)
                return state.lastObserver
            }
            continuation.onTermination = { [weak self] _ in
                self?.state.withLock { _ = $0.observers.removeValue(forKey: id) }
            }
        }
    }

    func observe(_ holder: String?) {
        let isNew = state.withLock { state in
            guard state.leader != holder else { return false }
            state.leader = holder
            // Under the lock, so that observers see changes in order; yielding to a stream never blocks.
            for observer in state.observers.values { observer.yield(holder) }
            return true
        }
        if isNew { logger.info("a leader was observed", metadata: ["leader": "\(holder ?? "nobody")"]) }
    }

    func setGate(_ gate: LeaseGate?) {
        state.withLock { $0.gate = gate }
        status.set(gate == nil ? 0 : 1)
    }
}
