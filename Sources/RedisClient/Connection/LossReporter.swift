internal import Synchronization

/// Passes on that a connection was lost, also if that happened before anybody listened.
final class LossReporter: Sendable {
    private struct State {
        var failure: RedisConnectionFailure?
        var listener: (@Sendable (RedisConnectionFailure) -> Void)?
    }

    private let state = Mutex(State())

    func tell(_ failure: RedisConnectionFailure) {
        let listener = state.withLock { state in
            state.failure = failure
            return state.listener
        }
        listener?(failure)
    }

    func report(to listener: @escaping @Sendable (RedisConnectionFailure) -> Void) {
        let failure = state.withLock { state in
            state.listener = listener
            return state.failure
        }
        if let failure { listener(failure) }
    }
}
