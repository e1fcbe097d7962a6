public import JSON

/// Where the engine gets time from: a monotonic clock for everything it measures, the wall clock for display.
public struct TimeSource: Sendable {
    private let elapsed: @Sendable () -> Duration
    private let wait: @Sendable (Duration) async throws -> Void
    private let wall: @Sendable () -> Timestamp

    /// Time as a clock tells it.
    /// - Parameters:
    ///   - clock: measures and sleeps.
    ///   - wallTime: what documents show.
    public init<C: Clock<Duration>>(
        _ clock: C,
        wallTime: @escaping @Sendable () -> Timestamp = { .now }
    ) {
        let start = clock.now
        elapsed = { start.duration(to: clock.now) }
        wait = { try await clock.sleep(until: clock.now.advanced(by: $0), tolerance: nil) }
        wall = wallTime
    }

    /// The machine's own clocks.
    public static var system: TimeSource { TimeSource(ContinuousClock()) }

    /// Monotonic, from an arbitrary beginning.
    public var now: Duration { elapsed() }

    /// For display only.
    public var wallTime: Timestamp { wall() }

    /// Waits; throws `CancellationError` as soon as the task is cancelled.
    public func sleep(for duration: Duration) async throws {
        if duration > .zero { try await wait(duration) }
    }
}
