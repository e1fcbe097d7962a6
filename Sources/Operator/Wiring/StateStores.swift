internal import Logging
internal import RedisClient
internal import Stores
internal import Workflows

/// Where process state is kept, as decided at the start.
struct StateStores: Sendable {
    /// Where the engine keeps its documents.
    let documents: any DocumentStore
    let history: any ProcessHistory
    /// Where replicas meet; nil without Redis.
    let shared: (any DocumentStore)?
    /// Set when Redis is configured and could not be reached yet.
    let fallback: Fallback?
    let redis: RedisClient?
    /// For housekeeping; nil without Redis.
    let sweep: StateSweep?

    /// Documents in memory until Redis can be reached.
    struct Fallback: Sendable {
        let store: FallbackDocumentStore
        let redis: RedisClient
    }

    /// Decides where state is kept, and says so.
    ///
    /// An unreachable Redis ends the start, unless `abortConnect=false` says that it may come later: until then everything is
    /// in memory, and is moved when it comes. With `Redis:ValidateConnectionOnStartup=false` nobody looks, and processes
    /// wait for it.
    /// - Parameter installation: asked when there is a store to share.
    static func connect(
        _ configuration: OperatorConfiguration,
        _ logger: (String) -> Logger,
        installation: () async throws -> String
    ) async throws -> StateStores {
        let log = logger("Honua.ProcessFramework.State")
        guard let redis = configuration.redis else {
            log.warning("Using in-memory stores. This is not suitable for production.")
            return StateStores(
                documents: InMemoryDocumentStore(),
                history: InMemoryProcessHistory(),
                shared: nil,
                fallback: nil,
                redis: nil,
                sweep: nil
            )
        }
        for warning in configuration.redisWarnings { log.warning("Redis:ConnectionString: \(warning)") }
        let client = try RedisClient(configuration: redis, logger: logger("Honua.Redis"))
        do {
            let keyspace = RedisKeyspace(
                keyPrefix: configuration.redisKeyPrefix,
                installation: try await installation()
            )
            let isReached = try await reach(client, configuration, log)
            let wait = configuration.redisWait
            let confirmation =
                wait.replicas > 0
                ? ReplicaConfirmation(count: wait.replicas, timeout: wait.timeout, logger: logger("Honua.Redis")) : nil
            let store = RedisDocumentStore(client: client, keyspace: keyspace, confirmation: confirmation)
            let fallback = isReached ? nil : Fallback(store: FallbackDocumentStore(durable: store), redis: client)
            return StateStores(
                documents: fallback?.store ?? store,
                history: RedisProcessHistory(client: client, keyspace: keyspace),
                shared: store,
                fallback: fallback,
                redis: client,
                sweep: StateSweep(
                    client: client,
                    keyspace: keyspace,
                    timeToLive: configuration.engine.unfinishedTimeToLive
                )
            )
        } catch {
            await client.shutdown()
            throw error
        }
    }

    /// False when Redis does not answer and need not yet.
    private static func reach(
        _ client: RedisClient,
        _ configuration: OperatorConfiguration,
        _ log: Logger
    ) async throws -> Bool {
        if configuration.validatesRedisOnStartup {
            do {
                try await client.connect()
            } catch {
                let message = "Unable to connect to Redis: \(error)"
                guard !client.configuration.abortConnect else {
                    throw OperatorService.StartupFailure(description: message)
                }
                log.warning("\(message)")
                log.warning("Redis is not available. Using in-memory stores. This is not suitable for production.")
                log.warning("What is kept in memory is moved to Redis as soon as it answers.")
                return false
            }
        }
        log.info("Using Redis-backed process state store")
        return true
    }
}
