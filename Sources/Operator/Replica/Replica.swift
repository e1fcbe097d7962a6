internal import KubeRuntime
internal import Logging
internal import RedisClient
internal import Stores
internal import Synchronization
internal import Workflows

/// This program among its replicas: which processes are its own, and when it may have effects.
///
/// With a shared store the replicas divide the processes among themselves; see `Membership`. Without one exactly one
/// of them works: the one that holds the Lease. A program whose Redis could not be reached at the start begins in the
/// second way and changes to the first, once, when it can.
final class Replica: Ownership {
    /// How long after it was last seen to be open the gate of a leader stays open: less than the time between the end of
    /// its term and the moment at which another may lead, which are 10 s and 15 s after the last renewal.
    private static let leaderGrace: Duration = .seconds(2)

    let name: String
    /// Asked before each effect.
    let gate: OwnershipGate
    private let elector: LeaderElector
    private let membership: Membership?
    private let fallback: StateStores.Fallback?
    private let room: Room
    private let onChange: @Sendable (Membership.Change) -> Void
    private let logger: Logger
    private let state: Mutex<State>

    private struct State {
        /// Whether the replicas share a store.
        var isShared: Bool
        var hasLed = false
        var isLeaving = false
        /// What the leader does for all; set before `run`.
        var housekeeping: Housekeeping?
    }

    /// - Parameters:
    ///   - elector: its identity is the replica's name.
    ///   - onChange: told when other processes may be this replica's.
    init(
        elector: LeaderElector,
        stores: StateStores,
        logger: Logger,
        onChange: @escaping @Sendable (Membership.Change) -> Void
    ) {
        let time = TimeSource.system
        let room = Room()
        let gate = OwnershipGate(time: time)
        name = elector.identity
        self.gate = gate
        self.elector = elector
        self.room = room
        membership = stores.shared.map { store in
            Membership(
                replica: elector.identity,
                store: store,
                gate: gate,
                time: time,
                freeSlots: { room.freeSlots },
                logger: logger,
                onChange: onChange
            )
        }
        fallback = stores.fallback
        self.onChange = onChange
        self.logger = logger
        state = Mutex(State(isShared: membership != nil && fallback == nil))
    }

    /// How much room the engine has, which is made after its replica.
    private final class Room: Sendable {
        private let source = Mutex<(@Sendable () -> Int)?>(nil)
        var freeSlots: Int { source.withLock { $0 }?() ?? 0 }
        func tell(_ freeSlots: @escaping @Sendable () -> Int) { source.withLock { $0 = freeSlots } }
    }

    /// Says how many more processes could run here at once.
    func tellRoom(_ freeSlots: @escaping @Sendable () -> Int) { room.tell(freeSlots) }

    // MARK: Ownership

    private var sharing: Membership? { state.withLock { $0.isShared } ? membership : nil }

    func standing(of processID: String, recordedOwner: String?, hasBegun: Bool) -> Standing {
        if let sharing {
            return sharing.standing(of: processID, recordedOwner: recordedOwner, hasBegun: hasBegun)
        }
        if elector.isLeader { return .ours }
        // A leader that cannot reach the API server keeps what runs; nothing begins, because the gate is shut. Only when
        // it sees another leader it is over.
        let sees = elector.leader
        return state.withLock { $0.hasLed } && (sees == nil || sees == name) ? .ours : .theirs
    }

    func isGone(_ replica: String) async throws -> Bool {
        try await sharing?.isGone(replica) ?? (elector.leader != replica)
    }

    var isProvisional: Bool { sharing == nil && fallback != nil }

    func leads(_ replica: String) -> Bool { elector.leader == replica && replica != name }

    var isLeaving: Bool { sharing?.isLeaving ?? state.withLock { $0.isLeaving } }

    /// Whether there are others to whom processes could go.
    var hasSuccessors: Bool { sharing?.hasSuccessors ?? false }

    // MARK: Life

    /// Keeps this replica among the others until the task is cancelled.
    /// - Throws: `Membership.NameTaken`, and what the election throws.
    func run(_ housekeeping: Housekeeping?) async throws {
        state.withLock { $0.housekeeping = housekeeping }
        try await withThrowingTaskGroup(of: Void.self) { group in
            defer { group.cancelAll() }
            group.addTask { try await self.campaign() }
            group.addTask { try await self.share() }
            // The first failure ends the others.
            while try await group.next() != nil {}
        }
    }

    /// Takes nothing new from now on, and lets go of what it can without interrupting anything.
    func beginLeaving() {
        state.withLock { $0.isLeaving = true }
        membership?.beginLeaving()
    }

    /// Says goodbye. Nothing of this replica may have effects any more.
    func leave() async {
        gate.shut()
        await sharing?.leave()
    }

    private func share() async throws {
        guard let membership else { return }
        if let fallback { try await moveToRedis(fallback, membership) }
        try await membership.run()
    }

    /// Waits for Redis, moves there what is in memory, and takes its place among the replicas before anybody asks whose a
    /// process is.
    private func moveToRedis(_ fallback: StateStores.Fallback, _ membership: Membership) async throws {
        var isMoved = false
        while true {
            do {
                if !isMoved, case .connected = fallback.redis.state {
                    try await move(fallback.store)
                    isMoved = true
                }
                if isMoved {
                    try await membership.join()
                    state.withLock { $0.isShared = true }
                    onChange(.replicas)
                    return
                }
            } catch let error as StoreUnavailable {
                logger.warning("what is in memory could not be moved to Redis yet: \(error)")
            }
            try await Task.sleep(for: .seconds(1))
        }
    }

    private func move(_ store: FallbackDocumentStore) async throws {
        let merge = try await store.merge()
        logger.notice("Redis answers for the first time: \(merge.moved) documents were moved there from memory")
        for id in merge.outranked {
            logger.warning("Process \(id) goes on from its state in Redis, which is newer than that in memory")
        }
    }

    private func campaign() async throws {
        while !Task.isCancelled {
            let ending = try await elector.run { gate in await self.lead(gate) }
            state.withLock { state in if !state.isShared { self.gate.shut() } }
            if case .lost = ending { onChange(.replicas) }
        }
    }

    private func lead(_ lease: LeaseGate) async {
        state.withLock { $0.hasLed = true }
        logger.info("replica \(name) leads", metadata: ["lease": "\(lease.lease)"])
        await withDiscardingTaskGroup { group in
            if let housekeeping = state.withLock({ $0.housekeeping }) {
                group.addTask { await housekeeping.run(while: { lease.isOpen && self.sharing != nil }) }
            }
            // While the gate is still shut: what begins waits there.
            if sharing == nil { onChange(.replicas) }
            while !Task.isCancelled, sharing == nil {
                // Under the lock: once the store is shared, only heartbeats open the gate.
                state.withLock { state in
                    if !state.isShared, lease.isOpen { gate.open(for: Self.leaderGrace) }
                }
                guard (try? await Task.sleep(for: Self.leaderGrace / 2)) != nil else { return }
            }
            // Once the replicas share a store, leading is housekeeping.
            while (try? await Task.sleep(for: .seconds(3600))) != nil {}
        }
    }
}
