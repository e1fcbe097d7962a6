internal import JSON
public import RedisClient
public import Workflows

/// A history in Redis: one sorted set, in which the score is the end in milliseconds and each member a small JSON
/// document.
///
/// Members begin with the id of their process, so that Redis has those of the same millisecond in the order of
/// `HistoryPosition`.
public struct RedisProcessHistory: ProcessHistory {
    private let client: RedisClient
    private let key: String
    private let retention: Duration

    /// A history on a client that others may share.
    public init(
        client: RedisClient,
        keyspace: RedisKeyspace = RedisKeyspace(),
        retention: Duration = HistoryRetention.default
    ) {
        self.client = client
        key = keyspace.history
        self.retention = retention
    }

    /// One script, so that the key is never without a time to live.
    private static let recordScript = RedisScript(
        """
        redis.call('ZADD', KEYS[1], ARGV[1], ARGV[2])
        redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', '(' .. ARGV[3])
        redis.call('ZREMRANGEBYRANK', KEYS[1], 0, -1 - tonumber(ARGV[5]))
        redis.call('PEXPIRE', KEYS[1], ARGV[4])
        return 'recorded'
        """
    )

    /// How many members are read at once.
    private static let pageSize = 200

    /// Adds an entry.
    public func record(_ entry: HistoryEntry) async throws {
        let end = Self.milliseconds(entry.endTime)
        let retention = retention.components.seconds * 1000
        _ = try await translating("record the end of process \(entry.processId)") {
            try await client.evaluate(
                Self.recordScript,
                keys: [RedisArgument(key)],
                arguments: [
                    RedisArgument(end), RedisArgument(Self.member(entry)), RedisArgument(end - retention),
                    RedisArgument(retention), RedisArgument(HistoryRetention.maximumEntries),
                ]
            )
        }
    }

    /// The entries that a query asks for.
    public func entries(_ query: HistoryQuery) async throws -> [HistoryEntry] {
        let latest = query.before.map { "\(Self.milliseconds($0.endTime))" } ?? "+inf"
        var found: [HistoryEntry] = []
        var offset = 0
        while found.count < query.limit {
            let page = try await page(from: latest, offset: offset)
            for entry in page.compactMap({ try? HistoryEntry(parsing: $0) }) where query.includes(entry) {
                // What has been recorded since the page before moves entries onto this one.
                if let last = found.last, entry.position >= last.position { continue }
                guard found.count < query.limit else { return found }
                found.append(entry)
            }
            guard page.count == Self.pageSize else { break }
            offset += page.count
        }
        return found
    }

    private func page(from latest: String, offset: Int) async throws -> [[UInt8]] {
        let reply = try await translating("read the history") {
            try await client.send(
                ["ZREVRANGEBYSCORE", RedisArgument(key), RedisArgument(latest), "-inf", "LIMIT"]
                    + [RedisArgument(offset), RedisArgument(Self.pageSize)]
            )
        }
        return reply.array?.compactMap(\.bytes) ?? []
    }

    /// Forgets all runs of a process.
    public func remove(processID: String) async throws {
        try await translating("remove process \(processID) from the history") {
            var offset = 0
            while true {
                let reply = try await client.send(
                    ["ZRANGE", RedisArgument(key), RedisArgument(offset), RedisArgument(offset + Self.pageSize - 1)]
                )
                let page = reply.array?.compactMap(\.bytes) ?? []
                let wanted = page.filter { (try? HistoryEntry(parsing: $0))?.processId == processID }
                if !wanted.isEmpty {
                    _ = try await client.send(["ZREM", RedisArgument(key)] + wanted.map { RedisArgument($0) })
                }
                guard page.count == Self.pageSize else { return }
                offset += page.count - wanted.count
            }
        }
    }

    /// The id first, which the order of a JSON object's members would not give.
    private static func member(_ entry: HistoryEntry) -> [UInt8] {
        var json = entry.json()
        json["processId"] = nil
        let id = JSONValue.string(entry.processId).serialized()
        return Array(#"{"processId":"#.utf8) + id + [UInt8(ascii: ",")] + json.serialized().dropFirst()
    }

    private static func milliseconds(_ time: Timestamp) -> Int64 {
        time.seconds * 1000 + Int64(time.nanoseconds / 1_000_000)
    }

    private func translating<Result>(_ attempt: String, _ body: () async throws -> Result) async throws -> Result {
        do {
            return try await body()
        } catch RedisError.cancelled {
            throw CancellationError()
        } catch let error as RedisError {
            throw StoreUnavailable("Redis connection failed: cannot \(attempt): \(error)")
        }
    }
}
