internal import Synchronization
public import Workflows

/// Keeps documents in memory until a durable store can be reached for the first time, then moves them there and works
/// on it from then on.
///
/// There is no way back: a durable store that is lost later is waited for, because two stores for one process would be
/// two truths.
public final class FallbackDocumentStore: DocumentStore {
    private enum Phase {
        /// Everything is in memory. Moves to `merging`.
        case memory
        /// Nothing is answered. Moves to `durable`, or back to `memory` when the durable store fails.
        case merging
        case durable
    }

    private let memory: InMemoryDocumentStore
    private let durable: any DocumentStore
    private let phase = Mutex(Phase.memory)

    /// A store that works in memory.
    public init(memory: InMemoryDocumentStore = InMemoryDocumentStore(), durable: any DocumentStore) {
        self.memory = memory
        self.durable = durable
    }

    /// That of the store in use.
    public var name: String { isInMemory ? memory.name : durable.name }

    /// Whether the store in use is.
    public var isDurable: Bool { !isInMemory }

    private var isInMemory: Bool {
        phase.withLock { phase in
            switch phase {
            case .memory, .merging: true
            case .durable: false
            }
        }
    }

    /// What became of the documents in memory.
    public struct Merge: Sendable, Hashable {
        /// Documents that are in the durable store now.
        public var moved = 0
        /// States of processes whose durable state is as new or newer; what was in memory is given up.
        public var outranked: [String] = []
    }

    /// Moves everything to the durable store and works on it from then on. Whoever asks for a document meanwhile is told
    /// that the store does not answer, and asks again.
    ///
    /// A process that both stores know goes on from the state of the later owner, and of one owner from the later version.
    /// - Throws: what the durable store throws; everything stays in memory then, and the merge can be tried again.
    public func merge() async throws -> Merge {
        phase.withLock { $0 = .merging }
        do {
            var merge = Merge()
            // States last: they refer to the rest.
            for (key, document, timeToLive) in memory.contents.sorted(by: { !$0.key.isState && $1.key.isState }) {
                switch key {
                case .state(let id):
                    do {
                        if try await moveState(id, document, timeToLive) {
                            merge.moved += 1
                        } else {
                            merge.outranked.append(id)
                        }
                    } catch is InvalidState {
                        // Something else is at its key; its owner will say so.
                        merge.outranked.append(id)
                    }
                case .part, .lock, .memo, .inbox, .doorbell:
                    // Equal parts have equal keys. A lock that others know already is granted anew by its claims.
                    _ = try await durable.create(key, document, timeToLive: timeToLive)
                    merge.moved += 1
                case .heartbeat, .replicas: break
                }
            }
            phase.withLock { $0 = .durable }
            return merge
        } catch {
            phase.withLock { $0 = .memory }
            throw error
        }
    }

    /// False when the durable store has a state that is as new.
    private func moveState(_ id: String, _ document: StoredDocument, _ timeToLive: Duration) async throws -> Bool {
        let key = DocumentKey.state(processID: id)
        while true {
            if try await durable.create(key, document, timeToLive: timeToLive) == .committed { return true }
            guard let stored = try await durable.load(key) else { continue }
            if stored.digest == document.digest { return true }
            guard let age = StateDocument.age(of: document.bytes, processID: id),
                StateDocument.age(of: stored.bytes, processID: id).map({ $0 < age }) ?? true
            else { return false }
            if try await durable.commit(key, document, replacing: stored.digest, timeToLive: timeToLive) == .committed {
                return true
            }
        }
    }

    private func current() throws(StoreUnavailable) -> any DocumentStore {
        switch phase.withLock({ $0 }) {
        case .memory: return memory
        case .merging: throw StoreUnavailable("the documents in memory are being moved to \(durable.name)")
        case .durable: return durable
        }
    }

    /// See `DocumentStore`.
    public func load(_ key: DocumentKey) async throws -> StoredDocument? { try await current().load(key) }

    /// See `DocumentStore`.
    public func create(
        _ key: DocumentKey,
        _ document: StoredDocument,
        timeToLive: Duration
    ) async throws -> CommitResult {
        try await current().create(key, document, timeToLive: timeToLive)
    }

    /// See `DocumentStore`.
    public func commit(
        _ key: DocumentKey,
        _ document: StoredDocument,
        replacing previous: String,
        timeToLive: Duration
    ) async throws -> CommitResult {
        try await current().commit(key, document, replacing: previous, timeToLive: timeToLive)
    }

    /// See `DocumentStore`.
    public func renew(_ keys: [DocumentKey], timeToLive: Duration) async throws {
        try await current().renew(keys, timeToLive: timeToLive)
    }

    /// See `DocumentStore`.
    public func delete(_ keys: [DocumentKey]) async throws { try await current().delete(keys) }
}

extension DocumentKey {
    fileprivate var isState: Bool { if case .state = self { true } else { false } }
}
