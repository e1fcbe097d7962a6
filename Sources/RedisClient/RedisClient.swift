public import Logging
internal import Synchronization

/// A client for Redis: a single server, a replicated one behind Sentinels, or a Redis Cluster, shared by all tasks.
///
/// ```swift
/// let string = try RedisConnectionString("redis:6379,abortConnect=false")
/// let client = try RedisClient(configuration: RedisConfiguration(string))
/// try await client.set("honua:process:1", document, expiresIn: .seconds(86_400))
/// ```
///
/// ## Which servers
/// - **One endpoint** is one server. Should it turn out to be a node of a Redis Cluster, as the single address of a
///   managed service may, the client goes on as if several had been configured, and logs that.
/// - **`serviceName`** makes the endpoints Sentinels, which are asked for the master of that name, at the start and
///   whenever the connection is lost or the server has become a replica.
/// - **Several endpoints** are nodes of a Redis Cluster, any of which tells about the others. A command goes to the
///   master that has the hash slot of its keys; commands whose keys lie in several slots are refused. A command
///   without keys goes to any one master, so that `DBSIZE` or `FLUSHALL` is about a part only.
///
/// ## Guarantees
/// - Commands of one task that awaits each before the next are executed in that order, unless one was given up
///   (timeout, cancellation) before its reply came. Commands of different tasks share connections, pipelined, and each
///   gets its own reply.
/// - A command that may have been executed is never sent a second time. If its reply is lost, the error says so with
///   `mayHaveBeenExecuted`; look at the data before trying again. A command that a server has refused because it
///   belongs elsewhere, or because it comes too early, was not executed and is sent on, within `syncTimeout`.
/// - A lost connection is re-established in the background, with growing and randomised delays up to 5 s, until
///   ``shutdown()``. `AUTH`, `CLIENT SETNAME` and `SELECT` precede everything else on each connection.
///
/// ## Connections
/// There is one connection to each server in use, and ``RedisConfiguration/minimumConnections`` of them if that is more.
/// Only when all have ``RedisConfiguration/pipelineDepth`` commands in flight for a while is another one opened, up to
/// ``RedisConfiguration/maximumConnections``. Commands that find no room wait in the order they came; when their time is
/// up they fail with ``RedisError/timedOut(mayHaveBeenExecuted:detail:)``, which names these limits. Each connection is
/// a client to the server and a thread here. Commands that block, transactions and subscriptions are refused, because
/// connections are shared.
///
/// ## Time
/// A call of ``send(_:)`` returns within `syncTimeout`, connection or not. Without one it fails with
/// ``RedisError/connectionFailed(_:)`` at that time, so that a short interruption or a failover goes unnoticed.
///
/// ## Cancellation
/// Cancelling the calling task makes the call throw ``RedisError/cancelled`` at once. A command that has been sent is
/// not undone: its reply is dropped when it comes.
public final class RedisClient: Sendable {
    /// What the client was made with.
    public let configuration: RedisConfiguration

    private let logger: Logger
    private let broadcast = StateBroadcast()
    private let routing: Mutex<Routing>

    private struct Routing {
        var router: any Router
        /// What was used before the server turned out to be part of a cluster; replies are still on their way.
        var former: StandaloneRouter?
        var isStopped = false
    }

    /// Makes a client. Nothing is sent yet: the first command connects, or ``connect()``.
    ///
    /// Throws ``RedisError/invalidConfiguration(_:)`` for values that make no sense, and
    /// ``RedisError/connectionFailed(_:)`` if the system has no thread or file descriptor left.
    ///
    /// - Parameter logger: Its default has the label under which the guides set the log level of Redis lines. Gets
    ///   `Redis connected to …` at info level each time the server, the master or the cluster has been reached, and
    ///   failures at warning level.
    public init(
        configuration: RedisConfiguration,
        logger: Logger = Logger(label: "StackExchange.Redis")
    ) throws(RedisError) {
        try configuration.validate()
        self.configuration = configuration
        self.logger = logger
        let router: any Router =
            if let name = configuration.serviceName {
                SentinelRouter(configuration, serviceName: name, states: broadcast, logger: logger)
            } else if configuration.endpoints.count > 1 {
                ClusterRouter(configuration, states: broadcast, logger: logger)
            } else {
                try StandaloneRouter(configuration, states: broadcast, logger: logger)
            }
        routing = Mutex(Routing(router: router))
    }

    deinit {
        stop()
    }

    /// Connects, if that has not happened, and waits for it: for the server, the master, or all masters of a cluster.
    ///
    /// Throws ``RedisError/connectionFailed(_:)`` after `connectRetry` failed attempts or after `connectTimeout`,
    /// whichever comes first. With `abortConnect` false, attempts then go on in the background.
    public func connect() async throws(RedisError) {
        try await router.connect()
    }

    /// Sends one command and waits for its reply.
    ///
    /// - Parameter arguments: The command's name and arguments, at most 512 MiB together.
    /// - Returns: The reply. An error reply is thrown as ``RedisError/server(_:)``.
    public func send(_ arguments: [RedisArgument]) async throws(RedisError) -> RedisValue {
        try await send(try routed(arguments))
    }

    func routed(_ arguments: [RedisArgument]) throws(RedisError) -> RoutedCommand {
        try CommandRules.check(arguments, allowAdmin: configuration.allowAdmin)
        let bytes = try CommandBytes(arguments)
        if Task.isCancelled { throw .cancelled }
        return RoutedCommand(arguments: arguments, bytes: bytes, deadline: .now + configuration.syncTimeout)
    }

    func send(_ command: RoutedCommand) async throws(RedisError) -> RedisValue {
        let router = router
        do throws(RedisError) {
            return try await router.send(command)
        } catch {
            guard case .server(let reply) = error, reply.code == "MOVED", let standalone = router as? StandaloneRouter
            else { throw error }
            return try await clusterRouter(insteadOf: standalone).send(command)
        }
    }

    /// Whether there is a usable connection, as far as is known.
    ///
    /// Of Sentinel it is the connection to the master. A cluster counts as connected when all of its masters answer,
    /// and as unavailable from the moment one does not; commands for the others work all the same.
    public var state: RedisConnectionState { broadcast.current }

    /// The current state, then each change, for a health check. Each call is a stream of its own; it ends after
    /// ``shutdown()``.
    ///
    /// A listener that falls behind by more than 64 changes loses the oldest.
    public func states() -> AsyncStream<RedisConnectionState> {
        broadcast.stream()
    }

    /// Closes all connections and ends their threads. Waiting commands fail with
    /// ``RedisError/clientClosed(mayHaveBeenExecuted:)``, and so do later ones.
    ///
    /// Idempotent. Blocks the calling thread for some milliseconds at most. A client that is let go of does the same.
    public func shutdown() async {
        stop()
    }

    private func stop() {
        let routing = routing.withLock { routing in
            routing.isStopped = true
            return routing
        }
        routing.router.stop()
        routing.former?.stop()
        broadcast.publish(.closed)
    }
}

// MARK: Servers

extension RedisClient {
    /// The servers that hold keys, none of them twice.
    func masters() async throws(RedisError) -> [RedisEndpoint] {
        if let standalone = router as? StandaloneRouter, try await isPartOfCluster() {
            return try await clusterRouter(insteadOf: standalone).masters()
        }
        return try await router.masters()
    }

    /// Sends a command to one of the ``masters()``.
    func send(_ arguments: [RedisArgument], to server: RedisEndpoint) async throws(RedisError) -> RedisValue {
        try await router.send(try routed(arguments), to: server)
    }

    /// What the server says of itself; no if the user may not ask.
    private func isPartOfCluster() async throws(RedisError) -> Bool {
        do throws(RedisError) {
            return try await send(["INFO", "server"]).text?.contains("redis_mode:cluster") ?? false
        } catch {
            guard case .server = error else { throw error }
            return false
        }
    }

    private var router: any Router { routing.withLock { $0.router } }

    /// From now on the configured endpoint is taken as a node of a cluster.
    private func clusterRouter(insteadOf standalone: StandaloneRouter) -> any Router {
        let (router, isNew) = routing.withLock { routing in
            guard routing.router === standalone, !routing.isStopped else { return (routing.router, false) }
            routing.router = ClusterRouter(configuration, states: broadcast, logger: logger)
            routing.former = standalone
            return (routing.router, true)
        }
        if isNew {
            standalone.retire()
            logger.notice("Redis at \(configuration.endpoints[0]) is part of a cluster and is used as one from now on.")
        }
        return router
    }
}
