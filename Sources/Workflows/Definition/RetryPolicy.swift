public import JSON

/// How long to wait between the attempts of a step.
public struct RetryBackoff: Described, Hashable {
    /// Before the second attempt.
    public var duration = "5s"
    /// Multiplies the delay after each attempt.
    public var factor: Double?
    /// No delay is longer.
    public var maxDuration: String?
    /// How much longer a delay may get at random, as a share of it.
    public var jitter: Double?

    /// Five seconds, always.
    public init() {}

    public static let about = "How long to wait between the attempts of a step."
    public static let fields: [Field<RetryBackoff>] = [
        Field(
            "duration",
            \.duration,
            "Delay before the second attempt, for example 5s. Default 5s.",
            adjust: asDuration
        ),
        Field("factor", \.factor, "Multiplies the delay after each attempt. Default 1.") { $0.minimum = 1 },
        Field(
            "maxDuration",
            \.maxDuration,
            "No delay is longer, for example 5m. Default: no limit.",
            adjust: asDuration
        ),
        Field("jitter", \.jitter, "Lengthens each delay by up to this share of it, 0 to 1. Default 0.") {
            $0.minimum = 0
            $0.maximum = 1
        },
    ]

    /// The delay after the given attempt (counted from 1) has failed.
    /// - Parameter seed: decides the jitter: the engine is deterministic, so the chance lies in the step's key.
    public func delay(afterAttempt attempt: Int, seed: String) -> Duration {
        let plain = delayWithoutJitter(afterAttempt: attempt)
        guard let jitter, jitter > 0 else { return plain }
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325  // FNV-1a, 64 bits
        for byte in "\(seed)/\(attempt)".utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
        return plain + plain * (jitter * Double(hash >> 11) / Double(1 << 53))
    }

    private func delayWithoutJitter(afterAttempt attempt: Int) -> Duration {
        let first = Duration(text: duration) ?? .seconds(5)
        let limit = maxDuration.flatMap { Duration(text: $0) }
        var delay = first
        for _ in 1..<max(1, min(attempt, 64)) {
            delay = delay * (factor ?? 1)
            if let limit, delay >= limit { return limit }
            // A year is for ever; beyond it the arithmetic would overflow.
            if delay > .seconds(365 * 86400) { break }
        }
        return limit.map { min(delay, $0) } ?? delay
    }
}

/// Which failures of a step are tried again, and when.
public struct RetryPolicy: Described, Hashable {
    /// How often a failed step is tried again.
    public var limit = 3
    /// Between the attempts.
    public var backoff: RetryBackoff?
    /// The classes of failures that are tried again; transient ones and time-outs by default.
    public var on: [StepError.Class]?
    /// An expression over `error`; false ends the attempts.
    public var retryWhen: String?

    /// Three more attempts, five seconds apart.
    public init() {}

    /// A policy from its parts.
    public init(limit: Int, delay: Duration) {
        self.limit = limit
        var backoff = RetryBackoff()
        backoff.duration = "\(delay.milliseconds)ms"
        self.backoff = backoff
    }

    public static let about = "Which failures of a step are tried again, and when."
    public static let fields: [Field<RetryPolicy>] = [
        Field("limit", \.limit, "How often a failed step is tried again; 0 for never. Default 3.") {
            $0.minimum = 0
            $0.maximum = 1000
        },
        Field("backoff", \.backoff, "Delays between the attempts."),
        Field("on", \.on, "Classes of failures that are tried again. Default: Transient and Timeout."),
        Field("retryWhen", \.retryWhen, "CEL over `error`: a failure is tried again only when it is true."),
    ]
}

/// Narrows a string field to durations such as `90s` or `1h30m`.
@Sendable
public func asDuration(_ schema: inout JSONSchema) {
    schema.pattern = .duration
}
