internal import Logging

/// Asks a server a few things over a connection that is there for nothing else.
enum Probe {
    /// The reply to a command.
    static func ask(
        _ endpoint: RedisEndpoint,
        _ command: [RedisArgument],
        _ configuration: RedisConfiguration,
        within limit: Duration,
        logger: Logger
    ) async throws(RedisError) -> RedisValue {
        try await ask(endpoint, [command], configuration, within: limit, logger: logger)[0]
    }

    /// The replies to the commands; the first that fails ends it.
    static func ask(
        _ endpoint: RedisEndpoint,
        _ commands: [[RedisArgument]],
        _ configuration: RedisConfiguration,
        within limit: Duration,
        logger: Logger
    ) async throws(RedisError) -> [RedisValue] {
        let role = ConnectionRole(keepsWaiting: false, reconnects: false)
        let pool = try ConnectionPool(configuration, endpoint, role, logger: logger)
        defer { pool.stop() }
        let deadline = ContinuousClock.now + limit
        var replies: [RedisValue] = []
        for command in commands {
            replies.append(try await pool.send(PendingCommand(try CommandBytes(command), deadline: deadline)))
        }
        return replies
    }
}
