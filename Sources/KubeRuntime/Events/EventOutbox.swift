internal import DequeModule

/// Events that wait to be sent, in order for each object. Pure.
struct EventOutbox {
    struct Letter: Sendable {
        let event: RecordedEvent
        var series: EventSeries
        /// Whether the API server has not seen the event yet, as far as is known.
        let isNew: Bool
        /// How often sending was tried.
        var attempts = 0
        var isBeingSent = false
    }

    /// What became of a letter.
    enum Posting: Equatable {
        /// It waits. The first of its object needs somebody to send it; others follow that one.
        case queued(isFirst: Bool)
        /// One about the same event waits already and now says the newer thing.
        case merged
        /// There is no room.
        case full
    }

    private let capacity: Int
    private var lanes: [EventObject: Deque<Letter>] = [:]
    private(set) var count = 0

    init(capacity: Int) { self.capacity = capacity }

    /// The objects with events that wait.
    var objects: [EventObject] { Array(lanes.keys) }

    mutating func post(_ event: RecordedEvent, _ series: EventSeries) -> Posting {
        let object = event.object
        let waiting = lanes[object]?.firstIndex { $0.series.name == series.name && !$0.isBeingSent }
        if let waiting {
            lanes[object]?[waiting].series = series
            return .merged
        }
        guard count < capacity else { return .full }
        count += 1
        let isFirst = lanes[object] == nil
        lanes[object, default: []].append(Letter(event: event, series: series, isNew: series.count == 1))
        return .queued(isFirst: isFirst)
    }

    /// The first letter about an object, to be sent; it stays until `remove(_:)` or `keep(_:)`.
    mutating func begin(_ object: EventObject) -> Letter? {
        lanes[object]?[0].isBeingSent = true
        lanes[object]?[0].attempts += 1
        return lanes[object]?.first
    }

    /// Sending the first letter about an object failed, and is to be tried again.
    mutating func keep(_ object: EventObject) { lanes[object]?[0].isBeingSent = false }

    /// The first letter about an object was sent, or given up.
    /// - Returns: whether there are more about it.
    mutating func remove(_ object: EventObject) -> Bool {
        guard var lane = lanes.removeValue(forKey: object), !lane.isEmpty else { return false }
        lane.removeFirst()
        count -= 1
        guard !lane.isEmpty else { return false }
        lanes[object] = lane
        return true
    }

    /// Drops everything.
    mutating func removeAll() { self = EventOutbox(capacity: capacity) }
}
