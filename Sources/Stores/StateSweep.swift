public import RedisClient
internal import Workflows

/// One pass over all states in Redis, by whoever keeps house for all replicas.
public struct StateSweep: Sendable {
    private let client: RedisClient
    private let keyspace: RedisKeyspace
    private let timeToLive: Duration

    /// A pass that has not begun.
    /// - Parameter timeToLive: for states that have none, because somebody wrote them by hand.
    public init(client: RedisClient, keyspace: RedisKeyspace, timeToLive: Duration) {
        self.client = client
        self.keyspace = keyspace
        self.timeToLive = timeToLive
    }

    /// What a pass has found.
    public struct Findings: Sendable, Hashable {
        /// How many states there are.
        public var states = 0
        /// Processes whose states had no time to live, and have one now.
        public var unlimited: [String] = []
        /// States of unfinished processes that nobody knows. They are never run: somebody restores the resource and
        /// adopts them, or deletes them.
        public var orphans: [Orphan] = []
    }

    /// A state without a resource.
    public struct Orphan: Sendable, Hashable {
        /// Of the process.
        public let id: String
        /// As the state says.
        public let namespace: String?
        /// As the state says.
        public let name: String

        /// A state without a resource.
        public init(id: String, namespace: String?, name: String) {
            self.id = id
            self.namespace = namespace
            self.name = name
        }
    }

    /// Looks at every state.
    /// - Parameter isKnown: whether there is a resource, or a running parent, for a process.
    /// - Throws: `RedisError`.
    public func run(isKnown: @Sendable (_ processID: String) -> Bool) async throws -> Findings {
        var findings = Findings()
        var seen: Set<String> = []
        for try await keys in client.scan(matching: keyspace.pattern(.state)) {
            for key in keys where seen.insert(key).inserted {
                guard let id = keyspace.processID(ofState: key) else { continue }
                findings.states += 1
                if try await client.send(["PTTL", RedisArgument(key)]).integer == -1 {
                    _ = try await client.send(["PEXPIRE", RedisArgument(key), RedisArgument(milliseconds)])
                    findings.unlimited.append(id)
                }
                if !isKnown(id), let orphan = try await orphan(id, at: key, isKnown) {
                    findings.orphans.append(orphan)
                }
            }
        }
        return findings
    }

    private var milliseconds: Int { Int(timeToLive.components.seconds) * 1000 }

    private func orphan(
        _ id: String,
        at key: String,
        _ isKnown: @Sendable (_ processID: String) -> Bool
    ) async throws -> Orphan? {
        guard let bytes = try? await client.get(key),
            let state = try? StateReader.shell(StoredDocument(bytes), of: id),
            !state.status.isFinished, !(state.parent.map(isKnown) ?? false)
        else { return nil }
        return Orphan(id: id, namespace: state.namespace, name: state.name)
    }
}
