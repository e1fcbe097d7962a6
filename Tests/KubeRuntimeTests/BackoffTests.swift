import Testing

@testable import KubeRuntime

@Suite struct BackoffTests {
    @Test func `delays double up to the limit and begin anew after a success`() {
        var backoff = Backoff(initial: .seconds(1), maximum: .seconds(5), jitter: 0)
        #expect((0..<4).map { _ in backoff.next() } == [.seconds(1), .seconds(2), .seconds(4), .seconds(5)])
        backoff.reset()
        #expect(backoff.next() == .seconds(1))
    }

    @Test(arguments: [(0.0, Duration.seconds(4)), (0.5, .seconds(5)), (1.0, .seconds(6))])
    func `jitter lengthens a delay by its share at most`(spread: Double, expected: Duration) {
        let backoff = Backoff(initial: .seconds(1), maximum: .seconds(60), jitter: 0.5)
        #expect(backoff.delay(attempt: 2, spread: spread) == expected)
        for _ in 0..<100 { #expect((.seconds(4) ... .seconds(6)).contains(backoff.delay(attempt: 2))) }
    }

    @Test func `a thousand failures in a row wait no longer than the limit`() {
        #expect(Backoff.workQueue.delay(attempt: 1000, spread: 0) == .seconds(60))
        #expect(Backoff.reflector.delay(attempt: .max, spread: 1) == .seconds(60))
    }
}
