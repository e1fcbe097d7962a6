import Testing

@testable import KubeClient

@Suite struct TokenBucketTests {
    private let start = ContinuousClock.now

    @Test func `a burst goes at once and what follows is spaced`() {
        var bucket = TokenBucket(interval: .milliseconds(200), burst: 3, at: start)
        let waits = (0..<6).map { _ in bucket.reserve(at: start) }
        #expect(waits == [.zero, .zero, .zero, .milliseconds(200), .milliseconds(400), .milliseconds(600)])
    }

    @Test func `tokens come back one by one, and no more than the burst`() {
        var bucket = TokenBucket(interval: .seconds(1), burst: 2, at: start)
        let first = (0..<2).map { _ in bucket.reserve(at: start) }
        #expect(first == [.zero, .zero])
        #expect(bucket.reserve(at: start + .milliseconds(400)) == .milliseconds(600))
        // Much later it is full, and holds two.
        let later = (0..<3).map { _ in bucket.reserve(at: start + .seconds(1000)) }
        #expect(later == [.zero, .zero, .seconds(1)])
    }

    @Test func `taking is only of tokens that are there`() {
        var bucket = TokenBucket(interval: .seconds(1), burst: 1, at: start + .seconds(5))
        let times: [Duration] = [.seconds(5), .milliseconds(5999), .seconds(6)]
        let taken = times.map { bucket.take(at: start + $0) }
        #expect(taken == [true, false, true])
    }
}
