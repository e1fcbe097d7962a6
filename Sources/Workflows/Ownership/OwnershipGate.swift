internal import Synchronization

/// Whether this replica may still have effects.
///
/// Others take over a replica's processes when they have not seen its heartbeat for `Heartbeat.takeoverDelay`. So a
/// replica that has not been told that its heartbeat arrived stops having effects earlier than that: what it has begun
/// may end, but nothing is begun.
///
/// Time is this replica's own monotonic time, counted from when the confirmed heartbeat was *sent*: the others cannot
/// have seen it earlier.
public final class OwnershipGate: Sendable {
    private struct State {
        var openUntil: Duration = .zero
        var waiters: [AsyncStream<Void>.Continuation] = []
    }

    private let state = Mutex(State())
    private let time: TimeSource
    private let limit: Duration

    /// Shut, until the first heartbeat is confirmed.
    /// - Parameter limit: how long a confirmation lasts.
    public init(time: TimeSource, limit: Duration = Heartbeat.gateLimit) {
        self.time = time
        self.limit = limit
    }

    /// Whether effects may begin.
    public var isOpen: Bool {
        let now = time.now
        return state.withLock { now < $0.openUntil }
    }

    /// A heartbeat that was sent at that time has arrived.
    public func confirm(sentAt: Duration) { open(until: sentAt + limit) }

    /// Effects may begin for so long from now; less than is left already changes nothing.
    public func open(for duration: Duration) { open(until: time.now + duration) }

    private func open(until end: Duration) {
        let waiters = state.withLock { state in
            state.openUntil = max(state.openUntil, end)
            defer { state.waiters = [] }
            return state.waiters
        }
        for waiter in waiters { waiter.finish() }
    }

    /// Shuts the gate at once: the replica says goodbye.
    public func shut() { state.withLock { $0.openUntil = .zero } }

    /// Waits until effects may begin.
    /// - Returns: whether it had to wait: somebody may have taken over meanwhile, so ownership has to be confirmed.
    /// - Throws: `CancellationError`.
    public func pass() async throws -> Bool {
        var hasWaited = false
        while !isOpen {
            try Task.checkCancellation()
            hasWaited = true
            let (confirmation, continuation) = AsyncStream<Void>.makeStream()
            state.withLock { $0.waiters.append(continuation) }
            // Between the look and the registration a heartbeat may have been confirmed.
            if isOpen { continuation.finish() }
            for await _ in confirmation {}
        }
        return hasWaited
    }
}
