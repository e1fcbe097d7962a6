internal import DequeModule
public import KubeClient
public import Metrics
internal import Synchronization

/// Keys that want work. A key is in the queue at most once and is worked on by at most one worker at a time.
///
/// Like client-go's `util/workqueue`: a key added while it is being worked on is queued again when that work is done,
/// so no change is missed and no key is ever processed twice at once. A key that is wanted at several times is wanted
/// at the earliest, one added with several priorities has the highest, and a requeue, by `addAfterFailure(_:)` or by
/// `add(_:after:)` while the key is worked on, keeps the priority of that work.
///
/// Unlike it, a key that is backing off after a failure stays there: events that come in meanwhile, or came in during
/// the work that failed, neither shorten the delay nor count as failures (kubernetes/kubernetes#132805 describes what
/// happens otherwise).
///
/// Which of the ready keys comes next:
/// - Those of the highest priority first. Among groups (for `ObjectKey`: namespaces) whose most urgent keys have the same
///   priority, in turns; so the only key of one namespace waits for one key of each other, not for all 10,000.
/// - In a group, of the same priority, in the order in which they became ready.
/// - Every tenth hand-out goes to the key that has been ready for the longest time, whatever its priority. So a key with
///   n keys ready longer than itself is handed out with the 10 × (n + 1)th hand-out at the latest: low priority cannot
///   starve, and costs the urgent keys a tenth of the workers at most.
///
/// All operations take O(log n). `run()` must be running for delayed keys to become ready.
public final class WorkQueue<Key: Hashable & Sendable, C: Clock<Duration>>: Sendable {
    private typealias Waiter = (id: Int, continuation: CheckedContinuation<Key?, Never>)

    private struct HandOut {
        let key: Key
        let waited: Duration
        /// Whether `run()` has to be told that there is work in progress.
        let startsRefresh: Bool
    }

    private struct State {
        var work: WorkState<Key, C.Instant>
        /// Workers that wait for a key. While there are any, no key is ready.
        var waiters: Deque<Waiter> = []
        var nextWaiter = 0
        /// Who waits for the work in progress to end, after the shutdown.
        var drainers: [CheckedContinuation<Void, Never>] = []
        /// Whether `run()` refreshes the figures about unfinished work.
        var isRefreshing = false

        mutating func take(at now: C.Instant) -> HandOut? {
            guard let (key, waited) = work.take(at: now) else { return nil }
            defer { isRefreshing = true }
            return HandOut(key: key, waited: waited, startsRefresh: !isRefreshing)
        }

        /// Gives a ready key to a waiting worker, who is to be resumed outside the lock.
        mutating func handOver(at now: C.Instant) -> (Waiter, HandOut)? {
            guard !waiters.isEmpty, let handOut = take(at: now) else { return nil }
            return (waiters.removeFirst(), handOut)
        }

        mutating func takeDrainers() -> [CheckedContinuation<Void, Never>] {
            guard work.workCount == 0, !drainers.isEmpty else { return [] }
            defer { drainers = [] }
            return drainers
        }
    }

    private let clock: C
    private let backoff: Backoff
    private let metrics: WorkQueueMetrics?
    private let state: Mutex<State>
    /// Wakes `run()` when an earlier delay was added, or when work begins.
    private let alarms: AsyncStream<Void>
    private let alarm: AsyncStream<Void>.Continuation

    /// An empty queue.
    /// - Parameters:
    ///   - name: of the queue in metrics, usually the controller's; without one there are none.
    ///   - clock: measures delays.
    ///   - backoff: between the attempts of a key that keeps failing.
    ///   - metrics: makes the handlers; nil for that of `MetricsSystem` as it is now.
    ///   - group: which keys share one turn. Called once whenever a key comes into use, in a lock: must be quick.
    public init(
        name: String? = nil,
        clock: C = ContinuousClock(),
        backoff: Backoff = .workQueue,
        metrics: (any MetricsFactory)? = nil,
        group: @escaping @Sendable (Key) -> String
    ) {
        self.clock = clock
        self.backoff = backoff
        self.metrics = name.map { WorkQueueMetrics(name: $0, factory: metrics ?? MetricsSystem.factory) }
        state = Mutex(State(work: WorkState(group: group)))
        (alarms, alarm) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    /// How many keys are ready and wait for a worker.
    public var depth: Int { state.withLock { $0.work.readyCount } }

    /// How often in a row the key has failed.
    public func failures(of key: Key) -> Int { state.withLock { $0.work.failures(of: key) } }

    /// Asks for work on a key, now. While the key is backing off after a failure this can raise its priority, no more.
    public func add(_ key: Key, priority: Priority = .normal) {
        let now = clock.now
        let (effect, handOver) = state.withLock { state in
            let effect = state.work.add(key, priority, at: now)
            return (effect, state.handOver(at: now))
        }
        metrics?.added(effect.added, ready: effect.ready)
        if let handOver { resume(handOver) }
    }

    /// Asks for work on a key after a delay. Of several delays the one that ends first counts; a key that is wanted now
    /// anyway, or backs off, is not asked for once more.
    /// - Parameter priority: nil for that of the work in progress on this key, or else `normal`.
    public func add(_ key: Key, after delay: Duration, priority: Priority? = nil) {
        guard delay > .zero else { return add(key, priority: priority ?? self.priority(ofWorkOn: key) ?? .normal) }
        // A year is for ever, and an instant that a clock can still reckon with.
        let time = clock.now.advanced(by: min(delay, .seconds(365 * 86400)))
        addDelayed { $0.add(key, priority, at: time) }
    }

    /// Asks for work on a key that has just failed, after a delay that grows with each failure in a row.
    public func addAfterFailure(_ key: Key) {
        let now = clock.now
        // The system's random numbers are a system call away, so drawn before the lock is taken.
        let spread = Double.random(in: 0...1)
        addDelayed { $0.addAfterFailure(key, at: now) { backoff.delay(attempt: $0, spread: spread) } }
    }

    /// The key did well: its next failure starts at the shortest delay.
    public func forget(_ key: Key) { state.withLock { $0.work.forget(key) } }

    /// Waits for a key. Every key handed out must be given back by `done(_:)`.
    ///
    /// Returns without suspending when a key is ready.
    /// - Returns: nil when the queue has been shut down or the task cancelled.
    public func next() async -> Key? {
        if let handOut = takeReady() { return begin(handOut) }
        let id = state.withLock { state in
            state.nextWaiter += 1
            return state.nextWaiter
        }
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let now = clock.now
                // The outer optional is nil when there is nothing to hand out yet.
                let answer = state.withLock { state -> HandOut?? in
                    if state.work.isShutDown || Task.isCancelled { return .some(nil) }
                    if let handOut = state.take(at: now) { return handOut }
                    state.waiters.append((id, continuation))
                    return nil
                }
                if let answer { continuation.resume(returning: answer.map(begin)) }
            }
        } onCancel: {
            let waiter = state.withLock { state -> Waiter? in
                state.waiters.firstIndex { $0.id == id }.map { state.waiters.remove(at: $0) }
            }
            waiter?.continuation.resume(returning: nil)
        }
    }

    /// The work on a key has ended. If the key was added meanwhile it is queued again.
    public func done(_ key: Key) {
        let now = clock.now
        let (worked, effect, handOver, drainers) = state.withLock { state in
            let (worked, effect) = state.work.done(key, at: now)
            return (worked, effect, state.handOver(at: now), state.takeDrainers())
        }
        if let worked { metrics?.done(after: worked) }
        metrics?.added(0, ready: effect.ready)
        if let handOver { resume(handOver) }
        for drainer in drainers { drainer.resume() }
    }

    /// Drops what waits; no more keys are handed out, and waiting workers get nil. What is being worked on stays so until
    /// `done(_:)`. Idempotent.
    public func shutDown() {
        let (dropped, waiters) = state.withLock { state in
            let dropped = state.work.shutDown()
            defer { state.waiters = [] }
            return (dropped, state.waiters)
        }
        for waiter in waiters { waiter.continuation.resume(returning: nil) }
        metrics?.dropped(dropped)
        alarm.finish()
    }

    /// Shuts down and returns when all keys handed out have been given back.
    ///
    /// Unlike client-go's `ShutDownWithDrain` this drops the keys that wait for a worker: the next start finds them again.
    /// Cancellation has no effect: the workers are what must end, and cancelling them is what hastens it.
    public func shutDownWithDrain() async {
        shutDown()
        await withCheckedContinuation { continuation in
            let isDrained = state.withLock { state in
                if state.work.workCount > 0 { state.drainers.append(continuation) }
                return state.work.workCount == 0
            }
            if isDrained { continuation.resume() }
        }
    }

    /// Makes delayed keys ready when their time comes, until the queue is shut down or the task cancelled. To be called
    /// once.
    ///
    /// While keys are worked on this also refreshes the metrics about unfinished work, every 500 ms. With nothing to do it
    /// sleeps until there is.
    public func run() async {
        await withDiscardingTaskGroup { group in
            // Instants for which a child task sleeps; each wakes this loop once.
            var armed: Set<C.Instant> = []
            var nextRefresh: C.Instant?
            alarm.yield()
            for await _ in alarms {
                let now = clock.now
                let nextDelay = releaseDue(at: now)
                if (nextRefresh ?? now) <= now {
                    nextRefresh = refresh(at: now) ? now.advanced(by: WorkQueueMetrics.refreshInterval) : nil
                }
                armed = armed.filter { $0 > now }
                guard let earliest = [nextDelay, nextRefresh].compactMap({ $0 }).min(),
                    armed.min().map({ earliest < $0 }) ?? true
                else { continue }
                armed.insert(earliest)
                group.addTask { [clock, alarm] in
                    try? await clock.sleep(until: earliest, tolerance: nil)
                    alarm.yield()
                }
            }
            group.cancelAll()
        }
        metrics?.unfinished(total: .zero, longest: .zero)
    }
}

extension WorkQueue {
    private func priority(ofWorkOn key: Key) -> Priority? { state.withLock { $0.work.priority(ofWorkOn: key) } }

    private func addDelayed(_ add: (inout WorkState<Key, C.Instant>) -> Void) {
        let isEarliest = state.withLock { state in
            let earliest = state.work.nextDelay
            add(&state.work)
            return state.work.nextDelay.map { next in earliest.map { next < $0 } ?? true } ?? false
        }
        metrics?.retried()
        if isEarliest { alarm.yield() }
    }

    private func takeReady() -> HandOut? {
        guard !Task.isCancelled else { return nil }
        let now = clock.now
        return state.withLock { $0.take(at: now) }
    }

    /// After the lock was left with a key to work on.
    private func begin(_ handOut: HandOut) -> Key {
        guard let metrics else { return handOut.key }
        metrics.started(after: handOut.waited)
        if handOut.startsRefresh { alarm.yield() }
        return handOut.key
    }

    private func resume(_ handOver: (waiter: Waiter, handOut: HandOut)) {
        handOver.waiter.continuation.resume(returning: begin(handOver.handOut))
    }

    /// Queues what is due and returns when the next key will be.
    private func releaseDue(at now: C.Instant) -> C.Instant? {
        let (effect, handOvers, next) = state.withLock { state in
            let effect = state.work.releaseDue(at: now)
            var handOvers: [(Waiter, HandOut)] = []
            while let handOver = state.handOver(at: now) { handOvers.append(handOver) }
            return (effect, handOvers, state.work.nextDelay)
        }
        metrics?.added(effect.added, ready: effect.ready)
        for handOver in handOvers { resume(handOver) }
        return next
    }

    /// - Returns: whether to come back, because keys are being worked on.
    private func refresh(at now: C.Instant) -> Bool {
        guard let metrics else { return false }
        let (isRefreshing, unfinished) = state.withLock { state in
            let isRefreshing = state.isRefreshing
            if state.work.workCount == 0 { state.isRefreshing = false }
            return (isRefreshing, state.work.unfinishedWork(at: now))
        }
        if isRefreshing { metrics.unfinished(total: unfinished.total, longest: unfinished.longest) }
        return isRefreshing
    }
}

extension WorkQueue {
    /// An empty queue whose keys share one turn.
    public convenience init(
        name: String? = nil,
        clock: C = ContinuousClock(),
        backoff: Backoff = .workQueue,
        metrics: (any MetricsFactory)? = nil
    ) {
        self.init(name: name, clock: clock, backoff: backoff, metrics: metrics, group: { _ in "" })
    }
}

extension WorkQueue where Key == ObjectKey {
    /// An empty queue whose namespaces take turns.
    public convenience init(
        name: String? = nil,
        clock: C = ContinuousClock(),
        backoff: Backoff = .workQueue,
        metrics: (any MetricsFactory)? = nil
    ) {
        self.init(name: name, clock: clock, backoff: backoff, metrics: metrics, group: { $0.namespace ?? "" })
    }
}
