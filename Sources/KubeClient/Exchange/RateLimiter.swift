internal import Synchronization

/// Spaces requests out so that they keep to a rate.
final class RateLimiter: Sendable {
    private let bucket: Mutex<TokenBucket<ContinuousClock.Instant>>

    init(_ rate: RequestLimits.Rate) {
        bucket = Mutex(TokenBucket(interval: .seconds(1) / rate.perSecond, burst: rate.burst, at: .now))
    }

    /// Waits for this request's turn. A cancelled wait throws `CancellationError` and keeps its turn used.
    func wait() async throws {
        let pause = bucket.withLock { $0.reserve(at: .now) }
        if pause > .zero { try await Task.sleep(for: pause) }
    }
}
