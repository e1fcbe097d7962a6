import Logging

/// The log lines about the connection, in the words operators search for, and not too many of them.
struct ConnectionLog {
    private let logger: Logger
    private var lastWarning: (failure: RedisConnectionFailure, at: ContinuousClock.Instant)?

    /// During an outage the same warning comes again after this time; attempts in between are logged at debug level.
    private static let repetition: Duration = .seconds(30)

    init(_ logger: Logger) {
        self.logger = logger
    }

    /// The only line that matches `Redis.*connected`.
    mutating func connected(to endpoint: RedisEndpoint) {
        lastWarning = nil
        logger.info("Redis connected to \(endpoint)")
    }

    mutating func failed(_ failure: RedisConnectionFailure, _ now: ContinuousClock.Instant) {
        if let (known, at) = lastWarning, known == failure, now < at + Self.repetition {
            logger.debug("\(failure)")
        } else {
            lastWarning = (failure, now)
            logger.warning("\(failure)")
        }
    }
}
