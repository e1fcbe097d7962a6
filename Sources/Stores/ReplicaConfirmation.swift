public import Logging
internal import RedisClient
internal import Synchronization
public import Workflows

/// Has Redis confirm, after each write, that replicas have it: such a write survives a failover to one of them.
///
/// Too few confirmations in time are no failure: the write has been made, and what follows from it may be done. Where
/// it is lost after all, the engine finds that out at its next commit and stores again what it knows. So the log says
/// it, once a minute at most, and work goes on.
///
/// Every write costs a round trip to the replicas and has a connection to itself meanwhile, so that as many run at once
/// as there are connections. While a replica is away, every write takes the whole `timeout`, and up to 100 ms more,
/// because Redis looks at the time no more often.
public final class ReplicaConfirmation: Sendable {
    /// How many replicas are to have a write.
    public let count: Int
    /// How long a write is waited for.
    public let timeout: Duration
    private let time: TimeSource
    private let logger: Logger
    private let lastWarning = Mutex<Duration?>(nil)

    /// Between two warnings.
    private static let warningInterval: Duration = .seconds(60)

    /// Confirmation by at least one replica.
    /// - Parameters:
    ///   - count: at least 1.
    ///   - timeout: from a millisecond to less than the client's `connectTimeout`; the client refuses others.
    public init(count: Int, timeout: Duration, time: TimeSource = .system, logger: Logger) {
        self.count = count
        self.timeout = timeout
        self.time = time
        self.logger = logger
    }

    /// Looks at how far a write has got.
    func check(_ reply: ReplicatedReply, _ attempt: String) {
        guard reply.replicas < count else { return }
        let now = time.now
        let isDue = lastWarning.withLock { last in
            if let last, now - last < Self.warningInterval { return false }
            last = now
            return true
        }
        guard isDue else { return }
        let reason = reply.waitError.map { ": \($0.message)" } ?? " within \(timeout)"
        logger.warning(
            """
            Redis: \(reply.replicas) of \(count) replicas have confirmed the last write (\(attempt))\(reason). \
            Work goes on; what no replica has is lost if the master is. Look at INFO replication on the master.
            """
        )
    }
}
