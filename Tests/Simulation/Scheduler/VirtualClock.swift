import JSON
import Workflows

/// The simulation's clock, as programs see it.
struct VirtualClock: Clock {
    struct Instant: InstantProtocol {
        var offset: Duration

        func advanced(by duration: Duration) -> Instant { Instant(offset: offset + duration) }
        func duration(to other: Instant) -> Duration { other.offset - offset }
        static func < (one: Instant, other: Instant) -> Bool { one.offset < other.offset }
    }

    let scheduler: Scheduler

    var now: Instant { Instant(offset: scheduler.now) }
    var minimumResolution: Duration { .nanoseconds(1) }

    func sleep(until deadline: Instant, tolerance: Duration?) async throws {
        try await scheduler.wait(for: deadline.offset - scheduler.now)
    }
}

extension Scheduler {
    /// Time as programs of this simulation get it.
    var timeSource: TimeSource {
        TimeSource(
            VirtualClock(scheduler: self),
            wallTime: { Timestamp(seconds: 1_790_000_000).advanced(by: self.now) }
        )
    }

    /// Waits; throws as soon as the task is cancelled.
    func wait(for duration: Duration) async throws {
        try await answer { answer in
            let timer = self.after(duration) { answer.give(.success(())) }
            answer.whenAbandoned { self.forget(timer) }
        }
    }

    /// Waits, cancelled or not.
    func waitRegardless(for duration: Duration) async {
        await withUnsafeContinuation { continuation in after(duration) { continuation.resume() } }
    }

    /// Waits for an answer that is given later; throws `CancellationError` as soon as the task is cancelled.
    func answer<Value: Sendable>(_ ask: @escaping (Answer<Value>) -> Void) async throws -> Value {
        let answer = Answer<Value>()
        return try await withTaskCancellationHandler {
            try await withUnsafeThrowingContinuation { continuation in
                guard answer.begin(continuation) else { return }
                ask(answer)
            }
        } onCancel: {
            answer.abandon()
        }
    }
}

/// An answer somebody waits for. Touched by the simulation's thread only; see `Scheduler`.
final class Answer<Value: Sendable>: @unchecked Sendable {
    private var continuation: UnsafeContinuation<Value, any Error>?
    private var isAbandoned = false
    private var onAbandon: (() -> Void)?

    fileprivate func begin(_ continuation: UnsafeContinuation<Value, any Error>) -> Bool {
        if isAbandoned {
            continuation.resume(throwing: CancellationError())
            return false
        }
        self.continuation = continuation
        return true
    }

    /// Nobody hears it after the first time, or when nobody waits any more.
    func give(_ result: Result<Value, any Error>) {
        let waiting = continuation
        continuation = nil
        onAbandon = nil
        waiting?.resume(with: result)
    }

    func whenAbandoned(_ body: @escaping () -> Void) { onAbandon = body }

    fileprivate func abandon() {
        isAbandoned = true
        let body = onAbandon
        body?()
        give(.failure(CancellationError()))
    }
}
