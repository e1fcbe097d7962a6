import Synchronization

/// Tells any number of listeners about the state of the connection.
final class StateBroadcast: Sendable {
    private struct Listeners {
        var current = RedisConnectionState.idle
        var continuations: [Int: AsyncStream<RedisConnectionState>.Continuation] = [:]
        var nextID = 0
    }

    private let listeners = Mutex(Listeners())

    /// A listener that does not listen loses the oldest states beyond this many.
    private static let buffered = 64

    var current: RedisConnectionState { listeners.withLock { $0.current } }

    /// The current state, then each change. Ends after `closed`.
    func stream() -> AsyncStream<RedisConnectionState> {
        let (stream, continuation) = AsyncStream.makeStream(
            of: RedisConnectionState.self,
            bufferingPolicy: .bufferingNewest(Self.buffered)
        )
        let id = listeners.withLock { listeners in
            let id = listeners.nextID
            listeners.nextID += 1
            // Under the lock, or a change could overtake the state it follows.
            continuation.yield(listeners.current)
            if listeners.current != .closed { listeners.continuations[id] = continuation }
            return id
        }
        // Ending the stream calls this at once, so it must not happen under the lock.
        continuation.onTermination = { [weak self] _ in
            self?.listeners.withLock { _ = $0.continuations.removeValue(forKey: id) }
        }
        if current == .closed { continuation.finish() }
        return stream
    }

    /// Any thread may call this; after `closed` it does nothing.
    func publish(_ state: RedisConnectionState) {
        let finished: [AsyncStream<RedisConnectionState>.Continuation] = listeners.withLock { listeners in
            guard listeners.current != .closed else { return [] }
            listeners.current = state
            // Under the lock, which keeps changes in order for everybody.
            for continuation in listeners.continuations.values { continuation.yield(state) }
            return state == .closed ? Array(listeners.continuations.values) : []
        }
        for continuation in finished { continuation.finish() }
    }
}
