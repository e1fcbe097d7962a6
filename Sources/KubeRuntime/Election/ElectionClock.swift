/// A clock as time since the elector was made, so that one kind of number serves every clock.
struct ElectionClock: Sendable {
    /// Time since the beginning.
    let now: @Sendable () -> Duration
    /// Sleeps until then, or throws when the task is cancelled.
    let sleep: @Sendable (_ until: Duration) async throws -> Void

    init<C: Clock>(_ clock: C) where C.Duration == Duration {
        let beginning = clock.now
        now = { beginning.duration(to: clock.now) }
        sleep = { try await clock.sleep(until: beginning.advanced(by: $0), tolerance: nil) }
    }
}
