/// A reply, and how far what was written has got.
public struct ReplicatedReply: Sendable, Hashable {
    /// The reply to the command.
    public let reply: RedisValue
    /// How many replicas have confirmed everything written over the connection so far; may be more than asked for.
    public let replicas: Int
    /// Why that is not known, in which case ``replicas`` is 0: the user may not `WAIT`, say. The command itself has been
    /// executed.
    public let waitError: RedisReplyError?

    /// A reply as it comes from a server.
    public init(reply: RedisValue, replicas: Int, waitError: RedisReplyError? = nil) {
        self.reply = reply
        self.replicas = replicas
        self.waitError = waitError
    }
}

extension RedisClient {
    /// Sends one command, and `WAIT` directly after it on the same connection: waits until replicas have what was
    /// written.
    ///
    /// A confirmed write survives a failover to one of these replicas; Redis does not promise which one is chosen. Too
    /// few confirmations are no error: look at ``ReplicatedReply/replicas``. The write has been made all the same.
    ///
    /// The connection does nothing else meanwhile, so that many callers need many connections; see
    /// ``RedisConfiguration/maximumConnections``.
    ///
    /// - Parameters:
    ///   - replicas: How many to wait for. With 0 the reply only tells how many have it now.
    ///   - timeout: How long to wait, from one millisecond up to less than `connectTimeout`, after which a silent
    ///     connection counts as dead. The call may take this long in addition to `syncTimeout`.
    public func send(
        _ arguments: [RedisArgument],
        waitingFor replicas: Int,
        timeout: Duration
    ) async throws(RedisError) -> ReplicatedReply {
        let milliseconds = timeout.wholeMilliseconds
        guard replicas >= 0, milliseconds >= 1, timeout < configuration.connectTimeout else {
            throw .refused(
                command: "WAIT",
                reason: "the number of replicas must not be negative, and the time to wait must be at least a "
                    + "millisecond and less than connectTimeout."
            )
        }
        var command = try routed(arguments)
        command.suffix = try CommandBytes(["WAIT", RedisArgument(replicas), RedisArgument(milliseconds)])
        command.weight = configuration.pipelineDepth
        command.deadline += timeout
        let replies = try await send(command).array ?? []
        guard replies.count == 2 else { throw .server(RedisReplyError("ERR the reply to WAIT is missing")) }
        let waitError: RedisReplyError? = if case .error(let error) = replies[1] { error } else { nil }
        return ReplicatedReply(reply: replies[0], replicas: Int(replies[1].integer ?? 0), waitError: waitError)
    }
}
