internal import JSON

/// The two times that credentials go by.
struct ConnectionClock: Sendable {
    /// Since some moment in the past. Never goes back, and goes on while the machine sleeps: for intervals.
    let elapsed: @Sendable () -> Duration
    /// Wall time, which plugins give expirations in.
    let date: @Sendable () -> Timestamp

    /// The system's.
    static var system: ConnectionClock {
        ConnectionClock(elapsed: Self.elapsed(on: ContinuousClock()), date: { .now })
    }

    /// Both by one clock, which shows `date` now.
    init(_ clock: some Clock<Duration>, startingAt date: Timestamp) {
        let elapsed = Self.elapsed(on: clock)
        self.init(elapsed: elapsed, date: { date.advanced(by: elapsed()) })
    }

    private init(elapsed: @escaping @Sendable () -> Duration, date: @escaping @Sendable () -> Timestamp) {
        self.elapsed = elapsed
        self.date = date
    }

    private static func elapsed(on clock: some Clock<Duration>) -> @Sendable () -> Duration {
        let start = clock.now
        return { start.duration(to: clock.now) }
    }
}
