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
    private let keyspace: RedisKeyspace
    private let confirmation: ReplicaConfirmation?

    /// A store on a client that others may share.
    /// - Parameters:
    ///   - keyPrefix: of state documents; nothing else lies below it.
    ///   - installation: part of every other key, so that two installations on one server do not meet.
    public init(client: RedisClient, keyPrefix: String = defaultKeyPrefix, installation: String = "default") {
        self.init(client: client, keyspace: RedisKeyspace(keyPrefix: keyPrefix, installation: installation))
    }

    /// A store on a client that others may share.
    /// - Parameter confirmation: by replicas, of what must not be lost; nil to wait for none.
    public init(client: RedisClient, keyspace: RedisKeyspace, confirmation: ReplicaConfirmation? = nil) {
        self.client = client
        self.keyspace = keyspace
        self.confirmation = confirmation
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
        try await translating("read \(key)", key) {
            try await client.get(keyspace.name(of: key)).map { StoredDocument($0) }
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
            try await translating("renew \(key)", key) {
                _ = try await client.send(["EXPIRE", RedisArgument(keyspace.name(of: key)), Self.seconds(timeToLive)])
            }
        }
    }

    /// Removes documents.
    public func delete(_ keys: [DocumentKey]) async throws {
        // One by one: in a cluster they may lie on different servers.
        for key in keys {
            try await translating("delete \(key)", key) {
                _ = try await client.del(keyspace.name(of: key))
            }
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
        try await translating("write \(key)", key) {
            let reply = try await reply(to: script, key, arguments)
            switch reply.text {
            case "committed": return .committed
            case "conflict": return .conflict
            case "missing": return .missing
            default: throw StoreUnavailable("the commit script answered \(reply), which it never does")
            }
        }
    }

    private func reply(
        to script: RedisScript,
        _ key: DocumentKey,
        _ arguments: [RedisArgument]
    ) async throws(RedisError) -> RedisValue {
        let keys = [RedisArgument(keyspace.name(of: key))]
        guard let confirmation, key.mustBeConfirmed else {
            return try await client.evaluate(script, keys: keys, arguments: arguments)
        }
        let replicated = try await client.evaluate(
            script,
            keys: keys,
            arguments: arguments,
            waitingFor: confirmation.count,
            timeout: confirmation.timeout
        )
        if replicated.reply.text == "committed" { confirmation.check(replicated, "\(key)") }
        return replicated.reply
    }

    /// Nearly every failure of Redis is one the engine waits out: nothing is lost or decided meanwhile. An error Redis
    /// answers with (out of memory, read only) is no different from a silent one: somebody has to mend it, and then it
    /// goes on. What cannot be waited out is a state that is none: something of another type at its key.
    private func translating<Result>(
        _ attempt: String,
        _ key: DocumentKey,
        _ body: () async throws -> Result
    ) async throws -> Result {
        do {
            return try await body()
        } catch RedisError.cancelled {
            throw CancellationError()
        } catch let error as RedisError {
            // Redis 6 puts the code of an error in a script behind words of its own.
            if case .server(let reply) = error, reply.message.contains("WRONGTYPE"), key.belongsToState {
                let name = keyspace.name(of: key)
                throw InvalidState(faults: ["\(key) is not a string in Redis; look at it with TYPE \(name)"])
            }
            throw StoreUnavailable("Redis connection failed: cannot \(attempt): \(error)")
        }
    }
}

extension DocumentKey {
    fileprivate var belongsToState: Bool {
        switch self {
        case .state, .part: true
        case .lock, .memo, .heartbeat, .replicas, .inbox, .doorbell: false
        }
    }

    /// What nobody could make anew. Parts, too, because in a cluster they may lie on other servers than their state.
    fileprivate var mustBeConfirmed: Bool {
        switch self {
        case .state, .part, .inbox: true
        case .lock, .memo, .heartbeat, .replicas, .doorbell: false
        }
    }
}
