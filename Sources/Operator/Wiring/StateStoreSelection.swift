internal import Logging
internal import RedisClient
internal import Stores
internal import Workflows

/// Decides where process state is kept, and says so.
enum StateStoreSelection {
    /// The client, when Redis is configured.
    ///
    /// An unreachable Redis ends the start, unless `abortConnect=false` or `Redis:ValidateConnectionOnStartup=false`
    /// says that it may come later; processes then wait for it.
    static func connect(
        _ configuration: OperatorConfiguration,
        _ logger: (String) -> Logger
    ) async throws -> RedisClient? {
        let log = logger("Honua.ProcessFramework.State")
        guard let redis = configuration.redis else {
            log.warning("Using in-memory stores. This is not suitable for production.")
            return nil
        }
        for warning in configuration.redisWarnings { log.warning("Redis:ConnectionString: \(warning)") }
        let client = try RedisClient(configuration: redis, logger: logger("Honua.Redis"))
        if configuration.validatesRedisOnStartup {
            do {
                try await client.connect()
            } catch {
                let message = "Unable to connect to Redis: \(error)"
                guard !redis.abortConnect else {
                    await client.shutdown()
                    throw OperatorService.StartupFailure(description: message)
                }
                log.warning("\(message) Processes wait until it answers.")
            }
        }
        log.info("Using Redis-backed process state store")
        return client
    }

    static func store(_ configuration: OperatorConfiguration, _ redis: RedisClient?) -> any DocumentStore {
        guard let redis else { return InMemoryDocumentStore() }
        return RedisDocumentStore(client: redis, keyPrefix: configuration.redisKeyPrefix)
    }

    /// Which processes have ended, beside their states.
    static func history(_ configuration: OperatorConfiguration, _ redis: RedisClient?) -> any ProcessHistory {
        guard let redis else { return InMemoryProcessHistory() }
        return RedisProcessHistory(client: redis, keyspace: RedisKeyspace(keyPrefix: configuration.redisKeyPrefix))
    }
}
