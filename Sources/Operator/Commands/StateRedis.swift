internal import ArgumentParser
internal import KubeClient
internal import Logging
internal import RedisClient
internal import Stores
internal import Workflows

/// Which Redis a command talks to.
struct RedisOptions: ParsableArguments {
    @Option(help: "The Redis that holds the state, as a connection string. Default: Redis__ConnectionString.")
    var redis: String?

    @Option(
        help: """
            The installation, as in Operator__InstallationId; by default the UID of the operator's namespace. Needed when \
            several share the Redis.
            """
    )
    var installation: String?
}

/// A Redis with the settings of an installation.
struct StateRedis {
    let client: RedisClient
    let keyspace: RedisKeyspace
    /// For keys without one: that of a process that is not finished.
    let defaultTimeToLive: Duration

    /// A dump may be large, and nobody waits for a single command here.
    private static let syncTimeout: Duration = .seconds(30)

    /// No Redis is named anywhere.
    struct Missing: Error, CustomStringConvertible {
        let option: String
        let variable: String
        var description: String { "no Redis is given; set \(variable), or use \(option)" }
    }

    /// Connects, hands the connection to the body, and closes it.
    /// - Parameters:
    ///   - connection: a connection string; nil for the variable's.
    ///   - option, variable: where connection strings come from, for the error text.
    static func with<Result>(
        _ connection: String?,
        installation: String? = nil,
        option: String = "--redis",
        variable: String = "Redis__ConnectionString",
        _ body: (StateRedis) async throws -> Result
    ) async throws -> Result {
        let redis = try await open(connection, installation, option, variable)
        do {
            let result = try await body(redis)
            await redis.client.shutdown()
            return result
        } catch {
            await redis.client.shutdown()
            throw error
        }
    }

    private static func open(
        _ connection: String?,
        _ installation: String?,
        _ option: String,
        _ variable: String
    ) async throws -> StateRedis {
        var environment = ProcessEnvironment.variables
        let named = environment.first { $0.key.lowercased() == variable.lowercased() && !$0.value.isEmpty }
        guard let connection = connection ?? named?.value else { throw Missing(option: option, variable: variable) }
        let decided = ["Redis__Enabled": "true", "Redis__ConnectionString": connection]
        for (name, value) in decided {
            for other in environment.keys where other.lowercased() == name.lowercased() { environment[other] = nil }
            environment[name] = value
        }
        let configuration = try OperatorConfiguration(environment: environment)
        guard var redis = configuration.redis else { throw Missing(option: option, variable: variable) }
        // Somebody waits in front of this.
        redis.abortConnect = true
        redis.syncTimeout = max(redis.syncTimeout, syncTimeout)
        redis.clientName = "honua-state"
        // Errors are told by whoever gets them.
        let logger = Logger(label: "honua") { _ in SwiftLogNoOpLogHandler() }
        let client = try RedisClient(configuration: redis, logger: logger)
        do {
            try await client.connect()
            return StateRedis(
                client: client,
                keyspace: RedisKeyspace(
                    keyPrefix: configuration.redisKeyPrefix,
                    installation: try await self.installation(installation ?? configuration.installation, client)
                ),
                defaultTimeToLive: configuration.engine.unfinishedTimeToLive
            )
        } catch {
            await client.shutdown()
            throw error
        }
    }

    /// Several installations use the Redis.
    struct Ambiguous: Error, CustomStringConvertible {
        let installations: [String]
        var description: String {
            "several installations use this Redis: \(installations.joined(separator: ", ")); choose one with "
                + "--installation"
        }
    }

    /// The only one there is, unless one is named.
    private static func installation(_ named: String?, _ client: RedisClient) async throws -> String {
        if let named { return named }
        let found = try await RedisKeyspace.installations(on: client)
        guard found.count <= 1 else { throw Ambiguous(installations: found) }
        return found.first ?? "default"
    }
}
