internal import JSON
internal import Synchronization

/// A history in this process's memory.
public final class InMemoryProcessHistory: ProcessHistory {
    private let retention: Duration
    /// The latest last.
    private let known = Mutex<[HistoryEntry]>([])

    /// An empty one.
    public init(retention: Duration = HistoryRetention.default) { self.retention = retention }

    /// Adds an entry.
    public func record(_ entry: HistoryEntry) {
        known.withLock { known in
            // Nearly always the last.
            let place = known.lastIndex { $0.position <= entry.position }.map { $0 + 1 } ?? 0
            known.insert(entry, at: place)
            let oldest = entry.endTime.advanced(by: .zero - retention)
            let expired = known.prefix { $0.endTime < oldest }.count
            known.removeFirst(max(expired, known.count - HistoryRetention.maximumEntries))
        }
    }

    /// The entries that a query asks for.
    public func entries(_ query: HistoryQuery) -> [HistoryEntry] {
        known.withLock { known in
            var found: [HistoryEntry] = []
            for entry in known.reversed() where query.includes(entry) {
                guard found.count < query.limit else { break }
                found.append(entry)
            }
            return found
        }
    }

    /// Forgets all runs of a process.
    public func remove(processID: String) {
        known.withLock { $0.removeAll { $0.processId == processID } }
    }
}
