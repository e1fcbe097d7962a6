import Testing

@testable import HTTPTransport

struct TransferClockTests {
    let start = ContinuousClock.now

    func at(_ seconds: Double) -> ContinuousClock.Instant {
        start.advanced(by: .seconds(seconds))
    }

    @Test func `without limits there is nothing to wait for`() {
        let clock = TransferClock(timeout: nil, idleTimeout: nil, started: start)
        #expect(clock.due == nil)
        #expect(clock.overdue(at: at(1e6)) == nil)
        #expect(!clock.watchesBytes)
    }

    @Test func `the total timeout counts from the start, whatever arrives`() {
        var clock = TransferClock(timeout: .seconds(10), idleTimeout: nil, started: start)
        clock.received(at: at(9))
        #expect(clock.due == at(10))
        #expect(clock.overdue(at: at(9.999)) == nil)
        #expect(clock.overdue(at: at(10))?.code == .timedOut)
    }

    @Test func `each byte restarts the idle clock`() {
        var clock = TransferClock(timeout: nil, idleTimeout: .seconds(10), started: start)
        #expect(clock.due == at(10))
        for second in stride(from: 9.0, through: 90, by: 9) {
            #expect(clock.overdue(at: at(second)) == nil)
            clock.received(at: at(second))
        }
        #expect(clock.due == at(100))
        #expect(clock.overdue(at: at(99.999)) == nil)
        #expect(clock.overdue(at: at(100))?.code == .idle)
    }

    @Test func `the idle clock stands still while the reader is too slow`() {
        var clock = TransferClock(timeout: nil, idleTimeout: .seconds(10), started: start)
        clock.received(at: at(5))
        clock.pause()
        #expect(clock.due == nil)
        #expect(clock.overdue(at: at(1000)) == nil)
        clock.resume(at: at(1000))
        #expect(clock.due == at(1010))
        #expect(clock.overdue(at: at(1010))?.code == .idle)
    }

    @Test func `the total timeout does not stand still`() {
        var clock = TransferClock(timeout: .seconds(20), idleTimeout: .seconds(10), started: start)
        clock.pause()
        #expect(clock.due == at(20))
        #expect(clock.overdue(at: at(20))?.code == .timedOut)
    }

    @Test func `the earlier limit is due first`() {
        var clock = TransferClock(timeout: .seconds(15), idleTimeout: .seconds(10), started: start)
        #expect(clock.due == at(10))
        clock.received(at: at(8))
        #expect(clock.due == at(15))
        #expect(clock.overdue(at: at(15))?.code == .timedOut)
    }

    @Test(arguments: [
        (Duration.nanoseconds(1), 1), (.milliseconds(1), 1), (.microseconds(1001), 2), (.seconds(2), 2000),
    ])
    func `timers are rounded up`(duration: Duration, milliseconds: Int) {
        #expect(duration.milliseconds == Int64(milliseconds))
    }

    @Test func `endless durations do not overflow`() {
        #expect(Duration.seconds(Int64.max).milliseconds == .max)
    }
}
