internal import JSON
public import Logging
internal import Synchronization

/// One replica among those that share a store: keeps its heartbeat going, opens and shuts its gate, and knows who else
/// is alive.
public final class Membership: Sendable {
    /// This replica's name; no other may have it at the same time.
    public let replica: String
    /// Asked before each effect.
    public let gate: OwnershipGate
    private let store: any DocumentStore
    private let time: TimeSource
    private let logger: Logger
    private let onChange: @Sendable () -> Void
    private let state: Mutex<State>

    private struct State {
        var live = LiveReplicas()
        var alive: [String] = []
        var counter = 0
        var digest: String?
    }

    /// A replica that has not joined yet.
    /// - Parameter onChange: told when another replica has come or gone.
    public init(
        replica: String,
        store: any DocumentStore,
        time: TimeSource = .system,
        logger: Logger,
        onChange: @escaping @Sendable () -> Void
    ) {
        self.replica = replica
        self.store = store
        self.time = time
        self.logger = logger
        self.onChange = onChange
        gate = OwnershipGate(time: time)
        state = Mutex(State())
    }

    /// Who is alive, this replica included once it has joined.
    public var alive: [String] { state.withLock { $0.alive } }

    /// Whether a process belongs to this replica now.
    public func owns(_ processID: String) -> Bool { Placement.owner(of: processID, among: alive) == replica }

    /// Beats until the task is cancelled.
    public func run() async {
        while !Task.isCancelled {
            do {
                try await beat()
                try await look()
            } catch is CancellationError {
                return
            } catch {
                logger.warning("replica \(replica) cannot beat: \(error)")
            }
            guard (try? await time.sleep(for: Heartbeat.interval)) != nil else { return }
        }
    }

    /// Says goodbye, so that the others need not wait: nothing of this replica may have effects any more.
    public func leave() async {
        gate.shut()
        do {
            try await register(false)
            try await store.delete([.heartbeat(replica: replica)])
        } catch {
            logger.warning("replica \(replica) could not say goodbye; the others notice in time: \(error)")
        }
    }

    private func beat() async throws {
        let sentAt = time.now
        let (counter, digest) = state.withLock { state in
            state.counter += 1
            return (state.counter, state.digest)
        }
        let document = StoredDocument(
            (["replica": .string(replica), "counter": .int(Int64(counter))] as JSONValue).serialized()
        )
        let key = DocumentKey.heartbeat(replica: replica)
        var result = CommitResult.missing
        if let digest {
            result = try await store.commit(key, document, replacing: digest, timeToLive: Heartbeat.timeToLive)
        }
        if result != .committed {
            // New here, or expired, or a reply was lost: whatever is there is this replica's own.
            try await store.delete([key])
            result = try await store.create(key, document, timeToLive: Heartbeat.timeToLive)
        }
        guard result == .committed else { throw StoreUnavailable("another replica beats as \(replica)") }
        state.withLock { $0.digest = document.digest }
        gate.confirm(sentAt: sentAt)
    }

    /// Enters this replica into the list of all, or takes it out.
    private func register(_ isMember: Bool) async throws {
        while true {
            let stored = try await store.load(.replicas)
            var names = stored.map(Self.names) ?? []
            guard names.contains(replica) != isMember else { return }
            if isMember { names.append(replica) } else { names.removeAll { $0 == replica } }
            let document = StoredDocument(names.sorted().json().serialized())
            let result =
                if let stored {
                    try await store.commit(
                        .replicas,
                        document,
                        replacing: stored.digest,
                        timeToLive: Heartbeat.timeToLive * 288
                    )
                } else {
                    try await store.create(.replicas, document, timeToLive: Heartbeat.timeToLive * 288)
                }
            if result == .committed { return }
        }
    }

    private static func names(_ document: StoredDocument) -> [String] {
        (try? [String](parsing: document.bytes)) ?? []
    }

    private func look() async throws {
        // Each time, because the store may have lost the list and kept the heartbeat.
        try await register(true)
        var counters: [String: Int] = [:]
        for name in try await store.load(.replicas).map(Self.names) ?? [] {
            guard let document = try await store.load(.heartbeat(replica: name)) else { continue }
            counters[name] = (try? JSONValue(parsing: document.bytes))?["counter"]?.int.map { Int($0) } ?? 0
        }
        let now = time.now
        let isChanged = state.withLock { state in
            state.live.observe(counters, at: now)
            let alive = state.live.alive(at: now)
            defer { state.alive = alive }
            return state.alive != alive
        }
        guard isChanged else { return }
        logger.info("replicas alive: \(alive.joined(separator: ", "))")
        onChange()
    }
}
