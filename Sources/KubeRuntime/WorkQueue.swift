internal import DequeModule
internal import HeapModule
internal import Synchronization

/// Keys that want work. A key is in the queue at most once and is worked on by at most one worker at a time.
///
/// Like client-go's `util/workqueue`: a key added while it is being worked on is queued again when that work is done,
/// so no change is missed and no key is ever processed twice at once. Unlike it, a key that is backing off after a
/// failure stays there: events that come in meanwhile neither shorten the delay nor count as failures
/// (kubernetes/kubernetes#132805 describes what happens otherwise).
///
/// `run()` must be running for delayed keys to become ready.
public final class WorkQueue<Key: Hashable & Sendable, C: Clock<Duration>>: Sendable {
    private let clock: C
    private let backoff: Backoff
    private let state: Mutex<State>
    /// Wakes `run()` when an earlier delay was added.
    private let alarms: AsyncStream<Void>
    private let alarm: AsyncStream<Void>.Continuation

    /// An empty queue.
    /// - Parameters:
    ///   - clock: measures delays.
    ///   - backoff: between the attempts of a key that keeps failing.
    public init(
        clock: C = ContinuousClock(),
        backoff: Backoff = Backoff(initial: .milliseconds(5), maximum: .seconds(60), jitter: 0.5)
    ) {
        self.clock = clock
        self.backoff = backoff
        state = Mutex(State())
        (alarms, alarm) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    private struct Delay {
        let readyAt: C.Instant
        let isBackoff: Bool
    }

    private struct Alarm: Comparable {
        let readyAt: C.Instant
        let key: Key
        static func < (left: Alarm, right: Alarm) -> Bool { left.readyAt < right.readyAt }
        static func == (left: Alarm, right: Alarm) -> Bool { left.readyAt == right.readyAt && left.key == right.key }
    }

    private struct State {
        var queue: Deque<Key> = []
        /// Queued, or to be queued again when the work in progress is done.
        var dirty: Set<Key> = []
        var processing: Set<Key> = []
        var delayed: [Key: Delay] = [:]
        /// May hold outdated entries; `delayed` decides.
        var alarms = Heap<Alarm>()
        var failures: [Key: Int] = [:]
        var waiters: Deque<(id: Int, continuation: CheckedContinuation<Key?, Never>)> = []
        var nextWaiter = 0
        var isShutDown = false

        /// Queues the key; a worker that waits for it is returned, to be resumed outside the lock.
        mutating func enqueue(_ key: Key) -> (() -> Void)? {
            guard !isShutDown, dirty.insert(key).inserted, !processing.contains(key) else { return nil }
            queue.append(key)
            return handOver()
        }

        mutating func handOver() -> (() -> Void)? {
            guard !waiters.isEmpty, let key = take() else { return nil }
            let continuation = waiters.removeFirst().continuation
            return { continuation.resume(returning: key) }
        }

        mutating func take() -> Key? {
            guard let key = queue.popFirst() else { return nil }
            processing.insert(key)
            dirty.remove(key)
            return key
        }
    }

    /// Asks for work on a key, now. Does nothing while the key is backing off after a failure.
    public func add(_ key: Key) {
        let resume = state.withLock { state -> (() -> Void)? in
            guard state.delayed[key]?.isBackoff != true else { return nil }
            state.delayed[key] = nil
            return state.enqueue(key)
        }
        resume?()
    }

    /// Asks for work on a key after a delay. Of several delays the one that ends first counts.
    public func add(_ key: Key, after delay: Duration) {
        guard delay > .zero else { return add(key) }
        add(key, Delay(readyAt: clock.now.advanced(by: delay), isBackoff: false))
    }

    /// Asks for work on a key that has just failed, after a delay that grows with each failure in a row.
    public func addAfterFailure(_ key: Key) {
        let failures = state.withLock { state in
            state.failures[key, default: 0] += 1
            return state.failures[key, default: 1]
        }
        let delay = backoff.delay(attempt: failures - 1)
        add(key, Delay(readyAt: clock.now.advanced(by: delay), isBackoff: true))
    }

    /// The key did well: its next failure starts at the shortest delay.
    public func forget(_ key: Key) {
        state.withLock { state in
            state.failures[key] = nil
            if state.delayed[key]?.isBackoff == true { state.delayed[key] = nil }
        }
    }

    /// How often in a row the key has failed.
    public func failures(of key: Key) -> Int { state.withLock { $0.failures[key] ?? 0 } }

    /// How many keys are ready and wait for a worker.
    public var depth: Int { state.withLock { $0.queue.count } }

    private func add(_ key: Key, _ delay: Delay) {
        let isEarliest = state.withLock { state in
            guard !state.isShutDown else { return false }
            if let existing = state.delayed[key], existing.isBackoff || existing.readyAt <= delay.readyAt {
                return false
            }
            state.delayed[key] = delay
            state.alarms.insert(Alarm(readyAt: delay.readyAt, key: key))
            return state.alarms.min?.key == key
        }
        if isEarliest { alarm.yield() }
    }

    /// Waits for a key. Every key handed out must be given back by `done(_:)`.
    /// - Returns: nil when the queue has been shut down or the task cancelled.
    public func next() async -> Key? {
        let id = state.withLock { state in
            state.nextWaiter += 1
            return state.nextWaiter
        }
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                // The outer optional is nil when there is nothing to hand out yet.
                let answer = state.withLock { state -> Key?? in
                    if state.isShutDown || Task.isCancelled { return .some(nil) }
                    if let key = state.take() { return key }
                    state.waiters.append((id, continuation))
                    return nil
                }
                if let answer { continuation.resume(returning: answer) }
            }
        } onCancel: {
            let waiter = state.withLock { state -> CheckedContinuation<Key?, Never>? in
                guard let index = state.waiters.firstIndex(where: { $0.id == id }) else { return nil }
                return state.waiters.remove(at: index).continuation
            }
            waiter?.resume(returning: nil)
        }
    }

    /// The work on a key has ended. If the key was added meanwhile it is queued again.
    public func done(_ key: Key) {
        let resume = state.withLock { state -> (() -> Void)? in
            state.processing.remove(key)
            guard state.dirty.contains(key), !state.isShutDown else { return nil }
            state.queue.append(key)
            return state.handOver()
        }
        resume?()
    }

    /// No more keys are handed out; waiting workers get nil. Idempotent.
    public func shutDown() {
        let waiters = state.withLock { state in
            state.isShutDown = true
            state.queue = []
            state.delayed = [:]
            defer { state.waiters = [] }
            return state.waiters
        }
        for waiter in waiters { waiter.continuation.resume(returning: nil) }
        alarm.finish()
    }

    /// Makes delayed keys ready when their time comes, until the queue is shut down or the task cancelled.
    public func run() async {
        await withDiscardingTaskGroup { group in
            // Instants for which a child task sleeps; each wakes this loop once.
            var armed: Set<C.Instant> = []
            alarm.yield()
            for await _ in alarms {
                let earliest = releaseDue()
                armed = armed.filter { $0 > clock.now }
                guard let earliest, armed.min().map({ earliest < $0 }) ?? true else { continue }
                armed.insert(earliest)
                group.addTask { [clock, alarm] in
                    try? await clock.sleep(until: earliest, tolerance: nil)
                    alarm.yield()
                }
            }
            group.cancelAll()
        }
    }

    /// Queues what is due and returns when the next key will be.
    private func releaseDue() -> C.Instant? {
        let now = clock.now
        var resumes: [() -> Void] = []
        let next = state.withLock { state -> C.Instant? in
            while let alarm = state.alarms.min {
                guard let delay = state.delayed[alarm.key], delay.readyAt == alarm.readyAt else {
                    state.alarms.removeMin()
                    continue
                }
                guard alarm.readyAt <= now else { return alarm.readyAt }
                state.alarms.removeMin()
                state.delayed[alarm.key] = nil
                if let resume = state.enqueue(alarm.key) { resumes.append(resume) }
            }
            return nil
        }
        for resume in resumes { resume() }
        return next
    }
}
