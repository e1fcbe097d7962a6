import Synchronization

/// A clock that a test moves by hand.
public final class ManualClock: Clock, Sendable {
    public struct Instant: InstantProtocol {
        var offset: Duration = .zero
        public func advanced(by duration: Duration) -> Instant { Instant(offset: offset + duration) }
        public func duration(to other: Instant) -> Duration { other.offset - offset }
        public static func < (left: Instant, right: Instant) -> Bool { left.offset < right.offset }
    }

    private struct State {
        var now = Instant()
        var sleepers: [Int: (deadline: Instant, continuation: AsyncStream<Void>.Continuation)] = [:]
        var next = 0
        var watchers: [(isMet: @Sendable ([Instant]) -> Bool, continuation: AsyncStream<Void>.Continuation)] = []
    }

    private let state = Mutex(State())

    public init() {}

    public var now: Instant { state.withLock { $0.now } }
    public var minimumResolution: Duration { .zero }

    public func sleep(until deadline: Instant, tolerance: Duration?) async throws {
        let (stream, continuation) = AsyncStream<Void>.makeStream()
        let id = state.withLock { state -> Int in
            state.next += 1
            if deadline <= state.now {
                continuation.finish()
            } else {
                state.sleepers[state.next] = (deadline, continuation)
            }
            let deadlines = state.sleepers.values.map(\.deadline)
            for watcher in state.watchers where watcher.isMet(deadlines) { watcher.continuation.finish() }
            return state.next
        }
        for await _ in stream {}
        state.withLock { _ = $0.sleepers.removeValue(forKey: id) }
        try Task.checkCancellation()
    }

    /// Returns when at least so many tasks sleep.
    public func sleepers(_ count: Int) async { await sleepers { $0.count >= count } }

    /// Returns when a task sleeps until exactly so long after the clock was made.
    public func sleeper(until offset: Duration) async { await sleepers { $0.contains(Instant(offset: offset)) } }

    private func sleepers(_ isMet: @escaping @Sendable ([Instant]) -> Bool) async {
        let (stream, continuation) = AsyncStream<Void>.makeStream()
        state.withLock { state in
            if isMet(state.sleepers.values.map(\.deadline)) {
                continuation.finish()
            } else {
                state.watchers.append((isMet, continuation))
            }
        }
        for await _ in stream {}
    }

    /// Moves time and wakes those whose time has come.
    public func advance(by duration: Duration) {
        let due = state.withLock { state in
            state.now = state.now.advanced(by: duration)
            let due = state.sleepers.filter { $0.value.deadline <= state.now }
            for id in due.keys { state.sleepers[id] = nil }
            return due.values.map(\.continuation)
        }
        for continuation in due { continuation.finish() }
    }
}
