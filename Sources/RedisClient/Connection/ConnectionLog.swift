import Logging

/// The log lines about the connection, in the words operators search for, and not too many of them.
struct ConnectionLog {
    private let logger: Logger
    /// Whether the lines are for people; if not they are written at debug level, in other words.
    private let isProminent: Bool
    private var lastWarning: (failure: RedisConnectionFailure, at: ContinuousClock.Instant)?

    /// During an outage the same warning comes again after this time; attempts in between are logged at debug level.
    private static let repetition: Duration = .seconds(30)

    init(_ logger: Logger, isProminent: Bool = true) {
        self.logger = logger
        self.isProminent = isProminent
    }

    /// The only line that matches `Redis.*connected`.
    mutating func connected(to what: String) {
        lastWarning = nil
        if isProminent {
            logger.info("Redis connected to \(what)")
        } else {
            logger.debug("Redis connection open: \(what)")
        }
    }

    mutating func failed(_ failure: RedisConnectionFailure, _ now: ContinuousClock.Instant) {
        if !isProminent {
            logger.debug("\(failure)")
        } else if let (known, at) = lastWarning, known == failure, now < at + Self.repetition {
            logger.debug("\(failure)")
        } else {
            lastWarning = (failure, now)
            logger.warning("\(failure)")
        }
    }
}
