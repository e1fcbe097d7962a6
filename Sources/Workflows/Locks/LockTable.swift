internal import JSON
internal import Logging
internal import Synchronization

/// The locks of an installation, over the store that all replicas share.
///
/// A lock's document only speeds things up. What makes a share real is the claim in the state of its process: a share
/// whose process is finished, gone, or claims it no more belongs to nobody, and whoever meets it takes it away. So no
/// crash between two writes can leak a lock.
final class LockTable: Sendable {
    private let store: any DocumentStore
    private let time: TimeSource
    private let checksClaims: Bool
    private let logger: Logger
    /// Who waits here, by lock: woken when a share is given back here.
    private let waiters = Mutex<[String: [AsyncStream<Void>.Continuation]]>([:])

    /// How long a waiter sleeps before it asks again: another replica may have given a share back.
    private static let pollInterval: Duration = .seconds(1)
    /// A document of a lock that nobody asks for disappears.
    private static let timeToLive: Duration = .seconds(7 * 86400)

    init(store: any DocumentStore, time: TimeSource, checksClaims: Bool = true, logger: Logger) {
        self.store = store
        self.time = time
        self.checksClaims = checksClaims
        self.logger = logger
    }

    /// Waits until all of an execution's locks are held, one after the other in the order given.
    /// - Throws: `CancellationError`.
    func acquire(_ claims: [LockClaim], of processID: String) async throws {
        for (place, claim) in claims.enumerated() {
            var attempts = 0
            while try await !isHeld(claim, processID, checksOthers: attempts % 5 == 0) {
                // When the store has lost a share, those behind it in the order may be held from before. Whoever waits
                // for an earlier lock with a later one in hand is waited for in turn.
                if attempts == 0 { try await release(Array(claims[(place + 1)...]), of: processID) }
                attempts += 1
                try await sleep(claim.lock)
            }
        }
    }

    /// Gives shares back.
    func release(_ claims: [LockClaim], of processID: String) async throws {
        for claim in claims {
            try await change(claim.lock) { record in record.drop(LockShare(processID, claim)) }
            wake(claim.lock)
        }
    }

    private func isHeld(_ claim: LockClaim, _ processID: String, checksOthers: Bool) async throws -> Bool {
        let share = LockShare(processID, claim)
        if try await change(claim.lock, { $0.ask(share, limit: claim.limit) }) { return true }
        guard checksOthers, checksClaims else { return false }
        let void = try await voidShares(of: claim.lock, but: share)
        guard !void.isEmpty else { return false }
        logger.notice("lock \(claim.lock): shares that nobody claims are taken back: \(void.map(\.process))")
        return try await change(claim.lock) { record in
            for share in void { record.drop(share) }
            return record.ask(share, limit: claim.limit)
        }
    }

    /// The shares in a lock that no process claims in its state.
    private func voidShares(of lock: String, but own: LockShare) async throws -> [LockShare] {
        guard let record = try await record(lock)?.record else { return [] }
        var void: [LockShare] = []
        for share in record.holders + record.waiting where share != own {
            let document = try await available { try await $0.load(.state(processID: share.process)) }
            if let document, Self.claims(share, lock, document), try await !isOrphan(document, share.process) {
                continue
            }
            void.append(share)
        }
        return void
    }

    /// Whether a document is that of a sub-process whose parent is finished or gone, or does not wait for it any more:
    /// nobody will ever end it.
    private func isOrphan(_ document: StoredDocument, _ processID: String) async throws -> Bool {
        guard let parent = (try? StateReader.shell(document, of: processID))?.parent else { return false }
        guard let above = try await available({ try await $0.load(.state(processID: parent)) }) else { return true }
        guard let state = try? StateReader.shell(above, of: parent) else { return false }
        let isAwaited = state.steps.contains { step in
            (step.items?.states ?? [step]).contains { $0.execution.key == processID && !$0.status.isSettled }
        }
        if state.status.isFinished || !isAwaited { return true }
        return try await isOrphan(above, parent)
    }

    /// A state that cannot be read claims whatever it may claim: it may be mended.
    private static func claims(_ share: LockShare, _ lock: String, _ document: StoredDocument) -> Bool {
        guard let state = try? StateReader.shell(document, of: share.process) else { return true }
        guard !state.status.isFinished else { return false }
        return state.locks.contains { $0.lock == lock && LockShare(share.process, $0) == share }
    }

    // MARK: Documents

    private func record(_ lock: String) async throws -> (record: LockRecord, digest: String)? {
        guard let document = try await available({ try await $0.load(.lock(name: lock)) }) else { return nil }
        // What cannot be read is nobody's work; it is replaced.
        return ((try? LockRecord(parsing: document.bytes)) ?? LockRecord(), document.digest)
    }

    private func change<Result: Sendable>(
        _ lock: String,
        _ change: (inout LockRecord) -> Result
    ) async throws -> Result {
        while true {
            let stored = try await record(lock)
            var record = stored?.record ?? LockRecord()
            let result = change(&record)
            guard record != stored?.record ?? LockRecord() else { return result }
            let document = StoredDocument(record.json().serialized())
            let outcome = try await available { store in
                if let stored {
                    return try await store.commit(
                        .lock(name: lock),
                        document,
                        replacing: stored.digest,
                        timeToLive: Self.timeToLive
                    )
                }
                return try await store.create(.lock(name: lock), document, timeToLive: Self.timeToLive)
            }
            // After a lost reply the next look finds the change made.
            if outcome == .committed { return result }
        }
    }

    private func available<Result: Sendable>(
        _ request: (any DocumentStore) async throws -> Result
    ) async throws -> Result {
        while true {
            do { return try await request(store) } catch is StoreUnavailable {
                try await time.sleep(for: Self.pollInterval)
            }
        }
    }

    // MARK: Waiting

    private func sleep(_ lock: String) async throws {
        let (stream, continuation) = AsyncStream<Void>.makeStream()
        waiters.withLock { $0[lock, default: []].append(continuation) }
        try await withThrowingTaskGroup(of: Void.self) { group in
            defer { group.cancelAll() }
            group.addTask { for await _ in stream {} }
            group.addTask { [time] in try await time.sleep(for: Self.pollInterval) }
            try await group.next()
        }
        try Task.checkCancellation()
    }

    private func wake(_ lock: String) {
        for waiter in waiters.withLock({ $0.removeValue(forKey: lock) }) ?? [] { waiter.finish() }
    }
}
