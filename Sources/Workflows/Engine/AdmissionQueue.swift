/// Processes that wait for one of the engine's slots.
///
/// What has run before goes first, because it may hold what others wait for. Then the highest priority; of those the
/// namespace that has the fewest running, and there whoever came first. Every tenth turn goes to the oldest of all, so
/// that nobody waits for ever.
struct AdmissionQueue<Element: Sendable>: Sendable {
    private struct Entry {
        let element: Element
        let id: String
        let namespace: String
        let priority: Int
        let order: Int
        let isRecovery: Bool
    }

    private var entries: [Entry] = []
    private var order = 0
    private var turns = 0
    private static var turnOfTheOldest: Int { 10 }

    var count: Int { entries.count }
    /// How many wait that have never run.
    private(set) var newCount = 0

    mutating func add(_ element: Element, id: String, namespace: String, priority: Int, isRecovery: Bool) {
        order += 1
        if !isRecovery { newCount += 1 }
        entries.append(
            Entry(
                element: element,
                id: id,
                namespace: namespace,
                priority: priority,
                order: order,
                isRecovery: isRecovery
            )
        )
    }

    /// Takes the next one.
    /// - Parameter active: how many of a namespace are running.
    mutating func next(active: [String: Int]) -> Element? {
        guard !entries.isEmpty else { return nil }
        turns += 1
        let isForTheOldest = turns % Self.turnOfTheOldest == 0
        // As a buffer, because looking at an entry in an array copies it, and there may be thousands.
        let place = entries.withUnsafeBufferPointer { entries in
            var best = (place: 0, rank: (Int.max, Int.max, Int.max, Int.max))
            for place in entries.indices {
                let recovery = entries[place].isRecovery ? 0 : 1
                let rank =
                    isForTheOldest
                    ? (recovery, 0, 0, entries[place].order)
                    : (
                        recovery, ~entries[place].priority, active[entries[place].namespace] ?? 0,
                        entries[place].order
                    )
                if rank < best.rank { best = (place, rank) }
            }
            return best.place
        }
        return remove(at: place)
    }

    /// Takes a certain one out.
    mutating func remove(id: String) -> Element? { entries.firstIndex { $0.id == id }.map { remove(at: $0) } }

    private mutating func remove(at place: Int) -> Element {
        let entry = entries.remove(at: place)
        if !entry.isRecovery { newCount -= 1 }
        return entry.element
    }
}
