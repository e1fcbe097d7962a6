public import RedisClient
public import Workflows

/// The names of the product's keys in Redis.
///
/// What is not a state lies under prefixes that no pattern for states matches.
public struct RedisKeyspace: Sendable, Hashable {
    /// What the keys of state documents begin with.
    public let keyPrefix: String
    /// Part of the other keys, so that two installations on one server do not meet.
    public let installation: String

    /// The names of one installation.
    public init(keyPrefix: String = RedisDocumentStore.defaultKeyPrefix, installation: String = "default") {
        self.keyPrefix = keyPrefix
        self.installation = installation
    }

    /// What a key is worth keeping for.
    ///
    /// There are no cases for heartbeats, the list of replicas, inboxes and locks: they tell who is alive now and what is
    /// asked now, and would lie in any archive. Locks are made anew from the claims in the states.
    public enum Kind: String, Sendable, Hashable, CaseIterable {
        /// The state document of a process.
        case state
        /// Something immutable that a state refers to.
        case part
        /// An output that steps may reuse.
        case memo
        /// Processes that have ended.
        case history
    }

    private static let partPrefix = "honua:process-part:"
    private static let replicasPrefix = "honua:process-replicas:"
    private static let historyPrefix = "honua:process-history:"

    /// The installations that have worked on a Redis lately, in the order of their names.
    /// - Throws: `RedisError`.
    public static func installations(on client: RedisClient) async throws -> [String] {
        var found: Set<String> = []
        for prefix in [replicasPrefix, historyPrefix] {
            for try await keys in client.scan(matching: prefix + "*") {
                for key in keys { found.insert(String(key.dropFirst(prefix.count))) }
            }
        }
        return found.sorted()
    }

    private var memoPrefix: String { "honua:process-memo:\(installation):" }

    /// The key of the list of processes that have ended.
    public var history: String { Self.historyPrefix + installation }

    /// The key of a document.
    public func name(of key: DocumentKey) -> String {
        switch key {
        case .state(let id): keyPrefix + id
        case .part(let id, let digest): "\(Self.partPrefix)\(id):\(digest)"
        case .lock(let name): "honua:process-lock:\(installation):\(name)"
        case .memo(let digest): memoPrefix + digest
        case .heartbeat(let replica): "honua:process-replica:\(installation):\(replica)"
        case .replicas: Self.replicasPrefix + installation
        case .inbox(let id): "honua:process-inbox:\(id)"
        case .doorbell: "honua:process-doorbell:\(installation)"
        }
    }

    /// What a key is; nil for one that is not this installation's, or not worth keeping.
    public func kind(of name: String) -> Kind? {
        // First, because somebody may have chosen a prefix for states that all others begin with.
        if name == history { return .history }
        if part(named: name) != nil { return .part }
        if name.hasPrefix(memoPrefix) { return .memo }
        let others =
            ["process-part", "process-lock", "process-memo", "process-replica", "process-history"]
            + ["process-inbox", "process-doorbell"]
        guard !others.contains(where: { name.hasPrefix("honua:\($0)") }) else { return nil }
        return name.hasPrefix(keyPrefix) && name != keyPrefix ? .state : nil
    }

    /// The id in the key of a state; nil for any other key.
    public func processID(ofState name: String) -> String? {
        kind(of: name) == .state ? String(name.dropFirst(keyPrefix.count)) : nil
    }

    /// Which part a key holds; nil for any other key.
    public func part(named name: String) -> (processID: String, digest: String)? {
        guard name.hasPrefix(Self.partPrefix) else { return nil }
        let rest = name.dropFirst(Self.partPrefix.count)
        guard let colon = rest.lastIndex(of: ":"), colon != rest.startIndex else { return nil }
        return (String(rest[..<colon]), String(rest[rest.index(after: colon)...]))
    }

    /// The pattern that finds all keys of a kind, and perhaps others.
    func pattern(_ kind: Kind) -> String {
        switch kind {
        case .state: Self.literal(keyPrefix) + "*"
        case .part: "\(Self.partPrefix)*"
        case .memo: Self.literal(memoPrefix) + "*"
        case .history: Self.literal(history)
        }
    }

    /// The pattern that finds the parts of a process.
    func partsPattern(of processID: String) -> String { "\(Self.partPrefix)\(Self.literal(processID)):*" }

    /// A pattern that means exactly this text.
    private static func literal(_ text: String) -> String {
        var pattern = ""
        for character in text {
            if #"*?[]\"#.contains(character) { pattern.append("\\") }
            pattern.append(character)
        }
        return pattern
    }
}
