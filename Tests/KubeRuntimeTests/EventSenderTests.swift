import HTTPTransport
import JSON
import Logging
import MetricsTestKit
import Synchronization
import TestEnvironment
import Testing

@testable import KubeClient
@testable import KubeRuntime

/// Order, attempts, limits, with a clock moved by hand and a server that is a closure.
@Suite(.timeLimit(.minutes(4))) struct EventSenderTests {
    private let clock = ManualClock()
    private let metrics = TestMetrics()

    private func sender(_ script: Script) -> EventSender<ManualClock> {
        EventSender(
            clock: clock,
            component: "tests",
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() },
            metrics: metrics,
            send: { try await script.send($0) }
        )
    }

    private func event(_ message: String, about name: String = "web") -> RecordedEvent {
        RecordedEvent(
            object: EventObject(
                ObjectMeta(name: name, namespace: "shop"),
                of: APIResource(version: "v1", kind: "Pod", plural: "pods")
            ),
            severity: .normal,
            reason: "Did",
            message: message,
            time: Timestamp(seconds: 1)
        )
    }

    private func dropped(_ reason: String) -> Int64 {
        metrics.counterTotal(
            label: "event_recorder_dropped_total",
            dimensions: [("component", "tests"), ("reason", reason)]
        )
    }

    @Test func `what was recorded before the end is sent, in order, and then the run ends`() async {
        let script = Script()
        let sender = sender(script)
        for number in 1...9 { sender.record(event("\(number)")) }
        sender.finish()
        sender.record(event("too late"))
        await sender.run()
        #expect(script.messages == (1...9).map(String.init))
        #expect(metrics.counterTotal(label: "event_recorder_sent_total") == 9)
    }

    @Test func `equal events that wait become one request, one that is under way is followed by another`() async {
        let script = Script(holding: true)
        let sender = sender(script)
        let running = Task { await sender.run() }
        sender.record(event("same"))
        await script.waitForAttempts("same", 1)
        for _ in 0..<5 { sender.record(event("same")) }
        script.release()
        sender.finish()
        await running.value
        #expect(script.counts == [1, 6])
    }

    @Test func `an event that the server cannot take is tried twelve times, others are not held up`() async {
        let script = Script(failing: ["never"], with: .serverError(status: 503))
        let sender = sender(script)
        let running = Task { await sender.run() }
        sender.record(event("never"))
        for attempt in 1...12 {
            await script.waitForAttempts("never", attempt)
            sender.record(event("fine \(attempt)", about: "db"))
            await script.waitForMessages(attempt)
            guard attempt < 12 else { break }
            await clock.sleepers(1)
            if attempt > 1 {
                clock.advance(by: .milliseconds(9_900))
                #expect(script.attempts("never") == attempt)
            }
            clock.advance(by: attempt == 1 ? .seconds(10) : .milliseconds(2_200))
        }
        sender.finish()
        await running.value
        #expect(script.attempts("never") == 12)
        #expect(dropped("undeliverable") == 1)
    }

    @Test func `an event that the server refuses is not tried again`() async {
        let script = Script(failing: ["refused"], with: .forbidden)
        let sender = sender(script)
        let running = Task { await sender.run() }
        sender.record(event("refused"))
        sender.record(event("taken"))
        sender.finish()
        await running.value
        #expect(script.attempts("refused") == 1)
        #expect(script.messages == ["taken"])
        #expect(dropped("undeliverable") == 1)
    }

    @Test func `a thousand events wait, more are dropped and counted`() async {
        let script = Script()
        let sender = sender(script)
        for number in 0..<1010 { sender.record(event("happened", about: "pod-\(number)")) }
        #expect(dropped("full") == 10)
        sender.finish()
        await sender.run()
        #expect(script.messages.count == 1000)
    }

    @Test func `after the end is asked for, what waits for another attempt gets it, and five seconds in all`() async {
        let script = Script(failing: ["never"], with: .serverError(status: 503))
        let sender = sender(script)
        async let delivery: Void = sender.run()
        sender.record(event("never"))
        await clock.sleepers(1)
        let start = clock.now
        sender.finish()
        await script.waitForAttempts("never", 2)
        async let _: Void = Self.pass(clock)
        await delivery
        #expect(start.duration(to: clock.now) >= .seconds(5))
        #expect(dropped("undeliverable") == 1)
    }

    /// Lets time pass until the task is cancelled.
    private static func pass(_ clock: ManualClock) async {
        while !Task.isCancelled {
            clock.advance(by: .milliseconds(100))
            try? await Task.sleep(for: .milliseconds(1))
        }
    }

    @Test func `cancelling ends a request that hangs`() async {
        let script = Script(holding: true)
        let sender = sender(script)
        let running = Task { await sender.run() }
        sender.record(event("hangs"))
        await script.waitForAttempts("hangs", 1)
        running.cancel()
        await running.value
        #expect(dropped("undeliverable") == 1)
    }
}

/// An API server that answers as it is told.
private final class Script: Sendable {
    private struct State {
        var attempts: [String: Int] = [:]
        var messages: [String] = []
        var counts: [Int] = []
        var watchers: [(isMet: @Sendable (State) -> Bool, continuation: AsyncStream<Never>.Continuation)] = []
    }

    private let failing: Set<String>
    private let code: KubeError.Code
    private let state = Mutex(State())
    private let gate: AsyncStream<Never>
    private let gateKeeper: AsyncStream<Never>.Continuation

    /// - Parameters:
    ///   - holding: no request is answered before `release()`.
    ///   - failing: messages whose requests fail.
    init(holding: Bool = false, failing: Set<String> = [], with code: KubeError.Code = .forbidden) {
        self.failing = failing
        self.code = code
        (gate, gateKeeper) = AsyncStream.makeStream()
        if !holding { release() }
    }

    var messages: [String] { state.withLock { $0.messages } }
    var counts: [Int] { state.withLock { $0.counts } }
    func attempts(_ message: String) -> Int { state.withLock { $0.attempts[message] ?? 0 } }
    func release() { gateKeeper.finish() }

    func send(_ letter: EventOutbox.Letter) async throws {
        let message = letter.series.message
        change { $0.attempts[message, default: 0] += 1 }
        for await _ in gate {}
        try Task.checkCancellation()
        if failing.contains(message) {
            let operation = KubeOperation(verb: "create", resource: "events", name: nil, namespace: "shop")
            throw KubeError(code, operation, "as the test wants")
        }
        change { state in
            state.messages.append(message)
            state.counts.append(letter.series.count)
        }
    }

    func waitForMessages(_ count: Int) async { await wait { $0.messages.count >= count } }
    func waitForAttempts(_ message: String, _ count: Int) async { await wait { $0.attempts[message] ?? 0 >= count } }

    private func wait(until isMet: @escaping @Sendable (State) -> Bool) async {
        let (stream, continuation) = AsyncStream<Never>.makeStream()
        change { $0.watchers.append((isMet, continuation)) }
        for await _ in stream {}
    }

    private func change(_ change: (inout State) -> Void) {
        let met = state.withLock { state in
            change(&state)
            let now = state
            state.watchers.removeAll { $0.isMet(now) }
            return now.watchers.filter { $0.isMet(now) }
        }
        for watcher in met { watcher.continuation.finish() }
    }
}
