internal import Synchronization

/// Something that happens once, for which any number of tasks may wait.
final class ElectionSignal: Sendable {
    private struct State {
        var hasHappened = false
        var waiters: [Int: AsyncStream<Void>.Continuation] = [:]
        var lastWaiter = 0
    }

    private let state = Mutex(State())

    var hasHappened: Bool { state.withLock { $0.hasHappened } }

    /// How many tasks wait.
    var waiterCount: Int { state.withLock { $0.waiters.count } }

    /// It happens now, unless it did before.
    func happen() {
        let waiters = state.withLock { state in
            state.hasHappened = true
            return Array(state.waiters.values)
        }
        for waiter in waiters { waiter.finish() }
    }

    /// Returns when it has happened, or when the task is cancelled.
    func wait() async {
        let (stream, continuation) = AsyncStream<Void>.makeStream()
        let id = state.withLock { state in
            state.lastWaiter += 1
            state.waiters[state.lastWaiter] = continuation
            if state.hasHappened { continuation.finish() }
            return state.lastWaiter
        }
        // A candidate may wait thousands of times for a stop that does not come.
        defer { state.withLock { _ = $0.waiters.removeValue(forKey: id) } }
        for await _ in stream {}
    }
}
