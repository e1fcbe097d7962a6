internal import RedisClient

/// Everything about a key at one moment.
struct KeyImage: Sendable, Hashable {
    /// As Redis names it: `string`, `zset`, …
    let type: String
    /// In milliseconds; -1 without one.
    let timeToLive: Int
    /// As `RESTORE` takes it.
    let dump: [UInt8]
    /// The value of a string; nil for anything else.
    let value: [UInt8]?
}

extension RedisClient {
    /// In one script, so that value and time to live belong together.
    private static let imageScript = RedisScript(
        """
        local type = redis.call('TYPE', KEYS[1]).ok
        if type == 'none' then return false end
        local value = false
        if type == 'string' then value = redis.call('GET', KEYS[1]) end
        return {type, redis.call('PTTL', KEYS[1]), redis.call('DUMP', KEYS[1]), value}
        """
    )

    /// What there is at a key; nil for nothing.
    func image(of key: String) async throws -> KeyImage? {
        let reply = try await evaluate(Self.imageScript, keys: [RedisArgument(key)])
        guard !reply.isNull else { return nil }
        guard let parts = reply.array, parts.count >= 3, let type = parts[0].text, let time = parts[1].integer,
            let dump = parts[2].bytes
        else { throw ArchiveError("cannot read \(key): the script answered something it never does") }
        return KeyImage(
            type: type,
            timeToLive: Int(time),
            dump: dump,
            value: parts.count > 3 ? parts[3].bytes : nil
        )
    }

    /// Hands over the keys that match a pattern, each once.
    func forEachKey(matching pattern: String, _ body: (String) async throws -> Void) async throws {
        // SCAN may deliver a key twice.
        var seen: Set<String> = []
        for try await keys in scan(matching: pattern) {
            for key in keys where seen.insert(key).inserted { try await body(key) }
        }
    }
}
