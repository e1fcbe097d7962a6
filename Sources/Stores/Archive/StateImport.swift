internal import JSON
public import RedisClient
internal import Workflows

/// Puts an archive into Redis.
///
/// The whole archive is checked before the first key is written. Parts come before the states that refer to them, so
/// that an operator that meets a state finds all of it. An import that was interrupted can be repeated.
public struct StateImport {
    /// How careful an import is.
    public struct Options: Sendable, Hashable {
        /// Whether keys that exist are replaced.
        public var replaces = false
        /// Whether a state in Redis is replaced even if it is newer than the archive's.
        public var forcesOlder = false
        /// Whether nothing is written.
        public var isDryRun = false

        /// Nothing is replaced.
        public init() {}
    }

    /// What became of the archive's keys.
    public struct Report: Sendable, Hashable {
        /// How many keys of each kind were restored.
        public var restored: [RedisKeyspace.Kind: Int] = [:]
        /// How many were there already.
        public var unchanged = 0
        /// Which were not restored, and why, a sentence each.
        public var kept: [String] = []
        /// What the archive lacks, a sentence each.
        public var warnings: [String] = []

        /// Whether everything in the archive is in Redis now, and the archive was whole.
        public var isComplete: Bool { kept.isEmpty && warnings.isEmpty }
    }

    private let client: RedisClient
    private let keyspace: RedisKeyspace
    private let options: Options
    private let restore: KeyRestore

    /// An import.
    /// - Parameter defaultTimeToLive: for keys that had none when they were exported.
    public init(
        client: RedisClient,
        keyspace: RedisKeyspace,
        defaultTimeToLive: Duration,
        options: Options = Options()
    ) {
        self.client = client
        self.keyspace = keyspace
        self.options = options
        restore = KeyRestore(
            client: client,
            defaultTimeToLive: defaultTimeToLive,
            replaces: options.replaces,
            isDryRun: options.isDryRun
        )
    }

    /// Imports what is in a file.
    /// - Throws: `ArchiveError` for an archive that is damaged or of another key prefix: nothing was written then.
    ///   `RedisError` when Redis fails: what was written stays, and the import can be repeated.
    public func run(from path: String) async throws -> Report {
        let reader = try ArchiveReader(path: path)
        let contents = try reader.check()
        try checkOrigin(contents.header, path)
        // States are anybody's; what else there is goes back to the installation that it came from.
        let keyspace = RedisKeyspace(keyPrefix: keyspace.keyPrefix, installation: contents.header.installation)
        var report = Report()
        report.warnings = contents.missingParts
        let others = Set(RedisKeyspace.Kind.allCases).subtracting([.state])
        for kinds in [others, [.state]] {
            try await reader.forEach(of: kinds, keyspace) { key in try await take(key, &report) }
        }
        return report
    }

    /// States under another prefix would never be found.
    private func checkOrigin(_ header: ArchiveHeader, _ path: String) throws(ArchiveError) {
        guard header.keyPrefix == keyspace.keyPrefix else {
            throw ArchiveError(
                "\(path) was made with the key prefix \"\(header.keyPrefix)\", and this installation has "
                    + "\"\(keyspace.keyPrefix)\"; set Redis__KeyPrefix to import it"
            )
        }
    }

    private func take(_ key: ArchiveReader.Key, _ report: inout Report) async throws {
        let (entry, id) = (key.entry, keyspace.processID(ofState: key.entry.key))
        let outcome = try await restore.restore(entry.key, key.dump, milliseconds: entry.timeToLive) { image in
            id.flatMap { objection(to: entry, $0, image) }
        }
        switch outcome {
        case .restored: report.restored[key.kind, default: 0] += 1
        case .unchanged: report.unchanged += 1
        case .kept(let reason): report.kept.append("\(entry.key): \(reason)")
        }
    }

    /// A process that has gone on since the archive was made must not fall back by accident.
    private func objection(to entry: ArchiveEntry, _ processID: String, _ image: KeyImage) -> String? {
        guard !options.forcesOlder, let value = image.value,
            let stored = StateDocument.age(of: value, processID: processID)
        else { return nil }
        // The archive's own may have been unusable when it was exported.
        let archived = StateDocument.Age(epoch: entry.epoch ?? 0, version: entry.version ?? 0)
        guard stored > archived else { return nil }
        return "the state in Redis is newer: epoch \(stored.epoch), version \(stored.version), against "
            + "epoch \(archived.epoch), version \(archived.version) in the archive; --force-older replaces it"
    }
}
