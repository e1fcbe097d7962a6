internal import KubeClient

/// Keeps many events from becoming many requests, as client-go does (`tools/record/events_cache.go`). Pure.
///
/// 1. Of similar events (same object, severity and reason), the first nine messages within ten minutes are events of
///    their own. From the tenth on they become one event, which says so and shows the latest message. Ten minutes
///    without a similar event end that.
/// 2. An event equal to a remembered one raises that one's count.
/// 3. Of one object's events 25 get through at once, and then one in five minutes. Counts go on meanwhile, so that the
///    next to get through tells all.
///
/// Of each it remembers the 4096 used last, and no more.
struct EventCorrelator<Instant: InstantProtocol> where Instant.Duration == Duration {
    /// With so many different messages similar events are combined.
    static var combinedFrom: Int { 10 }
    /// After so long without a similar event they are told apart again.
    static var similarityInterval: Duration { .seconds(600) }
    /// So many events of one object get through at once.
    static var burst: Int { 25 }
    /// One more gets through in this time.
    static var refillInterval: Duration { .seconds(300) }
    /// How many of each are remembered.
    static var capacity: Int { 4096 }
    /// What a combined event's message begins with.
    static var combinedPrefix: String { "(combined from similar events): " }

    struct SimilarKey: Hashable {
        let object: EventObject
        let severity: EventRecorder.Severity
        let reason: String
    }

    struct SeriesKey: Hashable {
        let similar: SimilarKey
        /// nil for the combined event.
        let message: String?
    }

    private struct Similar {
        var messages: Set<String> = []
        var last: Instant
    }

    private var similar = LRUCache<SimilarKey, Similar>(capacity: Self.capacity)
    private var series = LRUCache<SeriesKey, EventSeries?>(capacity: Self.capacity)
    private var buckets = LRUCache<EventObject, TokenBucket<Instant>>(capacity: Self.capacity)

    /// - Returns: the event on the API server that shall be made (a count of 1) or brought up to date; nil when there have
    ///   been too many of this object.
    mutating func correlate(_ event: RecordedEvent, at now: Instant) -> EventSeries? {
        let key = SimilarKey(object: event.object, severity: event.severity, reason: event.reason)
        let message = EventSeries.limited(event.message)
        let isCombined = similar.use(key, initial: Similar(last: now)) { similar in
            if similar.last.duration(to: now) > Self.similarityInterval { similar.messages = [] }
            similar.last = now
            guard !similar.messages.contains(message) else { return false }
            guard similar.messages.count + 1 < Self.combinedFrom else { return true }
            similar.messages.insert(message)
            return false
        }
        let shown = isCombined ? EventSeries.limited(Self.combinedPrefix + message) : message
        let counted = series.use(SeriesKey(similar: key, message: isCombined ? nil : message), initial: nil) { series in
            var counted =
                series
                ?? EventSeries(
                    name: EventSeries.name(for: event.object),
                    count: 0,
                    first: event.time,
                    last: event.time,
                    message: shown
                )
            counted.count += 1
            counted.last = event.time
            counted.message = shown
            series = counted
            return counted
        }
        let bucket = TokenBucket(interval: Self.refillInterval, burst: Self.burst, at: now)
        let passes = buckets.use(event.object, initial: bucket) { $0.take(at: now) }
        return passes ? counted : nil
    }
}
