internal import Synchronization

/// State documents in this process's memory: for one replica, lost when it ends.
public final class InMemoryProcessStateStore: ProcessStateStore {
    private struct Entry {
        let document: StateDocument
        let expiresAt: Duration
    }

    private struct State {
        var entries: [String: Entry] = [:]
        /// When there are so many entries, the expired ones are removed: half the count after the last removal at least
        /// is new then, so that removal costs little per entry.
        var sweepAt = 1024

        mutating func live(_ processID: String, now: Duration) -> Entry? {
            guard let entry = entries[processID] else { return nil }
            if entry.expiresAt > now { return entry }
            entries[processID] = nil
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
    public func load(_ processID: String) -> StateDocument? {
        let now = time.now
        return state.withLock { $0.live(processID, now: now)?.document }
    }

    /// Stores the first document of a process.
    public func create(_ processID: String, _ document: StateDocument, timeToLive: Duration) -> CommitResult {
        let now = time.now
        return state.withLock { state in
            guard state.live(processID, now: now) == nil else { return .conflict }
            state.sweep(now: now)
            state.entries[processID] = Entry(document: document, expiresAt: now + timeToLive)
            return .committed
        }
    }

    /// Replaces the document whose digest is `previous`.
    public func commit(
        _ processID: String,
        _ document: StateDocument,
        replacing previous: String,
        timeToLive: Duration
    ) -> CommitResult {
        let now = time.now
        return state.withLock { state in
            guard let stored = state.live(processID, now: now) else { return .missing }
            guard stored.document.digest == previous else { return .conflict }
            state.entries[processID] = Entry(document: document, expiresAt: now + timeToLive)
            return .committed
        }
    }

    /// Removes the document.
    public func delete(_ processID: String) {
        state.withLock { _ = $0.entries.removeValue(forKey: processID) }
    }
}
