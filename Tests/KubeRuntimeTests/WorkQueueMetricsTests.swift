import Metrics
import MetricsTestKit
import TestClock
import TestEnvironment
import Testing

@testable import KubeRuntime

@Suite(.timeLimit(.minutes(4))) struct WorkQueueMetricsTests {
    private let metrics = TestMetrics()
    private let clock = ManualClock()
    private let labels = [("name", "pods"), ("controller", "pods")]

    private func makeQueue() -> WorkQueue<String, ManualClock> {
        let backoff = Backoff(initial: .seconds(1), maximum: .seconds(4), jitter: 0)
        return WorkQueue(name: "pods", clock: clock, backoff: backoff, metrics: metrics)
    }

    @Test func `depth, additions, retries and durations are recorded under client-go's names`() async throws {
        let queue = makeQueue()
        queue.add("a")
        queue.add("a")
        queue.add("b")
        #expect(try metrics.expectMeter("workqueue_depth", labels).lastValue == 2)
        clock.advance(by: .seconds(3))
        let key = try #require(await queue.next())
        queue.add(key)
        clock.advance(by: .seconds(2))
        queue.addAfterFailure(key)
        queue.done(key)

        #expect(try metrics.expectMeter("workqueue_depth", labels).lastValue == 1)
        #expect(try metrics.expectCounter("workqueue_adds_total", labels).totalValue == 3)
        #expect(try metrics.expectCounter("workqueue_retries_total", labels).totalValue == 1)
        #expect(try metrics.expectTimer("workqueue_queue_duration_seconds", labels).values == [3_000_000_000])
        #expect(try metrics.expectTimer("workqueue_work_duration_seconds", labels).values == [2_000_000_000])
        queue.shutDown()
        #expect(try metrics.expectMeter("workqueue_depth", labels).lastValue == 0)
    }

    @Test func `unfinished work is shown every 500 ms while there is some, and then the queue sleeps`() async throws {
        let queue = makeQueue()
        let running = Task { await queue.run() }
        queue.add("a")
        queue.add("b")
        _ = await queue.next()
        clock.advance(by: .milliseconds(200))
        _ = await queue.next()
        // The first refresh is due when `run()` has seen that work began.
        let unfinished = try metrics.expectRecorder("workqueue_unfinished_work_seconds", labels)
        let longest = try metrics.expectRecorder("workqueue_longest_running_processor_seconds", labels)
        await clock.sleepers(1)
        clock.advance(by: .milliseconds(500))
        await clock.sleepers(1)
        #expect(unfinished.lastValue == 1.2)
        #expect(longest.lastValue == 0.7)

        queue.done("a")
        queue.done("b")
        clock.advance(by: .milliseconds(500))
        await clock.sleepers(1)
        #expect(unfinished.lastValue == 0)
        let refreshes = unfinished.values.count
        clock.advance(by: .milliseconds(500))
        // Work much later starts the refreshing anew: nothing was recorded in between.
        clock.advance(by: .seconds(3600))
        queue.add("c")
        _ = await queue.next()
        await clock.sleepers(1)
        #expect(unfinished.values.count <= refreshes + 1)
        queue.shutDown()
        await running.value
    }

    @Test func `a queue without a name has no metrics`() {
        let queue = WorkQueue<String, ManualClock>(clock: clock, metrics: metrics)
        queue.add("a")
        #expect(metrics.counters.isEmpty)
    }
}
