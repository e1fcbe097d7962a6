internal import JSON
public import Logging
internal import Synchronization

/// One replica among those that share a store: keeps its heartbeat going, opens and shuts its gate, and knows who else
/// is alive.
public final class Membership: Ownership {
    /// This replica's name; no other may have it at the same time.
    public let replica: String
    /// Asked before each effect.
    public let gate: OwnershipGate
    private let incarnation: String
    private let store: any DocumentStore
    private let time: TimeSource
    private let freeSlots: @Sendable () -> Int
    private let logger: Logger
    private let onChange: @Sendable (Change) -> Void
    private let state: Mutex<State>

    private struct State {
        var live = LiveReplicas()
        var alive: [Heartbeat] = []
        var counter = 0
        var digest: String?
        var isLeaving = false
        /// What another program was found to beat under this name since the last beat that nothing stood in the way of.
        var rivals: Set<Heartbeat> = []
    }

    /// What has changed.
    public enum Change: Sendable, Hashable {
        /// A replica has come or gone, or is about to go.
        case replicas
        /// A replica has room where it had none, or none where it had.
        case room
    }

    /// Another program beats under this replica's name.
    public struct NameTaken: Error, CustomStringConvertible {
        let replica: String

        /// What is wrong, and what would help.
        public var description: String {
            "another program works as replica \"\(replica)\" on the same store; give each replica a name of its own"
        }
    }

    /// A replica that has not joined yet.
    /// - Parameters:
    ///   - incarnation: different for each start of a program.
    ///   - gate: opened and shut by the heartbeats.
    ///   - freeSlots: how many more processes could run here at once.
    ///   - onChange: told what has changed of the replicas.
    public init(
        replica: String,
        incarnation: String = String(UInt64.random(in: .min ... .max), radix: 16),
        store: any DocumentStore,
        gate: OwnershipGate? = nil,
        time: TimeSource = .system,
        freeSlots: @escaping @Sendable () -> Int = { 0 },
        logger: Logger,
        onChange: @escaping @Sendable (Change) -> Void
    ) {
        self.replica = replica
        self.incarnation = incarnation
        self.store = store
        self.time = time
        self.freeSlots = freeSlots
        self.logger = logger
        self.onChange = onChange
        self.gate = gate ?? OwnershipGate(time: time)
        state = Mutex(State())
    }

    /// Who is alive, this replica included once it has joined.
    public var alive: [String] { state.withLock { $0.alive.map(\.replica) } }

    /// Whether a replica has left, has been silent for `Heartbeat.takeoverDelay`, or has no heartbeat.
    public func isGone(_ replica: String) async throws -> Bool {
        let now = time.now
        let (isAlive, isSilent) = state.withLock { state in
            (state.live.alive(at: now).contains { $0.replica == replica }, state.live.isSilent(replica, at: now))
        }
        if isAlive { return false }
        if isSilent { return true }
        // It beats before it does anything.
        return try await store.load(.heartbeat(replica: replica)).flatMap(Heartbeat.init)?.hasLeft ?? true
    }

    /// Whether this replica takes nothing new.
    public var isLeaving: Bool { state.withLock { $0.isLeaving } }

    /// Whether others are there to whom processes could go.
    public var hasSuccessors: Bool {
        state.withLock { $0.alive.contains { $0.replica != replica && !$0.isLeaving } }
    }

    /// See `Placement.standing`.
    public func standing(of processID: String, recordedOwner: String?, hasBegun: Bool) -> Standing {
        var (alive, isLeaving) = state.withLock { ($0.alive, $0.isLeaving) }
        if let own = alive.firstIndex(where: { $0.replica == replica }) {
            alive[own].freeSlots = freeSlots()
            alive[own].isLeaving = isLeaving
        }
        return Placement.standing(
            of: processID,
            recordedOwner: recordedOwner,
            hasBegun: hasBegun,
            for: replica,
            among: alive
        )
    }

    /// Beats until the task is cancelled.
    /// - Throws: `NameTaken`; the gate is shut then.
    public func run() async throws(NameTaken) {
        while !Task.isCancelled {
            do {
                try await beat()
                try await look()
            } catch is CancellationError {
                return
            } catch let error as NameTaken {
                gate.shut()
                throw error
            } catch {
                logger.warning("replica \(replica) cannot beat: \(error)")
            }
            guard (try? await time.sleep(for: Heartbeat.interval)) != nil else { return }
        }
    }

    /// Beats once and looks who else is there, before `run`.
    /// - Throws: `StoreUnavailable`, `NameTaken`.
    public func join() async throws {
        try await beat()
        try await look()
    }

    /// Takes nothing new from now on, and lets go of what it has as soon as that interrupts nothing.
    public func beginLeaving() {
        state.withLock { $0.isLeaving = true }
        onChange(.replicas)
    }

    /// Says goodbye, so that the others need not wait: nothing of this replica may have effects any more.
    public func leave() async {
        gate.shut()
        do {
            let last = state.withLock { state in
                state.counter += 1
                return ownHeartbeat(state, hasLeft: true)
            }
            try await tell(last)
        } catch {
            logger.warning("replica \(replica) could not say goodbye; the others notice in time: \(error)")
        }
    }

    private func beat() async throws {
        let sentAt = time.now
        let heartbeat = state.withLock { state in
            state.counter += 1
            return ownHeartbeat(state)
        }
        try await tell(heartbeat)
        gate.confirm(sentAt: sentAt)
    }

    private func ownHeartbeat(_ state: State, hasLeft: Bool = false) -> Heartbeat {
        Heartbeat(
            replica: replica,
            incarnation: incarnation,
            counter: state.counter,
            freeSlots: freeSlots(),
            isLeaving: state.isLeaving,
            hasLeft: hasLeft
        )
    }

    /// Stores a heartbeat over whatever is there. The key is never empty meanwhile: others would miss it.
    private func tell(_ heartbeat: Heartbeat) async throws {
        let key = DocumentKey.heartbeat(replica: replica)
        let document = heartbeat.document
        var known = state.withLock { $0.digest }
        for attempt in 0..<4 {
            let result =
                if let known {
                    try await store.commit(key, document, replacing: known, timeToLive: Heartbeat.timeToLive)
                } else {
                    try await store.create(key, document, timeToLive: Heartbeat.timeToLive)
                }
            if result == .committed {
                state.withLock { state in
                    state.digest = document.digest
                    if attempt == 0 { state.rivals = [] }
                }
                return
            }
            // New here, or expired, or a reply was lost, or another program has this name.
            let stored = try await store.load(key)
            if let stored, known != nil { try noteRival(stored) }
            known = stored?.digest
        }
        throw StoreUnavailable("another replica beats as \(replica)")
    }

    /// A late write of an earlier program of this name, or a store that falls back, is seen now and then. A program that
    /// goes on beating is in the way of every beat.
    private func noteRival(_ stored: StoredDocument) throws(NameTaken) {
        guard let rival = Heartbeat(stored), rival.incarnation != incarnation else { return }
        let sightings = state.withLock { state in
            state.rivals.insert(rival)
            return state.rivals.count
        }
        if sightings > 2 { throw NameTaken(replica: replica) }
    }

    /// Changes the list of all replicas, unless that changes nothing.
    /// - Returns: the list.
    private func changeList(_ change: (inout Set<String>) -> Void) async throws -> Set<String> {
        while true {
            let stored = try await store.load(.replicas)
            let before = Set(stored.map(Self.names) ?? [])
            var names = before
            change(&names)
            guard names != before else { return names }
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
            if result == .committed { return names }
        }
    }

    private static func names(_ document: StoredDocument) -> [String] {
        (try? [String](parsing: document.bytes)) ?? []
    }

    private func look() async throws {
        // Each time, because the store may have lost the list and kept the heartbeat.
        let names = try await changeList { $0.insert(replica) }
        var heartbeats: [Heartbeat] = []
        var gone: [String] = []
        for name in names.sorted() {
            guard let document = try await store.load(.heartbeat(replica: name)) else {
                gone.append(name)
                continue
            }
            if let heartbeat = Heartbeat(document), heartbeat.replica == name { heartbeats.append(heartbeat) }
        }
        // Long dead, or lost by the store. Whoever still lives enters itself again with its next look.
        if !gone.isEmpty { _ = try await changeList { $0.subtract(gone) } }
        let now = time.now
        let (before, after) = state.withLock { state in
            let before = state.alive
            // This one lives, whatever the store says.
            state.live.observe(heartbeats.filter { $0.replica != replica } + [ownHeartbeat(state)], at: now)
            state.alive = state.live.alive(at: now)
            return (before, state.alive)
        }
        if before.map(\.replica) != after.map(\.replica) {
            logger.info("replicas alive: \(after.map(\.replica).joined(separator: ", "))")
            onChange(.replicas)
        } else if before.map(\.isLeaving) != after.map(\.isLeaving) {
            onChange(.replicas)
        } else if before.map({ $0.freeSlots > 0 }) != after.map({ $0.freeSlots > 0 }) {
            onChange(.room)
        }
    }
}
