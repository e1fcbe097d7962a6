internal import HTTPTransport
internal import Instrumentation
internal import Logging
internal import ServiceContextModule
internal import Tracing

/// What both kinds of answer, whole and streamed, have in common.
private protocol Answer: Sendable {
    var status: Int { get }
    var headers: HTTPHeaders { get }
    /// The body of a refusal, which is short.
    func refusal() async throws(TransferError) -> [UInt8]
    /// nil when it is not known yet.
    var bodyCount: Int? { get }
}

extension HTTPResponse: Answer {
    fileprivate func refusal() -> [UInt8] { body }
    fileprivate var bodyCount: Int? { body.count }
}

extension HTTPResponseStream: Answer {
    fileprivate func refusal() async throws(TransferError) -> [UInt8] { try await body.collect(upTo: 1 << 20) }
    fileprivate var bodyCount: Int? { nil }
}

/// Puts the trace context into header fields (W3C `traceparent`, or whatever the tracer speaks).
private struct HeaderInjector: Injector {
    func inject(_ value: String, forKey key: String, into headers: inout HTTPHeaders) { headers.set(key, value) }
}

extension KubeClient {
    /// Sends a request, again if the rules of `KubeClient` say so, and returns the body of the answer.
    func send(_ request: KubeRequest) async throws -> [UInt8] {
        var request = request
        if request.timeout == nil { request.timeout = requestTimeout }
        return try await exchange(request, counts: true) { transport, wire throws(TransferError) in
            try await transport.send(wire)
        }.body
    }

    /// Sends a request and returns the body of the answer as it arrives. Not limited by `requestTimeout`.
    func stream(_ request: KubeRequest) async throws -> HTTPBody {
        try await exchange(request, counts: false) { transport, wire throws(TransferError) in
            try await transport.stream(wire)
        }.body
    }

    private func exchange<Response: Answer>(
        _ request: KubeRequest,
        counts: Bool,
        _ transfer: (HTTPTransport, HTTPRequest) async throws(TransferError) -> Response
    ) async throws -> Response {
        if let problem = request.problem { throw KubeError(.badRequest, request.operation, problem) }
        return try await core.tracer.withAnySpan("kubernetes \(request.operation.verb)", ofKind: .client) { span in
            span.attributes["http.request.method"] = request.method.rawValue
            span.attributes["url.path"] = request.path
            span.attributes["k8s.operation"] = request.operation.description
            var retries = 0
            var hasRenewed = false
            while true {
                let ticket = try await ticket(for: request)
                let failure: KubeError
                do {
                    let response = try await attempt(request, ticket, retries, counts, span.context, transfer)
                    span.attributes["http.response.status_code"] = response.status
                    return response
                } catch let error as KubeError {
                    failure = error
                }
                if failure.code == .unauthorized, !hasRenewed {
                    hasRenewed = true
                    if await core.connection.renew(after: ticket), request.isRead { continue }
                }
                guard let pause = core.retries.pause(after: failure, retries: retries, isRead: request.isRead) else {
                    if let status = failure.status { span.attributes["http.response.status_code"] = status }
                    throw failure
                }
                retries += 1
                core.metrics.retried(request.operation.verb, status: failure.status)
                span.addEvent(SpanEvent(name: "retry", attributes: ["reason": .string(failure.message)]))
                try await core.pause(pause)
            }
        }
    }

    private func ticket(for request: KubeRequest) async throws -> Connection.Ticket {
        do {
            return try await core.connection.ticket()
        } catch let error as CredentialError {
            throw KubeError(.credentials, request.operation, error.description)
        }
    }

    /// One attempt. Throws `KubeError` for every refusal.
    private func attempt<Response: Answer>(
        _ request: KubeRequest,
        _ ticket: Connection.Ticket,
        _ retries: Int,
        _ counts: Bool,
        _ context: ServiceContext,
        _ transfer: (HTTPTransport, HTTPRequest) async throws(TransferError) -> Response
    ) async throws -> Response {
        let operation = request.operation
        try await core.enter(operation.verb, counts: counts)
        defer { if counts { core.leave() } }
        var request = request
        var epoch: Int?
        if !request.isRead, let gate {
            // Last of all: getting credentials, and waiting for the limits, may have taken long.
            try gate.check(operation)
            epoch = gate.epoch
            if let left = gate.timeLeft {
                guard left > .zero else {
                    throw KubeError(
                        .transport(.timedOut),
                        operation,
                        "the gate leaves no time for it; nothing was sent"
                    )
                }
                request.end(within: left)
            }
        }
        var wire = core.wireRequest(request, ticket, as: impersonation, epoch: epoch)
        core.instrument.inject(context, into: &wire.headers, using: HeaderInjector())
        if let body = wire.body { core.metrics.sent(operation.verb, bytes: body.count) }
        let started = ContinuousClock.now
        var status: Int?
        defer {
            let duration = ContinuousClock.now - started
            core.metrics.attempted(operation.verb, request.method, status: status, duration: duration)
            core.logger.debug(
                "request",
                metadata: [
                    "kube.operation": "\(operation)", "http.status": "\(status.map(String.init) ?? "none")",
                    "duration": "\(duration)", "retries": "\(retries)",
                ]
            )
        }
        do {
            let response = try await transfer(ticket.transport, wire)
            status = response.status
            core.note(warningsIn: response.headers, operation)
            if let count = response.bodyCount { core.metrics.received(operation.verb, bytes: count) }
            guard response.status >= 400 else { return response }
            throw KubeError(
                status: response.status,
                retryAfter: response.headers["Retry-After"],
                body: try await response.refusal(),
                operation: operation
            )
        } catch let error as TransferError {
            throw Self.failure(error, operation)
        }
    }

    static func failure(_ error: TransferError, _ operation: KubeOperation) -> any Error {
        if error.code == .cancelled { return CancellationError() }
        return KubeError(.transport(error.code), operation, error.description)
    }
}
