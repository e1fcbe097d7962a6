internal import HTTPTransport
internal import Instrumentation
internal import Logging
internal import Metrics
internal import Synchronization
internal import Tracing

/// What all copies of a client share.
final class ClientCore: Sendable {
    let connection: Connection
    let logger: Logger
    let metrics: RequestMetrics
    let limits: RequestLimits
    let retries: RetryPolicy
    let discovery = DiscoveryCache()
    /// Waits before a request is sent again.
    let pause: @Sendable (Duration) async throws -> Void
    private let ownTracer: (any Tracer)?
    private let server: String
    private let userAgent: String
    private let compression: Bool
    private let inFlight: InFlightLimit
    private let rate: RateLimiter?
    /// The server's warnings that were logged already.
    private let warnings = Mutex<Set<String>>([])

    /// - Parameter tracer: nil for the one the process has at the time of each request.
    init(
        _ configuration: ClusterConfiguration,
        logger: Logger,
        metrics: any MetricsFactory,
        tracer: (any Tracer)? = nil,
        pause: @escaping @Sendable (Duration) async throws -> Void = { try await Task.sleep(for: $0) }
    ) throws {
        try configuration.limits.validate()
        limits = configuration.limits
        server = configuration.server.hasSuffix("/") ? String(configuration.server.dropLast()) : configuration.server
        userAgent = configuration.userAgent
        compression = configuration.compression
        connection = try Connection(configuration, logger: logger)
        self.logger = logger
        self.metrics = RequestMetrics(host: Self.host(of: server), factory: metrics)
        retries = RetryPolicy(maximumRetries: limits.maximumRetries)
        inFlight = InFlightLimit(limits.maximumInFlight)
        rate = limits.rate.map(RateLimiter.init)
        self.pause = pause
        ownTracer = tracer
    }

    /// Host and port of a URL, without the user and password it may name.
    private static func host(of server: String) -> String {
        guard let scheme = server.firstRange(of: "://") else { return server }
        let authority = server[scheme.upperBound...].prefix { !"/?#".contains($0) }
        return String(authority.split(separator: "@").last ?? "")
    }

    var tracer: any Tracer { ownTracer ?? InstrumentationSystem.tracer }

    /// What puts the trace context into requests.
    var instrument: any Instrument { ownTracer ?? InstrumentationSystem.instrument }

    /// Waits until the client's own limits allow one more request.
    /// - Parameter counts: whether it counts as in flight; then `leave()` must follow.
    func enter(_ verb: String, counts: Bool) async throws {
        let started = ContinuousClock.now
        try await rate?.wait()
        if counts { try await inFlight.enter() }
        let waited = ContinuousClock.now - started
        metrics.waited(verb, waited)
        // client-go warns from one second on (`rest/request.go`).
        if waited > .seconds(1) {
            logger.notice("a request waited for the client's own limits", metadata: ["duration": "\(waited)"])
        }
    }

    func leave() { inFlight.leave() }

    /// How many requests wait for others to end.
    var waitingRequests: Int { inFlight.waiting }

    /// The request as it goes over the wire with a ticket.
    /// - Parameter impersonation: in place of the ticket's, if not nil.
    func wireRequest(
        _ request: KubeRequest,
        _ ticket: Connection.Ticket,
        as impersonation: Impersonation?,
        epoch: Int?
    ) -> HTTPRequest {
        var wire = HTTPRequest(method: request.method, url: server + request.path + URLEncoding.query(request.query))
        wire.headers.set("Accept", request.accept)
        if request.body != nil { wire.headers.set("Content-Type", request.contentType) }
        for field in impersonation.map(ticket.fields(impersonating:)) ?? ticket.fields {
            wire.headers.append(HTTPHeader(field.name, field.value))
        }
        // What stands before the first slash is the field manager, which stays the same from term to term.
        if let epoch {
            let separator = userAgent.contains("/") ? " " : "/"
            wire.headers.set("User-Agent", "\(userAgent)\(separator)epoch-\(epoch)")
        }
        wire.body = request.body
        wire.timeout = request.timeout
        wire.idleTimeout = request.idleTimeout
        wire.maximumResponseBytes = limits.maximumResponseBytes
        wire.acceptsCompression = compression && request.acceptsCompression
        return wire
    }

    /// Logs the server's own warnings (`Warning: 299 - "…"`, for example on deprecated versions), each once.
    func note(warningsIn headers: HTTPHeaders, _ operation: KubeOperation) {
        for value in headers.values(of: "Warning") {
            guard let text = WarningText.text(of: value) else { continue }
            let isNew = warnings.withLock { known in
                // Bounded, in case a server varies its words.
                guard known.count < 1000 else { return false }
                return known.insert(text).inserted
            }
            if isNew {
                logger.warning(
                    "the API server warns",
                    metadata: ["kube.operation": "\(operation)", "warning": "\(text)"]
                )
            }
        }
    }
}
