import JSON
import KubeClient
import TestClock
import TestEnvironment
import Testing

@testable import KubeRuntime

/// Which events become which requests, without any.
@Suite(.timeLimit(.minutes(4))) struct EventCorrelatorTests {
    private let clock = ManualClock()

    private func object(_ name: String) -> EventObject {
        EventObject(
            ObjectMeta(name: name, namespace: "shop"),
            of: APIResource(version: "v1", kind: "Pod", plural: "pods")
        )
    }

    private func event(_ message: String, reason: String = "Failed", about name: String = "web") -> RecordedEvent {
        RecordedEvent(
            object: object(name),
            severity: .warning,
            reason: reason,
            message: message,
            time: Timestamp(seconds: 100)
        )
    }

    private func correlate(
        _ correlator: inout EventCorrelator<ManualClock.Instant>,
        _ event: RecordedEvent
    ) -> EventSeries? {
        correlator.correlate(event, at: clock.now)
    }

    @Test func `equal events are one, counted, with the first and the last time`() throws {
        var correlator = EventCorrelator<ManualClock.Instant>()
        let first = try #require(correlate(&correlator, event("no image")))
        var later = event("no image")
        later = RecordedEvent(
            object: later.object,
            severity: later.severity,
            reason: later.reason,
            message: later.message,
            time: Timestamp(seconds: 500)
        )
        clock.advance(by: .seconds(4000))
        let second = try #require(correlate(&correlator, later))
        #expect(first.count == 1)
        #expect(second.count == 2)
        #expect(second.name == first.name)
        #expect(second.first == Timestamp(seconds: 100))
        #expect(second.last == Timestamp(seconds: 500))
    }

    @Test func `events of other objects, reasons and messages are others`() {
        var correlator = EventCorrelator<ManualClock.Instant>()
        let names = [event("a"), event("b"), event("a", reason: "Slow"), event("a", about: "db")].map {
            correlate(&correlator, $0)?.name
        }
        #expect(Set(names).count == 4)
    }

    @Test func `the tenth message and those after it are combined, those before go on by themselves`() {
        var correlator = EventCorrelator<ManualClock.Instant>()
        let single = (1...9).compactMap { correlate(&correlator, event("attempt \($0)")) }
        #expect(Set(single.map(\.name)).count == 9)
        let combined = (10...14).compactMap { correlate(&correlator, event("attempt \($0)")) }
        #expect(combined.map(\.count) == [1, 2, 3, 4, 5])
        #expect(Set(combined.map(\.name)).count == 1)
        #expect(combined.last?.message == "(combined from similar events): attempt 14")
        #expect(correlate(&correlator, event("attempt 1"))?.count == 2)
    }

    @Test(arguments: [(600, true), (601, false)])
    func `ten minutes without a similar event end the combining`(seconds: Int, isCombined: Bool) {
        var correlator = EventCorrelator<ManualClock.Instant>()
        for number in 1...10 { _ = correlate(&correlator, event("attempt \(number)")) }
        clock.advance(by: .seconds(seconds))
        let next = correlate(&correlator, event("attempt 11"))
        #expect(next?.message == (isCombined ? "(combined from similar events): attempt 11" : "attempt 11"))
    }

    @Test func `of one object 25 get through and then one in five minutes, which tells the whole count`() {
        var correlator = EventCorrelator<ManualClock.Instant>()
        let passed = (0..<100).compactMap { _ in correlate(&correlator, event("no image")) }
        #expect(passed.map(\.count) == Array(1...25))
        #expect(correlate(&correlator, event("no image", about: "db")) != nil)
        clock.advance(by: .seconds(299))
        #expect(correlate(&correlator, event("no image")) == nil)
        clock.advance(by: .seconds(1))
        #expect(correlate(&correlator, event("no image"))?.count == 102)
        #expect(correlate(&correlator, event("no image")) == nil)
    }

    @Test func `what was not used for the longest time is forgotten when there is too much to remember`() {
        var correlator = EventCorrelator<ManualClock.Instant>()
        for number in 0..<4096 { _ = correlate(&correlator, event("no image", about: "pod-\(number)")) }
        #expect(correlate(&correlator, event("no image", about: "pod-0"))?.count == 2)
        _ = correlate(&correlator, event("no image", about: "another"))
        #expect(correlate(&correlator, event("no image", about: "pod-0"))?.count == 3)
        #expect(correlate(&correlator, event("no image", about: "pod-1"))?.count == 1)
    }

    @Test func `a message is cut at 1024 bytes, between characters`() {
        #expect(EventSeries.limited(String(repeating: "a", count: 1024)).utf8.count == 1024)
        #expect(EventSeries.limited(String(repeating: "a", count: 1025)).utf8.count == 1024)
        let cut = EventSeries.limited("a" + String(repeating: "é", count: 1000))
        #expect(cut == "a" + String(repeating: "é", count: 511))
    }

    @Test(arguments: [
        ("web", "web.ff"), ("web.v1", "web.v1.ff"), ("system:node", "event.ff"), ("Web", "event.ff"),
        ("a..b", "event.ff"),
        (String(repeating: "a", count: 253), String(repeating: "a", count: 250) + ".ff"),
        (String(repeating: "a", count: 249) + "-bcd", String(repeating: "a", count: 249) + ".ff"),
    ])
    func `an event is named after its object as far as the rules for names allow`(object: String, expected: String) {
        #expect(EventSeries.name(for: self.object(object), suffix: 255) == expected)
    }
}
