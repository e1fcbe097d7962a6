internal import KubeClient
internal import Metrics

/// What a controller measures, under the names of controller-runtime (`pkg/internal/controller/metrics`), each by
/// `controller`:
/// - `controller_runtime_reconcile_total`, also by `result`: `success`, `requeue_after`, `error`
/// - `controller_runtime_reconcile_errors_total`, `controller_runtime_terminal_reconcile_errors_total`,
///   `controller_runtime_reconcile_timeouts_total`
/// - `controller_runtime_reconcile_time_seconds`
/// - `controller_runtime_max_concurrent_reconciles`, `controller_runtime_active_workers`
struct ControllerMetrics: Sendable {
    private let success: Counter
    private let requeueAfter: Counter
    private let error: Counter
    private let errors: Counter
    private let terminalErrors: Counter
    private let timeouts: Counter
    private let time: Timer
    private let activeWorkers: Meter

    init(controller: String, workers: Int, factory: any MetricsFactory) {
        let labels = [("controller", controller)]
        func counter(_ label: String, _ more: [(String, String)] = []) -> Counter {
            Counter(label: "controller_runtime_\(label)", dimensions: labels + more, factory: factory)
        }
        success = counter("reconcile_total", [("result", "success")])
        requeueAfter = counter("reconcile_total", [("result", "requeue_after")])
        error = counter("reconcile_total", [("result", "error")])
        errors = counter("reconcile_errors_total")
        terminalErrors = counter("terminal_reconcile_errors_total")
        timeouts = counter("reconcile_timeouts_total")
        time = Timer(label: "controller_runtime_reconcile_time_seconds", dimensions: labels, factory: factory)
        activeWorkers = Meter(label: "controller_runtime_active_workers", dimensions: labels, factory: factory)
        Meter(label: "controller_runtime_max_concurrent_reconciles", dimensions: labels, factory: factory).set(workers)
    }

    func began() { activeWorkers.increment() }

    func ended(_ outcome: ReconcileOutcome, after duration: Duration) {
        activeWorkers.decrement()
        time.recordNanoseconds(duration.nanoseconds)
        switch outcome {
        case .done(.awaitChange): success.increment()
        case .done(.after): requeueAfter.increment()
        case .cancelled: break
        case .terminal:
            error.increment()
            errors.increment()
            terminalErrors.increment()
        case .failed(let failure):
            error.increment()
            errors.increment()
            if failure is ReconcileTimeout { timeouts.increment() }
        }
    }
}
