/// Delays that double up to a limit, each spread by chance so that many clients do not come back together.
public struct Backoff: Sendable {
    /// The first delay, before jitter.
    public let initial: Duration
    /// No delay is longer, before jitter.
    public let maximum: Duration
    /// Each delay is between d and d × (1 + jitter).
    public let jitter: Double
    private var attempt = 0

    /// A backoff at its beginning.
    public init(initial: Duration, maximum: Duration, jitter: Double) {
        self.initial = initial
        self.maximum = maximum
        self.jitter = jitter
    }

    /// For a reflector: 800 ms doubling to 30 s, jitter 1.0 (client-go `tools/cache/reflector.go`).
    public static var reflector: Backoff {
        Backoff(initial: .milliseconds(800), maximum: .seconds(30), jitter: 1)
    }

    /// For the failures of one key in a work queue: 5 ms doubling to 60 s, jitter 0.5.
    ///
    /// client-go starts the same way but goes on to 1000 s, without jitter (`util/workqueue/default_rate_limiters.go`):
    /// so long that what has been mended seems broken still.
    public static var workQueue: Backoff {
        Backoff(initial: .milliseconds(5), maximum: .seconds(60), jitter: 0.5)
    }

    /// The delay before attempt number `attempt` (0 for the first retry).
    public func delay(attempt: Int) -> Duration { delay(attempt: attempt, spread: Double.random(in: 0...1)) }

    /// The same for a random number drawn elsewhere, in 0...1.
    func delay(attempt: Int, spread: Double) -> Duration {
        let doubled = initial * (1 << min(attempt, 30))
        return min(doubled, maximum) * (1 + spread * jitter)
    }

    /// The delay for this failure; the next one is longer.
    public mutating func next() -> Duration {
        defer { attempt += 1 }
        return delay(attempt: attempt)
    }

    /// After a success: the next failure starts at the first delay again.
    public mutating func reset() { attempt = 0 }
}
