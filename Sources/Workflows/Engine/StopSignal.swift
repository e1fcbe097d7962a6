internal import Synchronization

/// Tells whatever is done for an execution that it is to stop. Given once; waited for by any number of tasks, one after the
/// other or at once.
final class StopSignal: Sendable {
    private struct State {
        var isGiven = false
        var waiters: [AsyncStream<Void>.Continuation] = []
    }

    private let state = Mutex(State())

    /// Whether it has been given: what has not begun yet is not to begin.
    var isGiven: Bool { state.withLock { $0.isGiven } }

    func give() {
        let waiters = state.withLock { state in
            state.isGiven = true
            defer { state.waiters = [] }
            return state.waiters
        }
        for waiter in waiters { waiter.finish() }
    }

    /// Waits until it is given, or the task is cancelled.
    func wait() async {
        let (stream, continuation) = AsyncStream<Void>.makeStream()
        let isGiven = state.withLock { state in
            if !state.isGiven { state.waiters.append(continuation) }
            return state.isGiven
        }
        guard !isGiven else { return }
        for await _ in stream {}
    }
}
