public import Logging

/// A client for one Redis server: one connection, shared by all tasks.
///
/// ```swift
/// let string = try RedisConnectionString("redis:6379,abortConnect=false")
/// let client = try RedisClient(configuration: RedisConfiguration(string))
/// try await client.set("honua:process:1", document, expiresIn: .seconds(86_400))
/// ```
///
/// ## Guarantees
/// - Commands of one task that awaits each before the next are executed in that order. Commands of different tasks go
///   over the same connection, pipelined, and each gets its own reply.
/// - A command that may have reached the server is never sent a second time. If its reply is lost, the error says so
///   with `mayHaveBeenExecuted`; look at the data before trying again.
/// - A lost connection is re-established in the background, with growing and randomised delays up to 5 s, until
///   ``shutdown()``. `AUTH`, `CLIENT SETNAME` and `SELECT` precede everything else on each connection.
///
/// ## Time
/// A call of ``send(_:)`` returns within `syncTimeout`, connection or not. Without one it fails with
/// ``RedisError/connectionFailed(_:)`` at that time, so that a short interruption goes unnoticed.
///
/// ## Cancellation
/// Cancelling the calling task makes the call throw ``RedisError/cancelled`` at once. A command that has been sent is
/// not undone: its reply is dropped when it comes.
///
/// ## Not in this version
/// Redis Cluster, Sentinel, and pools of connections. One connection is enough for anything that does not block;
/// commands that block, transactions and subscriptions are refused, because the connection is shared.
public final class RedisClient: Sendable {
    /// What the client was made with.
    public let configuration: RedisConfiguration

    private let endpoint: RedisEndpoint
    private let connection: RedisConnection

    /// Makes a client and its thread. Nothing is sent yet: the first command connects, or ``connect()``.
    ///
    /// Throws ``RedisError/unsupported(feature:)`` for Sentinel and Cluster, ``RedisError/invalidConfiguration(_:)``
    /// for values that make no sense, and ``RedisError/connectionFailed(_:)`` if the system has no thread or file
    /// descriptor left.
    ///
    /// - Parameter logger: Its default has the label under which the guides set the log level of Redis lines. Gets `Redis connected to host:port` at info level once per connection, and failures at
    ///   warning level.
    public init(
        configuration: RedisConfiguration,
        logger: Logger = Logger(label: "StackExchange.Redis")
    ) throws(RedisError) {
        endpoint = try configuration.validated()
        self.configuration = configuration
        do throws(SystemError) {
            connection = try RedisConnection(configuration, endpoint, logger: logger)
        } catch {
            throw .connectionFailed(RedisConnectionFailure(.network, endpoint, "\(error)"))
        }
    }

    /// Connects, if that has not happened, and waits for it.
    ///
    /// Throws ``RedisError/connectionFailed(_:)`` after `connectRetry` failed attempts or after `connectTimeout`,
    /// whichever comes first. With `abortConnect` false, attempts then go on in the background.
    public func connect() async throws(RedisError) {
        let request = ConnectRequest(deadline: .now + configuration.connectTimeout)
        guard connection.mailbox.send(request) else { throw .clientClosed(mayHaveBeenExecuted: false) }
        let outcome = await request.outcome.outcome { request.outcome.decide(.failure(.cancelled)) }
        try outcome.get()
    }

    /// Sends one command and waits for its reply.
    ///
    /// - Parameter arguments: The command's name and arguments, at most 512 MiB together.
    /// - Returns: The reply. An error reply is thrown as ``RedisError/server(_:)``.
    public func send(_ arguments: [RedisArgument]) async throws(RedisError) -> RedisValue {
        try CommandRules.check(arguments, allowAdmin: configuration.allowAdmin)
        let bytes = try CommandBytes(arguments)
        if Task.isCancelled { throw .cancelled }
        let command = PendingCommand(bytes, deadline: .now + configuration.syncTimeout)
        guard connection.mailbox.send(command) else { throw .clientClosed(mayHaveBeenExecuted: false) }
        let outcome = await command.reply.outcome { command.reply.decide(.failure(.cancelled)) }
        return try outcome.get()
    }

    /// Runs a script by its digest, and by its text if the server does not know it yet.
    ///
    /// `NOSCRIPT` means that nothing was executed, so that sending the text then is no repetition. The text goes once;
    /// later calls find the script until the server restarts or its scripts are flushed.
    ///
    /// - Parameters:
    ///   - keys: What the script sees as `KEYS`. All keys it touches, and on Redis Cluster of one hash slot.
    ///   - arguments: What the script sees as `ARGV`.
    public func evaluate(
        _ script: RedisScript,
        keys: [RedisArgument],
        arguments: [RedisArgument] = []
    ) async throws(RedisError) -> RedisValue {
        let rest = [RedisArgument(keys.count)] + keys + arguments
        if let sha1 = script.sha1 {
            do throws(RedisError) {
                return try await send(["EVALSHA", RedisArgument(sha1)] + rest)
            } catch {
                guard case .server(let reply) = error, reply.code == "NOSCRIPT" else { throw error }
            }
        }
        return try await send(["EVAL", RedisArgument(script.source)] + rest)
    }

    /// The servers that hold keys, none of them twice.
    func masters() async throws(RedisError) -> [RedisEndpoint] { [endpoint] }

    /// Sends a command to one of the ``masters()``.
    func send(_ arguments: [RedisArgument], to server: RedisEndpoint) async throws(RedisError) -> RedisValue {
        try await send(arguments)
    }

    /// Whether there is a usable connection, as far as is known.
    public var state: RedisConnectionState { connection.states.current }

    /// The current state, then each change, for a health check. Each call is a stream of its own; it ends after
    /// ``shutdown()``.
    ///
    /// A listener that falls behind by more than 64 changes loses the oldest.
    public func states() -> AsyncStream<RedisConnectionState> {
        connection.states.stream()
    }

    /// Closes the connection and ends the thread. Waiting commands fail with
    /// ``RedisError/clientClosed(mayHaveBeenExecuted:)``, and so do later ones.
    ///
    /// Idempotent. Blocks the calling thread for some milliseconds at most. A client that is let go of does the same.
    public func shutdown() async {
        connection.stop()
    }
}
