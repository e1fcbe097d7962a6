public import RedisClient
public import Workflows

/// State documents in Redis, one string each, readable with `GET <key> | jq`.
///
/// Every write is one script on one key, so that it is atomic and works in a Redis Cluster. Value and time to live are
/// set by one command: a document never exists without the latter. Only commands of Redis 6.0 are used.
public struct RedisProcessStateStore: ProcessStateStore {
    /// What the keys of state documents begin with, unless configured otherwise.
    public static let defaultKeyPrefix = "honua:process:"

    private let client: RedisClient
    private let keyPrefix: String

    /// A store on a client that others may share.
    public init(client: RedisClient, keyPrefix: String = defaultKeyPrefix) {
        self.client = client
        self.keyPrefix = keyPrefix
    }

    /// `redis`
    public var name: String { "redis" }

    /// As durable as the server is set up to be.
    public var isDurable: Bool { true }

    /// Sets value and time to live if there is nothing at the key.
    private static let createScript = RedisScript(
        """
        if redis.call('EXISTS', KEYS[1]) == 1 then return 'conflict' end
        redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[2])
        return 'committed'
        """
    )

    /// Sets value and time to live if the SHA-1 of what is there is the one that was read.
    private static let commitScript = RedisScript(
        """
        local stored = redis.call('GET', KEYS[1])
        if not stored then return 'missing' end
        if redis.sha1hex(stored) ~= ARGV[3] then return 'conflict' end
        redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[2])
        return 'committed'
        """
    )

    /// The document, or nil when there is none.
    public func load(_ processID: String) async throws -> StateDocument? {
        try await translating("read the state of process \(processID)") {
            try await client.get(key(processID)).map { StateDocument($0) }
        }
    }

    /// Stores the first document of a process.
    public func create(
        _ processID: String,
        _ document: StateDocument,
        timeToLive: Duration
    ) async throws -> CommitResult {
        try await run(Self.createScript, processID, [RedisArgument(document.bytes), Self.seconds(timeToLive)])
    }

    /// Replaces the document whose digest is `previous`.
    public func commit(
        _ processID: String,
        _ document: StateDocument,
        replacing previous: String,
        timeToLive: Duration
    ) async throws -> CommitResult {
        let arguments = [RedisArgument(document.bytes), Self.seconds(timeToLive), RedisArgument(previous)]
        return try await run(Self.commitScript, processID, arguments)
    }

    /// Removes the document.
    public func delete(_ processID: String) async throws {
        try await translating("delete the state of process \(processID)") {
            _ = try await client.del(key(processID))
        }
    }

    private func key(_ processID: String) -> String { keyPrefix + processID }

    /// At least one: Redis refuses an expiry of zero.
    private static func seconds(_ timeToLive: Duration) -> RedisArgument {
        RedisArgument(max(1, timeToLive.components.seconds))
    }

    private func run(
        _ script: RedisScript,
        _ processID: String,
        _ arguments: [RedisArgument]
    ) async throws -> CommitResult {
        try await translating("commit the state of process \(processID)") {
            let reply = try await client.evaluate(script, keys: [RedisArgument(key(processID))], arguments: arguments)
            switch reply.text {
            case "committed": return .committed
            case "conflict": return .conflict
            case "missing": return .missing
            default: throw StateStoreUnavailable("the commit script answered \(reply), which it never does")
            }
        }
    }

    /// Every failure of Redis is one the engine waits out: nothing is lost or decided meanwhile. An error Redis answers
    /// with (out of memory, read only) is no different from a silent one: somebody has to mend it, and then it goes on.
    private func translating<Result>(
        _ attempt: String,
        _ body: () async throws -> Result
    ) async throws -> Result {
        do {
            return try await body()
        } catch RedisError.cancelled {
            throw CancellationError()
        } catch let error as RedisError {
            throw StateStoreUnavailable("Redis connection failed: cannot \(attempt): \(error)")
        }
    }
}
