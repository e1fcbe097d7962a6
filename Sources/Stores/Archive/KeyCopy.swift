public import RedisClient
internal import Workflows

/// Copies chosen keys from one Redis into another, with value and time to live: from a temporary server that has loaded
/// a backup into production, say.
///
/// With a state come the parts it refers to, before it.
public struct KeyCopy {
    /// What became of the keys.
    public struct Report: Sendable, Hashable {
        /// The keys that were copied, parts included.
        public var copied: [String] = []
        /// How many were there already.
        public var unchanged = 0
        /// Which were not copied, and why, a sentence each.
        public var kept: [String] = []
        /// What whoever copies should know, a sentence each.
        public var warnings: [String] = []

        /// Whether all that was asked for is there now.
        public var isComplete: Bool { kept.isEmpty }
    }

    private let source: RedisClient
    private let keyspace: RedisKeyspace
    private let restore: KeyRestore

    /// A copy between two servers.
    /// - Parameter defaultTimeToLive: for keys without one.
    public init(
        from source: RedisClient,
        to target: RedisClient,
        keyspace: RedisKeyspace,
        defaultTimeToLive: Duration,
        replaces: Bool = false
    ) {
        self.source = source
        self.keyspace = keyspace
        restore = KeyRestore(
            client: target,
            defaultTimeToLive: defaultTimeToLive,
            replaces: replaces,
            isDryRun: false
        )
    }

    /// Copies keys, and those that match patterns such as `honua:process:6f1c*`.
    /// - Throws: `RedisError`, `ArchiveError`. What was copied stays.
    public func run(_ namesOrPatterns: [String]) async throws -> Report {
        var report = Report()
        for text in namesOrPatterns {
            guard text.contains(where: { "*?[".contains($0) }) else {
                try await copy(text, &report)
                continue
            }
            var isFound = false
            try await source.forEachKey(matching: text) { key in
                isFound = true
                try await copy(key, &report)
            }
            if !isFound { report.kept.append("\(text): no key matches it on the server to copy from") }
        }
        return report
    }

    private func copy(_ key: String, _ report: inout Report) async throws {
        guard let image = try await source.image(of: key) else {
            report.kept.append("\(key): it is not on the server to copy from")
            return
        }
        if let id = keyspace.processID(ofState: key), let value = image.value {
            do {
                let state = try await StateDocument.read(value, processID: id, from: source, keyspace)
                for digest in state.parts {
                    let name = keyspace.name(of: .part(processID: id, digest: digest))
                    guard let part = try await source.image(of: name) else { continue }
                    try await put(name, part, &report)
                }
            } catch let error as InvalidState {
                report.warnings.append("\(key) is copied as it is, with an unusable state: \(error)")
            }
        }
        try await put(key, image, &report)
    }

    private func put(_ key: String, _ image: KeyImage, _ report: inout Report) async throws {
        switch try await restore.restore(key, image.dump, milliseconds: image.timeToLive) {
        case .restored: report.copied.append(key)
        case .unchanged: report.unchanged += 1
        case .kept(let reason): report.kept.append("\(key): \(reason)")
        }
    }
}
