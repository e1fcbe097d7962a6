/// A command on its way to whichever server it is for.
struct RoutedCommand: Sendable {
    let arguments: [RedisArgument]
    let bytes: CommandBytes
    /// `WAIT`, directly after the command.
    var suffix: CommandBytes?
    /// How much of a connection's pipeline it takes.
    var weight = 1
    /// For all tries together.
    var deadline: ContinuousClock.Instant

    /// One try.
    func pending(asking: Bool = false) -> PendingCommand {
        PendingCommand(
            bytes,
            prefix: asking ? Self.asking : nil,
            suffix: suffix,
            weight: weight,
            deadline: deadline
        )
    }

    // Nothing about these few bytes can fail, short of memory.
    private static let asking = try? CommandBytes(["ASKING"])
}

/// Knows the servers and which of them a command is for.
///
/// No router sends a command again that may have been executed.
protocol Router: AnyObject, Sendable {
    /// Connects, if that has not happened, and waits for it.
    func connect() async throws(RedisError)
    /// Sends a command to the server it is for.
    func send(_ command: RoutedCommand) async throws(RedisError) -> RedisValue
    /// The servers that hold keys, none of them twice.
    func masters() async throws(RedisError) -> [RedisEndpoint]
    /// Sends a command to one of the ``masters()``.
    func send(_ command: RoutedCommand, to server: RedisEndpoint) async throws(RedisError) -> RedisValue
    /// Ends all connections. Idempotent.
    func stop()
}
