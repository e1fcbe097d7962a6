internal import HTTPTransport
internal import Metrics
internal import Synchronization

/// What the client measures of its requests, under the names client-go gave them
/// (`k8s.io/component-base/metrics/prometheus/restclient`):
/// - `rest_client_requests_total` by `code`, `method`, `host`; a request without an answer has the code `<error>`
/// - `rest_client_request_retries_total` by `code`, `verb`, `host`
/// - `rest_client_request_duration_seconds` by `verb`, `host`: of each attempt, to the end of the answer, or of a
///   stream's head
/// - `rest_client_rate_limiter_duration_seconds` by `verb`, `host`: waiting for the client's own limits
/// - `rest_client_request_size_bytes`, `rest_client_response_size_bytes` by `verb`, `host`
final class RequestMetrics: Sendable {
    private struct Series: Hashable {
        let label: String
        let first: String
        let second: String
    }

    private struct Handlers {
        var counters: [Series: Counter] = [:]
        var timers: [String: Timer] = [:]
        var waits: [String: Timer] = [:]
        var requestSizes: [String: Recorder] = [:]
        var responseSizes: [String: Recorder] = [:]
    }

    private let host: String
    private let factory: any MetricsFactory
    private let handlers = Mutex(Handlers())

    init(host: String, factory: any MetricsFactory) {
        self.host = host
        self.factory = factory
    }

    /// An attempt has ended, with an answer or (nil) without.
    func attempted(_ verb: String, _ method: HTTPMethod, status: Int?, duration: Duration) {
        let code = status.map { String($0) } ?? "<error>"
        let counter = handlers.withLock {
            self.counter("rest_client_requests_total", ("code", code), ("method", method.rawValue), &$0)
        }
        counter.increment()
        let timer = handlers.withLock { handlers in
            series(\.timers, verb, &handlers) {
                Timer(label: "rest_client_request_duration_seconds", dimensions: $0, factory: factory)
            }
        }
        timer.recordNanoseconds(duration.nanoseconds)
    }

    func retried(_ verb: String, status: Int?) {
        let code = status.map { String($0) } ?? "<error>"
        let counter = handlers.withLock {
            self.counter("rest_client_request_retries_total", ("code", code), ("verb", verb), &$0)
        }
        counter.increment()
    }

    func waited(_ verb: String, _ duration: Duration) {
        handlers.withLock { handlers in
            series(\.waits, verb, &handlers) {
                Timer(label: "rest_client_rate_limiter_duration_seconds", dimensions: $0, factory: factory)
            }
        }.recordNanoseconds(duration.nanoseconds)
    }

    func sent(_ verb: String, bytes: Int) {
        handlers.withLock { handlers in
            series(\.requestSizes, verb, &handlers) {
                Recorder(label: "rest_client_request_size_bytes", dimensions: $0, aggregate: true, factory: factory)
            }
        }.record(bytes)
    }

    func received(_ verb: String, bytes: Int) {
        handlers.withLock { handlers in
            series(\.responseSizes, verb, &handlers) {
                Recorder(label: "rest_client_response_size_bytes", dimensions: $0, aggregate: true, factory: factory)
            }
        }.record(bytes)
    }

    private func counter(
        _ label: String,
        _ first: (String, String),
        _ second: (String, String),
        _ handlers: inout Handlers
    ) -> Counter {
        let key = Series(label: label, first: first.1, second: second.1)
        if let known = handlers.counters[key] { return known }
        let counter = Counter(label: label, dimensions: [first, second, ("host", host)], factory: factory)
        handlers.counters[key] = counter
        return counter
    }

    private func series<Handler>(
        _ path: WritableKeyPath<Handlers, [String: Handler]>,
        _ verb: String,
        _ handlers: inout Handlers,
        make: ([(String, String)]) -> Handler
    ) -> Handler {
        if let known = handlers[keyPath: path][verb] { return known }
        let handler = make([("verb", verb), ("host", host)])
        handlers[keyPath: path][verb] = handler
        return handler
    }
}

extension Duration {
    /// Whole nanoseconds, clamped.
    package var nanoseconds: Int64 {
        let (seconds, attoseconds) = components
        let (product, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        return overflow ? (seconds < 0 ? .min : .max) : product + attoseconds / 1_000_000_000
    }
}
