internal import Synchronization

/// One result, decided once by whoever comes first, awaited once.
///
/// A continuation lives in `awaited` and nowhere else, and the only way out of `awaited` is `settle`, which resumes it.
/// So it is never resumed twice; and it is not lost, because the event loop settles each transfer it was handed when it
/// drops it, and the transport settles those it could not hand over.
final class Outcome<Value: Sendable>: Sendable {
    private typealias Waiter = CheckedContinuation<Result<Value, TransferError>, Never>

    private enum State {
        /// Undecided, and nobody asks yet. Moves to `awaited` or `settled`.
        case open
        /// Undecided, and somebody waits. Moves to `delivered`.
        case awaited(Waiter)
        /// Decided before anybody asked. Moves to `delivered`.
        case settled(Result<Value, TransferError>)
        /// Decided and told.
        case delivered
    }

    private let state = Mutex(State.open)

    /// Whether it is decided. Once true, true for ever.
    var isSettled: Bool {
        state.withLock { state in
            switch state {
            case .open, .awaited: false
            case .settled, .delivered: true
            }
        }
    }

    /// Decides, unless somebody did before. Says whether this call did.
    @discardableResult
    func settle(_ result: Result<Value, TransferError>) -> Bool {
        let (isFirst, continuation) = state.withLock { state -> (Bool, Waiter?) in
            switch state {
            case .open:
                state = .settled(result)
                return (true, nil)
            case .awaited(let continuation):
                state = .delivered
                return (true, continuation)
            case .settled, .delivered:
                return (false, nil)
            }
        }
        continuation?.resume(returning: result)
        return isFirst
    }

    /// Waits for the decision. Called once. Does not watch for cancellation: whoever waits settles on cancellation.
    func value() async -> Result<Value, TransferError> {
        await withCheckedContinuation { continuation in
            let known = state.withLock { state -> Result<Value, TransferError>? in
                switch state {
                case .open:
                    state = .awaited(continuation)
                    return nil
                case .settled(let result):
                    state = .delivered
                    return result
                case .awaited, .delivered:
                    preconditionFailure("an outcome is awaited once")
                }
            }
            if let known { continuation.resume(returning: known) }
        }
    }
}
