internal import Synchronization

/// Documents in this process's memory: for one replica, lost when it ends.
public final class InMemoryDocumentStore: DocumentStore {
    private struct Entry {
        let document: StoredDocument
        var expiresAt: Duration
    }

    private struct State {
        var entries: [DocumentKey: Entry] = [:]
        /// When there are so many entries, the expired ones are removed: half the count after the last removal at least
        /// is new then, so that removal costs little per entry.
        var sweepAt = 1024

        mutating func live(_ key: DocumentKey, now: Duration) -> Entry? {
            guard let entry = entries[key] else { return nil }
            if entry.expiresAt > now { return entry }
            entries[key] = nil
            return nil
        }

        mutating func sweep(now: Duration) {
            guard entries.count >= sweepAt else { return }
            entries = entries.filter { $0.value.expiresAt > now }
            sweepAt = max(1024, entries.count * 2)
        }
    }

    private let time: TimeSource
    private let state = Mutex(State())

    /// An empty store.
    /// - Parameter time: decides when documents expire.
    public init(time: TimeSource = .system) { self.time = time }

    /// `memory`
    public var name: String { "memory" }

    /// No.
    public var isDurable: Bool { false }

    /// The document, unless it has expired.
    public func load(_ key: DocumentKey) -> StoredDocument? {
        let now = time.now
        return state.withLock { $0.live(key, now: now)?.document }
    }

    /// Stores a document where there is none.
    public func create(_ key: DocumentKey, _ document: StoredDocument, timeToLive: Duration) -> CommitResult {
        let now = time.now
        return state.withLock { state in
            guard state.live(key, now: now) == nil else { return .conflict }
            state.sweep(now: now)
            state.entries[key] = Entry(document: document, expiresAt: now + timeToLive)
            return .committed
        }
    }

    /// Replaces the document whose digest is `previous`.
    public func commit(
        _ key: DocumentKey,
        _ document: StoredDocument,
        replacing previous: String,
        timeToLive: Duration
    ) -> CommitResult {
        let now = time.now
        return state.withLock { state in
            guard let stored = state.live(key, now: now) else { return .missing }
            guard stored.document.digest == previous else { return .conflict }
            state.entries[key] = Entry(document: document, expiresAt: now + timeToLive)
            return .committed
        }
    }

    /// All that has not expired, with the time that is left to it.
    public var contents: [(key: DocumentKey, document: StoredDocument, timeToLive: Duration)] {
        let now = time.now
        return state.withLock { state in
            state.entries.filter { $0.value.expiresAt > now }.map {
                ($0.key, $0.value.document, $0.value.expiresAt - now)
            }
        }
    }

    /// Gives documents another time to live.
    public func renew(_ keys: [DocumentKey], timeToLive: Duration) {
        let now = time.now
        state.withLock { state in
            for key in keys where state.live(key, now: now) != nil {
                state.entries[key]?.expiresAt = now + timeToLive
            }
        }
    }

    /// Removes documents.
    public func delete(_ keys: [DocumentKey]) {
        state.withLock { state in
            for key in keys { state.entries[key] = nil }
        }
    }
}
