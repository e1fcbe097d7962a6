internal import Actions
internal import JSON
internal import Reconcilers
internal import RedisClient
internal import Stores
internal import Workflows

/// How an operator is set up: the product's defaults, then environment variables of the form `Section__Key`.
///
/// Names are compared without regard to case. All faults are reported together.
struct OperatorConfiguration: Sendable {
    var redis: RedisConfiguration?
    var redisWarnings: [String] = []
    var redisKeyPrefix = RedisDocumentStore.defaultKeyPrefix
    var validatesRedisOnStartup = true
    /// How many replicas of Redis are to confirm what is stored, and how long that is waited for.
    var redisWait: (replicas: Int, timeout: Duration) = (0, .milliseconds(100))
    var engine = EngineConfiguration()
    var defaults = ProcessDefaults()
    /// Whether steps may run programs beside the operator.
    var isExecEnabled = false
    /// This replica's name; nil for that of the host, which is the pod's.
    var replicaName: String?
    /// What keeps the keys of two installations on one Redis apart; nil for the UID of the operator's namespace.
    var installation: String?
    /// How long a replica that is told to stop may take to hand over what it runs.
    var drainLimit: Duration = .seconds(20)

    /// Values that cannot be used.
    struct Invalid: Error, CustomStringConvertible {
        let faults: [String]
        /// Holds the phrases that scripts look for in the last lines of a log.
        var description: String { faults.joined(separator: "\n") }
    }

    /// Reads the variables that concern the operator; others are not its business.
    init(environment: [String: String]) throws(Invalid) {
        var reader = EnvironmentReader(environment)
        readRedis(&reader)
        engine.maxConcurrentProcesses =
            reader.integer("ProcessFramework__MaxConcurrentProcesses", in: 1...10_000) ?? engine.maxConcurrentProcesses
        engine.maxQueuedProcesses =
            reader.integer("ProcessFramework__ProcessQueue__MaxSize", in: 0...1_000_000) ?? engine.maxQueuedProcesses
        engine.limits.stepParallelism =
            reader.integer("ProcessFramework__ProcessStepParallelism", in: 1...1000) ?? engine.limits.stepParallelism
        if let kilobytes = reader.integer("ProcessFramework__MaxStateSizeKB", in: 16...1_048_576) {
            engine.limits.outputBytes = kilobytes << 10
            // No more than can be read back from Redis at once.
            engine.limits.documentBytes = min(kilobytes << 10, 32 << 20)
        }
        engine.compressesState =
            reader.flag("ProcessFramework__EnableStateCompression") ?? engine.compressesState
        if let seconds = reader.integer("ProcessFramework__StateCheckpointIntervalSeconds", in: 1...86400) {
            engine.checkpointInterval = .seconds(seconds)
        }
        readDefaults(&reader)
        isExecEnabled = reader.flag(ExecAction.setting) ?? isExecEnabled
        replicaName = reader.name("Operator__ReplicaName")
        installation = reader.name("Operator__InstallationId")
        if let seconds = reader.integer("ProcessFramework__ShutdownDrainSeconds", in: 0...86400) {
            drainLimit = .seconds(seconds)
        }
        guard reader.faults.isEmpty else { throw Invalid(faults: reader.faults) }
    }

    private mutating func readRedis(_ reader: inout EnvironmentReader) {
        if let seconds = reader.integer("Redis__TtlSeconds", in: 1...315_360_000) {
            engine.timeToLive = .seconds(seconds)
        }
        redisKeyPrefix = reader.text("Redis__KeyPrefix") ?? redisKeyPrefix
        validatesRedisOnStartup = reader.flag("Redis__ValidateConnectionOnStartup") ?? validatesRedisOnStartup
        let connectTimeout = reader.integer("Redis__ConnectTimeoutMs", in: 1...600_000)
        let syncTimeout = reader.integer("Redis__SyncTimeoutMs", in: 1...600_000)
        redisWait.replicas = reader.integer("Redis__WaitReplicas", in: 0...10) ?? redisWait.replicas
        if let milliseconds = reader.integer("Redis__WaitTimeoutMs", in: 1...600_000) {
            redisWait.timeout = .milliseconds(milliseconds)
        }
        guard reader.flag("Redis__Enabled") ?? false else { return }
        guard let text = reader.text("Redis__ConnectionString") ?? reader.text("REDIS_URL") else {
            reader.faults.append("Missing configuration: Redis:Enabled is true, and Redis:ConnectionString is not set")
            return
        }
        do throws(RedisConfigurationError) {
            let string = try RedisConnectionString(text)
            redisWarnings = string.warnings
            var redis = RedisConfiguration(
                string,
                connectTimeout: connectTimeout.map { .milliseconds($0) },
                syncTimeout: syncTimeout.map { .milliseconds($0) },
                caFile: reader.text("Redis__CaFile"),
                clientCertificateFile: reader.text("Redis__ClientCertificateFile"),
                clientKeyFile: reader.text("Redis__ClientKeyFile")
            )
            readPool(&redis, &reader)
            // A connection that is silent for so long counts as dead.
            if redisWait.replicas > 0, redisWait.timeout >= redis.connectTimeout {
                reader.faults.append(
                    "Invalid configuration: Redis__WaitTimeoutMs must be less than Redis__ConnectTimeoutMs"
                )
            }
            self.redis = redis
        } catch {
            reader.faults.append("Invalid configuration: Redis:ConnectionString: \(error)")
        }
    }

    private func readPool(_ redis: inout RedisConfiguration, _ reader: inout EnvironmentReader) {
        redis.minimumConnections =
            reader.integer("Redis__MinConnectionPoolSize", in: 1...1000) ?? redis.minimumConnections
        redis.maximumConnections =
            reader.integer("Redis__MaxConnectionPoolSize", in: 1...1000) ?? redis.maximumConnections
        redis.pipelineDepth = reader.integer("Redis__PipelineBatchSize", in: 1...100_000) ?? redis.pipelineDepth
        if reader.flag("Redis__EnablePipelining") == false { redis.pipelineDepth = 1 }
        if redis.minimumConnections > redis.maximumConnections {
            reader.faults.append(
                "Invalid configuration: Redis__MinConnectionPoolSize is \(redis.minimumConnections), more than "
                    + "Redis__MaxConnectionPoolSize, which is \(redis.maximumConnections)"
            )
        }
    }

    private mutating func readDefaults(_ reader: inout EnvironmentReader) {
        if let minutes = reader.integer("ProcessFramework__DefaultTimeoutMinutes", in: 1...525_600) {
            defaults.timeout = .seconds(minutes * 60)
        }
        for (type, minutes) in reader.integers("ProcessFramework__ProcessTimeouts__", in: 1...525_600) {
            let name = ProcessType.definition(named: type)?.name ?? ProcessType.longName(type)
            defaults.timeoutByType[name] = .seconds(minutes * 60)
        }
        let limit = reader.integer("ProcessFramework__MaxRetryAttempts", in: 0...1000) ?? 3
        let delay = reader.integer("ProcessFramework__RetryDelaySeconds", in: 0...86400) ?? 5
        let isEnabled = reader.flag("ProcessFramework__EnableAutoRetry") ?? true
        defaults.retry = RetryPolicy(limit: isEnabled ? limit : 0, delay: .seconds(delay))
    }
}

/// Typed values out of environment variables; collects what is wrong with them.
private struct EnvironmentReader {
    private let values: [String: (name: String, value: String)]
    var faults: [String] = []

    init(_ environment: [String: String]) {
        values = Dictionary(
            environment.map { ($0.key.lowercased(), ($0.key, $0.value)) },
            uniquingKeysWith: { first, _ in first }
        )
    }

    /// An empty value counts as not set: that is how manifests clear one.
    func text(_ name: String) -> String? {
        guard let value = values[name.lowercased()]?.value, !value.isEmpty else { return nil }
        return value
    }

    /// Something that becomes part of keys and of other objects' fields.
    mutating func name(_ name: String) -> String? {
        guard let text = text(name) else { return nil }
        let allowed = text.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7f && $0 != UInt8(ascii: ":") }
        guard allowed, text.utf8.count <= 253 else {
            faults.append(
                "Invalid configuration: \(name) must be at most 253 printable ASCII characters without blanks and colons"
            )
            return nil
        }
        return text
    }

    mutating func flag(_ name: String) -> Bool? {
        guard let text = text(name) else { return nil }
        switch text.lowercased() {
        case "true", "1": return true
        case "false", "0": return false
        default:
            faults.append("Invalid configuration: \(name) is \"\(text)\", expected true or false")
            return nil
        }
    }

    mutating func integer(_ name: String, in range: ClosedRange<Int>) -> Int? {
        guard let text = text(name) else { return nil }
        guard let value = Int(text), range.contains(value) else {
            let bounds = "\(range.lowerBound) to \(range.upperBound)"
            faults.append("Invalid configuration: \(name) is \"\(text)\", expected a whole number from \(bounds)")
            return nil
        }
        return value
    }

    /// Every variable with this prefix, by what follows it.
    mutating func integers(_ prefix: String, in range: ClosedRange<Int>) -> [String: Int] {
        var result: [String: Int] = [:]
        for (key, entry) in values where key.hasPrefix(prefix.lowercased()) && key.count > prefix.count {
            result[String(entry.name.dropFirst(prefix.count))] = integer(entry.name, in: range)
        }
        return result
    }
}
