/// The time between two tries of a command that was not executed: doubling from 5 ms to 200 ms, spread at random.
struct RetryPause {
    private static let first: Duration = .milliseconds(5)
    private static let longest: Duration = .milliseconds(200)

    private var count = 0

    /// Waits, or throws the error if there is no time left for another try.
    mutating func wait(until deadline: ContinuousClock.Instant, orThrow error: RedisError) async throws(RedisError) {
        let time = min(Self.longest, Self.first * (1 << min(count, 8))) * Double.random(in: 0.5...1)
        count += 1
        guard .now + time < deadline else { throw error }
        do {
            try await Task.sleep(for: time)
        } catch {
            throw .cancelled
        }
    }
}
