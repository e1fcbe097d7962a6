public import RedisClient
public import Workflows

/// Documents in Redis, one string each, readable with `GET <key> | jq`.
///
/// Every write is one script on one key, so that it is atomic and works in a Redis Cluster. Value and time to live are
/// set by one command: a document never exists without the latter. Only commands of Redis 6.0 are used.
public struct RedisDocumentStore: DocumentStore {
    /// What the keys of state documents begin with, unless configured otherwise.
    public static let defaultKeyPrefix = "honua:process:"

    private let client: RedisClient
    private let keyPrefix: String
    private let installation: String

    /// A store on a client that others may share.
    /// - Parameters:
    ///   - keyPrefix: of state documents; nothing else lies below it.
    ///   - installation: part of every other key, so that two installations on one server do not meet.
    public init(client: RedisClient, keyPrefix: String = defaultKeyPrefix, installation: String = "default") {
        self.client = client
        self.keyPrefix = keyPrefix
        self.installation = installation
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
    public func load(_ key: DocumentKey) async throws -> StoredDocument? {
        try await translating("read \(key)") {
            try await client.get(name(of: key)).map { StoredDocument($0) }
        }
    }

    /// Stores a document where there is none.
    public func create(
        _ key: DocumentKey,
        _ document: StoredDocument,
        timeToLive: Duration
    ) async throws -> CommitResult {
        try await run(Self.createScript, key, [RedisArgument(document.bytes), Self.seconds(timeToLive)])
    }

    /// Replaces the document whose digest is `previous`.
    public func commit(
        _ key: DocumentKey,
        _ document: StoredDocument,
        replacing previous: String,
        timeToLive: Duration
    ) async throws -> CommitResult {
        let arguments = [
            RedisArgument(document.bytes), Self.seconds(timeToLive), RedisArgument(previous),
        ]
        return try await run(Self.commitScript, key, arguments)
    }

    /// Gives documents another time to live.
    public func renew(_ keys: [DocumentKey], timeToLive: Duration) async throws {
        for key in keys {
            try await translating("renew \(key)") {
                _ = try await client.send(["EXPIRE", RedisArgument(name(of: key)), Self.seconds(timeToLive)])
            }
        }
    }

    /// Removes documents.
    public func delete(_ keys: [DocumentKey]) async throws {
        // One by one: in a cluster they may lie on different servers.
        for key in keys {
            try await translating("delete \(key)") {
                _ = try await client.del(name(of: key))
            }
        }
    }

    /// What is not a state lies under prefixes that no pattern for states matches.
    private func name(of key: DocumentKey) -> String {
        switch key {
        case .state(let id): keyPrefix + id
        case .part(let id, let digest): "honua:process-part:\(id):\(digest)"
        case .lock(let name): "honua:process-lock:\(installation):\(name)"
        case .memo(let digest): "honua:process-memo:\(installation):\(digest)"
        case .heartbeat(let replica): "honua:process-replica:\(installation):\(replica)"
        case .replicas: "honua:process-replicas:\(installation)"
        }
    }

    /// At least one: Redis refuses an expiry of zero.
    private static func seconds(_ timeToLive: Duration) -> RedisArgument {
        RedisArgument(max(1, timeToLive.components.seconds))
    }

    private func run(
        _ script: RedisScript,
        _ key: DocumentKey,
        _ arguments: [RedisArgument]
    ) async throws -> CommitResult {
        try await translating("write \(key)") {
            let reply = try await client.evaluate(script, keys: [RedisArgument(name(of: key))], arguments: arguments)
            switch reply.text {
            case "committed": return .committed
            case "conflict": return .conflict
            case "missing": return .missing
            default: throw StoreUnavailable("the commit script answered \(reply), which it never does")
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
            throw StoreUnavailable("Redis connection failed: cannot \(attempt): \(error)")
        }
    }
}
