/// A rate limit: tokens come in at a steady rate, as many as `burst` are kept, and each use takes one.
///
/// A value without a clock of its own; the caller says what time it is.
package struct TokenBucket<Instant: InstantProtocol & Sendable>: Sendable where Instant.Duration == Duration {
    private let interval: Duration
    private let burst: Int
    /// When the bucket will be, or was, full.
    private var fullAt: Instant

    /// A full bucket.
    /// - Parameter interval: one token comes in each such time.
    package init(interval: Duration, burst: Int, at now: Instant) {
        self.interval = interval
        self.burst = burst
        fullAt = now
    }

    /// Takes a token, if need be one that is still to come.
    /// - Returns: how long to wait for it; zero when it is there.
    package mutating func reserve(at now: Instant) -> Duration {
        fullAt = max(fullAt, now).advanced(by: interval)
        return max(.zero, now.duration(to: fullAt) - interval * burst)
    }

    /// Takes a token if there is one.
    package mutating func take(at now: Instant) -> Bool {
        let after = max(fullAt, now).advanced(by: interval)
        guard now.duration(to: after) <= interval * burst else { return false }
        fullAt = after
        return true
    }
}
