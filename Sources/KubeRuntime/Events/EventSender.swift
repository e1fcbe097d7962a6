internal import KubeClient
internal import Logging
internal import Metrics
internal import Synchronization

/// What stands behind an `EventRecorder`, whatever clock it has.
protocol EventSink: Sendable {
    func record(_ event: RecordedEvent)
    func finish()
    func run() async
}

/// Sends events in the background: those of one object in order, those of up to four objects at once.
final class EventSender<C: Clock<Duration>>: EventSink {
    /// How many events wait at most (client-go `tools/record/event.go`, as the next two).
    static var capacity: Int { 1000 }
    /// After so many failures an event is given up.
    static var attempts: Int { 12 }
    /// Between two attempts, and up to a fifth more by chance; the first delay is anything up to this, so that what has
    /// been recorded while an API server was away does not reach it all at once.
    static var retryDelay: Duration { .seconds(10) }
    /// Between two attempts when there is not much time left.
    static var lastRetryDelay: Duration { .seconds(1) }
    /// How long `run()` goes on after `finish()`.
    static var finishLimit: Duration { .seconds(5) }
    /// So many requests are under way at once.
    static var concurrency: Int { 4 }

    private struct State {
        var correlator = EventCorrelator<C.Instant>()
        var outbox = EventOutbox(capacity: EventSender.capacity)
        var isFinishing = false
        /// Whether somebody has been told that events are dropped; until the outbox is empty once.
        var hasWarned = false
    }

    private enum Drop: String, CaseIterable {
        case tooManyOfOneObject = "spam"
        case outboxFull = "full"
        case undeliverable
    }

    private let clock: C
    private let logger: Logger
    private let send: @Sendable (EventOutbox.Letter) async throws -> Void
    private let sent: Counter
    private let dropped: [Drop: Counter]
    private let state = Mutex(State())
    /// The objects with events that wait to be sent.
    private let queue: WorkQueue<EventObject, C>
    private let finished: AsyncStream<Never>
    private let finishing: AsyncStream<Never>.Continuation

    init(
        clock: C,
        component: String,
        logger: Logger,
        metrics: any MetricsFactory,
        send: @escaping @Sendable (EventOutbox.Letter) async throws -> Void
    ) {
        self.clock = clock
        self.logger = logger
        self.send = send
        let labels = [("component", component)]
        sent = Counter(label: "event_recorder_sent_total", dimensions: labels, factory: metrics)
        let counters = Drop.allCases.map { drop in
            let labels = labels + [("reason", drop.rawValue)]
            return (drop, Counter(label: "event_recorder_dropped_total", dimensions: labels, factory: metrics))
        }
        dropped = Dictionary(uniqueKeysWithValues: counters)
        queue = WorkQueue(clock: clock, group: { $0.eventNamespace })
        (finished, finishing) = AsyncStream.makeStream()
    }

    func record(_ event: RecordedEvent) {
        let now = clock.now
        let (drop, isFirst, warns) = state.withLock { state -> (Drop?, Bool, Bool) in
            guard !state.isFinishing else { return (nil, false, false) }
            guard let series = state.correlator.correlate(event, at: now) else {
                return (.tooManyOfOneObject, false, false)
            }
            switch state.outbox.post(event, series) {
            case .queued(let isFirst): return (nil, isFirst, false)
            case .merged: return (nil, false, false)
            case .full:
                defer { state.hasWarned = true }
                return (.outboxFull, false, !state.hasWarned)
            }
        }
        if isFirst { queue.add(event.object) }
        if let drop { dropped[drop]?.increment() }
        if warns {
            logger.warning(
                "events are dropped until those that wait to be sent are fewer; is the API server away?",
                metadata: ["events.waiting": "\(Self.capacity)"]
            )
        }
    }

    func finish() {
        let objects = state.withLock { state in
            state.isFinishing = true
            return state.outbox.objects
        }
        // Those that wait for another attempt get it now.
        for object in objects { queue.add(object) }
        if objects.isEmpty { queue.shutDown() }
        finishing.finish()
    }

    func run() async {
        await withTaskGroup { group in
            group.addTask { await self.sendAll() }
            group.addTask { [clock, finished] in
                for await _ in finished {}
                try? await clock.sleep(until: clock.now.advanced(by: Self.finishLimit), tolerance: nil)
            }
            await group.next()
            group.cancelAll()
        }
        let left = state.withLock { state in
            defer { state.outbox.removeAll() }
            state.isFinishing = true
            return state.outbox.count
        }
        guard left > 0 else { return }
        dropped[.undeliverable]?.increment(by: left)
        logger.notice("events were not sent before the end", metadata: ["events.count": "\(left)"])
    }

    private func sendAll() async {
        await withDiscardingTaskGroup { group in
            group.addTask { await self.queue.run() }
            await withDiscardingTaskGroup { workers in
                for _ in 0..<Self.concurrency {
                    workers.addTask {
                        while let object = await self.queue.next() {
                            await self.sendFirst(about: object)
                            self.queue.done(object)
                        }
                    }
                }
            }
            group.cancelAll()
        }
    }

    private func sendFirst(about object: EventObject) async {
        guard let letter = state.withLock({ $0.outbox.begin(object) }) else { return }
        do {
            try await send(letter)
            sent.increment()
            remove(object)
        } catch let error as KubeError where error.isRetryable && letter.attempts < Self.attempts {
            let isFinishing = state.withLock { state in
                state.outbox.keep(object)
                return state.isFinishing
            }
            queue.add(object, after: isFinishing ? Self.lastRetryDelay : delay(letter.attempts, error))
        } catch {
            // Cancelled requests are counted with what is left at the end.
            guard !Task.isCancelled else { return state.withLock { $0.outbox.keep(object) } }
            dropped[.undeliverable]?.increment()
            logger.notice(
                "an event was not delivered",
                metadata: [
                    "event.reason": "\(letter.event.reason)", "object.name": "\(object.key)", "reason": "\(error)",
                    "attempts": "\(letter.attempts)",
                ]
            )
            remove(object)
        }
    }

    private func remove(_ object: EventObject) {
        let (hasMore, isFinished) = state.withLock { state in
            let hasMore = state.outbox.remove(object)
            if state.outbox.count == 0 { state.hasWarned = false }
            return (hasMore, state.isFinishing && state.outbox.count == 0)
        }
        if hasMore { queue.add(object) }
        if isFinished { queue.shutDown() }
    }

    /// However long the server asks to wait.
    private static var longestRetryDelay: Duration { .seconds(60) }

    private func delay(_ attempts: Int, _ error: KubeError) -> Duration {
        let delay = Self.retryDelay * (attempts == 1 ? Double.random(in: 0...1) : Double.random(in: 1...1.2))
        return max(delay, min(error.retryAfter ?? .zero, Self.longestRetryDelay))
    }
}
