import Synchronization

/// A value that arrives once, for one waiting task.
///
/// Whoever comes first, the connection's thread or the caller's cancellation, decides the outcome; the other finds it
/// decided.
struct Promise<Value: Sendable>: ~Copyable, Sendable {
    typealias Outcome = Result<Value, RedisError>

    // Not private: Swift 6.3.1 emits a broken module for a private type nested in a generic noncopyable one.
    enum State {
        case open
        /// Somebody waits. Moves to `taken`.
        case awaited(CheckedContinuation<Outcome, Never>)
        /// Decided before anybody waited. Moves to `taken`.
        case decided(Outcome)
        case taken
    }

    private let state = Mutex(State.open)

    /// Whether the outcome is decided, so that nobody needs the work any more.
    var isDecided: Bool {
        state.withLock { state in
            switch state {
            case .open, .awaited: false
            case .decided, .taken: true
            }
        }
    }

    /// Decides the outcome, unless it is decided already. Any thread may call this.
    func decide(_ outcome: Outcome) {
        let waiter: CheckedContinuation<Outcome, Never>? = state.withLock { state in
            switch state {
            case .open:
                state = .decided(outcome)
                return nil
            case .awaited(let waiter):
                state = .taken
                return waiter
            case .decided, .taken:
                return nil
            }
        }
        waiter?.resume(returning: outcome)
    }

    /// Waits for the outcome; to be called once. Cancelling the waiting task decides it as ``RedisError/cancelled``.
    ///
    /// - Parameter cancel: Calls `decide(.failure(.cancelled))` on this promise. The promise is a member of some
    ///   object, and only that can be captured.
    func outcome(onCancel cancel: @escaping @Sendable () -> Void) async -> Outcome {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let early: Outcome? = state.withLock { state in
                    switch state {
                    case .open:
                        state = .awaited(continuation)
                        return nil
                    case .decided(let outcome):
                        state = .taken
                        return outcome
                    case .awaited, .taken:
                        preconditionFailure("a promise has exactly one waiter")
                    }
                }
                if let early { continuation.resume(returning: early) }
            }
        } onCancel: {
            cancel()
        }
    }
}
