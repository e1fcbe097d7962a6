import JSON
import RedisClient
import Stores
import Testing

@testable import Workflows

/// What the replicas of a test share.
struct SharedWork: Sendable {
    let connectionString: String
    let ledger = EffectLedger()
    let witness = CommitWitness()
    /// Waited for after each effect, before the step's result.
    let afterEffect: @Sendable (EffectLedger.Effect) async -> Void
}

/// One replica of the operator as far as processes go: an engine that has effects while its heartbeats arrive, over a
/// client of its own.
struct ReplicaDriver: Sendable {
    let engine: ProcessEngine
    let client: RedisClient
    /// Ticks whenever a snapshot changes.
    let changes: AsyncStream<Void>

    static func with(
        _ name: String,
        _ work: SharedWork,
        _ body: (ReplicaDriver) async throws -> Void
    ) async throws {
        let client = try RedisDriver.client(work.connectionString)
        do {
            try await with(name, work, client, body)
        } catch {
            await client.shutdown()
            throw error
        }
        await client.shutdown()
    }

    private static func with(
        _ name: String,
        _ work: SharedWork,
        _ client: RedisClient,
        _ body: (ReplicaDriver) async throws -> Void
    ) async throws {
        let redis = RedisDocumentStore(client: client)
        let membership = Membership(replica: name, store: redis, logger: .silent, onChange: { _ in })
        var configuration = EngineConfiguration()
        configuration.announcesTakeovers = false
        configuration.maxConcurrentProcesses = 100
        let (changes, tick) = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))
        let engine = ProcessEngine(
            store: WitnessedStore(inner: redis, replica: name, witness: work.witness),
            actions: ActionCatalog([
                LedgerAction(replica: name, ledger: work.ledger, afterEffect: work.afterEffect)
            ]),
            configuration: configuration,
            replica: "\(name)-1",
            owner: name,
            gate: membership.gate,
            ownership: Mistaken(membership: membership),
            logger: .silent,
            onChange: { _ in tick.yield() }
        )
        try await withThrowingTaskGroup(of: Void.self) { group in
            defer { group.cancelAll() }
            group.addTask { await engine.run() }
            group.addTask { try await membership.run() }
            try await body(ReplicaDriver(engine: engine, client: client, changes: changes))
            group.cancelAll()
            try await group.waitForAll()
        }
    }

    /// Waits until all these runs have ended.
    func ends(of ids: [String]) async throws -> [String: RunEnd] {
        func ended() -> [String: RunEnd] {
            ids.reduce(into: [:]) { ends, id in
                if case .ended(let end) = engine.snapshot(of: id)?.activity { ends[id] = end }
            }
        }
        if ended().count == ids.count { return ended() }
        for await _ in changes where ended().count == ids.count { return ended() }
        throw CancellationError()
    }
}

extension RedisClient {
    /// What is stored of a process, with every part that it refers to.
    func state(of id: String) async throws -> ProcessState {
        let store = RedisDocumentStore(client: self)
        let document = try #require(try await store.load(.state(processID: id)))
        let state = try await StateReader(processID: id) {
            try await store.load(.part(processID: id, digest: $0.digest))?.bytes
        }
        .read(document)
        for part in state.parts {
            let stored = try await store.load(.part(processID: id, digest: part.digest))
            #expect(stored != nil, "a part of process \(id) is gone")
        }
        return state
    }
}

/// Takes every other replica for dead, so that only the store keeps two of them apart.
private struct Mistaken: Ownership {
    let membership: Membership

    var isLeaving: Bool { membership.isLeaving }
    func standing(of processID: String, recordedOwner: String?, hasBegun: Bool) -> Standing {
        membership.standing(of: processID, recordedOwner: recordedOwner, hasBegun: hasBegun)
    }
    func isGone(_ replica: String) -> Bool { true }
}
