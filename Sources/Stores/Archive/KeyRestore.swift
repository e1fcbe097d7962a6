internal import RedisClient
internal import Workflows

/// Puts dumped keys into Redis, each with a time to live.
struct KeyRestore {
    let client: RedisClient
    /// For keys that had none. No state is without one at any time.
    let defaultTimeToLive: Duration
    /// Whether keys that exist are replaced.
    let replaces: Bool
    /// Whether nothing is written.
    let isDryRun: Bool

    /// What became of a key.
    enum Outcome: Equatable {
        case restored
        /// The same is there already.
        case unchanged
        /// Something else is there; the text says what would help.
        case kept(String)
    }

    /// Replaces only what has been looked at.
    private static let replaceScript = RedisScript(
        """
        local stored = redis.call('DUMP', KEYS[1])
        if stored and redis.sha1hex(stored) ~= ARGV[3] then return 'changed' end
        redis.call('RESTORE', KEYS[1], ARGV[1], ARGV[2], 'REPLACE')
        return 'restored'
        """
    )

    /// - Parameters:
    ///   - milliseconds: the time to live; -1 and 0 for the default.
    ///   - objection: why what is there may not be replaced by this; nil when it may.
    func restore(
        _ key: String,
        _ dump: [UInt8],
        milliseconds: Int,
        keeping objection: (KeyImage) -> String? = { _ in nil }
    ) async throws -> Outcome {
        let milliseconds = milliseconds > 0 ? milliseconds : Int(defaultTimeToLive.components.seconds) * 1000
        // Somebody may write at the same time; each turn looks anew.
        for _ in 0..<5 {
            guard let image = try await client.image(of: key) else {
                if isDryRun { return .restored }
                if try await create(key, dump, milliseconds) { return .restored }
                continue
            }
            if image.dump == dump || isSamePart(key, image) {
                if image.timeToLive < milliseconds, !isDryRun {
                    _ = try await client.send(["PEXPIRE", RedisArgument(key), RedisArgument(milliseconds)])
                }
                return .unchanged
            }
            guard replaces else { return .kept("it exists; --replace replaces it") }
            if let objection = objection(image) { return .kept(objection) }
            if isDryRun { return .restored }
            let reply = try await explaining(key) {
                try await client.evaluate(
                    Self.replaceScript,
                    keys: [RedisArgument(key)],
                    arguments: [
                        RedisArgument(milliseconds), RedisArgument(dump), RedisArgument(Digest.sha1(image.dump)),
                    ]
                )
            }
            if reply.text == "restored" { return .restored }
        }
        return .kept("somebody else goes on writing it; stop the operators first")
    }

    /// False when there is something at the key meanwhile.
    private func create(_ key: String, _ dump: [UInt8], _ milliseconds: Int) async throws -> Bool {
        do {
            _ = try await explaining(key) {
                try await client.send(
                    ["RESTORE", RedisArgument(key), RedisArgument(milliseconds), RedisArgument(dump)]
                )
            }
            return true
        } catch RedisError.server(let reply) where reply.code == "BUSYKEY" {
            return false
        }
    }

    /// Parts are named after what they hold: that of the right name is the right one, compressed or not.
    private func isSamePart(_ key: String, _ image: KeyImage) -> Bool {
        guard let part = RedisKeyspace().part(named: key), let value = image.value else { return false }
        return PartContent.digest(of: value) == part.digest
    }

    private func explaining(_ key: String, _ body: () async throws -> RedisValue) async throws -> RedisValue {
        do {
            return try await body()
        } catch RedisError.server(let reply) where reply.message.contains("DUMP payload version") {
            throw ArchiveError(
                "cannot restore \(key): this server does not understand the dump, because it is older than the one the "
                    + "dump was made on, or because the dump is damaged"
            )
        }
    }
}
