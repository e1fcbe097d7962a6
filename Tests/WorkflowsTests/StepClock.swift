import Synchronization

/// A clock that only moves by hand. Sleeping on it ends when its time has come, or when the task is cancelled.
final class StepClock: Clock, Sendable {
    struct Instant: InstantProtocol {
        var offset: Duration = .zero
        func advanced(by duration: Duration) -> Instant { Instant(offset: offset + duration) }
        func duration(to other: Instant) -> Duration { other.offset - offset }
        static func < (left: Instant, right: Instant) -> Bool { left.offset < right.offset }
    }

    private let state = Mutex((now: Instant(), sleepers: [(Instant, AsyncStream<Void>.Continuation)]()))

    var now: Instant { state.withLock { $0.now } }
    var minimumResolution: Duration { .zero }

    func sleep(until deadline: Instant, tolerance: Duration?) async throws {
        let (stream, continuation) = AsyncStream<Void>.makeStream()
        state.withLock { state in
            if deadline <= state.now { continuation.finish() } else { state.sleepers.append((deadline, continuation)) }
        }
        for await _ in stream {}
        try Task.checkCancellation()
    }

    /// Moves time and wakes those whose time has come.
    func advance(by duration: Duration) {
        let due = state.withLock { state in
            state.now = state.now.advanced(by: duration)
            let now = state.now
            let due = state.sleepers.filter { $0.0 <= now }
            state.sleepers.removeAll { $0.0 <= now }
            return due
        }
        for (_, continuation) in due { continuation.finish() }
    }
}
