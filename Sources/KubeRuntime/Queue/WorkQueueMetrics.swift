internal import Metrics

/// The figures of one work queue, under client-go's names (`component-base/metrics/prometheus/workqueue`), each labelled
/// with the queue's `name` and, with the same value, `controller`, as controller-runtime does.
///
/// Durations are recorded as durations; a Prometheus backend shows them in the seconds that the names promise.
struct WorkQueueMetrics: Sendable {
    /// How often the two figures about unfinished work are refreshed (client-go `util/workqueue/metrics.go`).
    static let refreshInterval: Duration = .milliseconds(500)

    private let depth: Meter
    private let adds: Counter
    private let queueDuration: Timer
    private let workDuration: Timer
    private let retries: Counter
    private let unfinishedWork: Gauge
    private let longestRunning: Gauge

    init(name: String, factory: any MetricsFactory) {
        let labels = [("name", name), ("controller", name)]
        depth = Meter(label: "workqueue_depth", dimensions: labels, factory: factory)
        adds = Counter(label: "workqueue_adds_total", dimensions: labels, factory: factory)
        queueDuration = Timer(label: "workqueue_queue_duration_seconds", dimensions: labels, factory: factory)
        workDuration = Timer(label: "workqueue_work_duration_seconds", dimensions: labels, factory: factory)
        retries = Counter(label: "workqueue_retries_total", dimensions: labels, factory: factory)
        unfinishedWork = Gauge(label: "workqueue_unfinished_work_seconds", dimensions: labels, factory: factory)
        longestRunning = Gauge(
            label: "workqueue_longest_running_processor_seconds",
            dimensions: labels,
            factory: factory
        )
    }

    /// Keys are wanted that were not, and so many more of all keys wait for a worker.
    func added(_ count: Int, ready: Int) {
        if count > 0 { adds.increment(by: count) }
        // Changes, not values: two tasks that report at once may do so in the wrong order.
        if ready > 0 { depth.increment(by: Double(ready)) }
    }

    /// A key was handed out.
    func started(after waited: Duration) {
        depth.decrement(by: 1)
        queueDuration.record(duration: waited)
    }

    /// Work on a key has ended.
    func done(after worked: Duration) { workDuration.record(duration: worked) }

    /// A key is wanted again after a delay.
    func retried() { retries.increment(by: 1) }

    /// Ready keys were dropped.
    func dropped(_ count: Int) {
        if count > 0 { depth.decrement(by: Double(count)) }
    }

    /// How long the work in progress has taken so far.
    func unfinished(total: Duration, longest: Duration) {
        unfinishedWork.record(total / .seconds(1))
        longestRunning.record(longest / .seconds(1))
    }
}
