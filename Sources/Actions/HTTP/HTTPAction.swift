public import HTTPTransport
public import JSON
internal import Logging
public import Workflows

/// Calls an HTTP service.
///
/// Every request carries the step's key as `Idempotency-Key`, so that a service that honours it has one effect however
/// often the request arrives, and a `traceparent` that is the same whenever the attempt is made again. Failures of the
/// network, answers 408, 425, 429 and 5xx, and those of `retryOn` are transient; any other unexpected answer is
/// permanent.
public struct HTTPAction: Action {
    private let transport: HTTPTransport
    private let cluster: ClusterAccess

    /// Shares one transport, and so its connections, among all steps that need no TLS settings of their own.
    /// - Parameter cluster: where secrets are read that inputs refer to.
    public init(transport: HTTPTransport, cluster: ClusterAccess) {
        self.transport = transport
        self.cluster = cluster
    }

    public let name = "http"
    public let about = "Calls an HTTP service and returns its answer."
    public let isIdempotent = true

    public let outputs = """
        {"status": 200, "headers": {…}, "body": …}: names of headers in lower case; the body as JSON when the service \
        says it is and it can be read, else as a string. With output "status" the status alone, with "none" nothing.
        """

    public let failures = [
        ActionFailure("Connection failed", .transient, when: "No address, no connection, or one that broke."),
        ActionFailure("Timeout exceeded", .timeout, when: "No complete answer within timeout."),
        ActionFailure("503 Service Unavailable and so on", .transient, when: "408, 425, 429, 5xx, or one of retryOn."),
        ActionFailure("404 Not Found and so on", .permanent, when: "Any other answer that is not expected."),
        ActionFailure("TLS verification failed", .permanent, when: "The service's certificate is not accepted."),
        ActionFailure("Response too large", .permanent, when: "A body beyond maximumResponseBytes."),
        ActionFailure("Too many redirects", .permanent, when: "More of them than redirects allows."),
        ActionFailure("Redirect refused", .permanent, when: "It would carry secrets elsewhere, or leads nowhere."),
        ActionFailure("Secret not available", .permanent, when: "A secretKeyRef names what is not there, or no text."),
        ActionFailure("Invalid configuration", .permanent, when: "A request that cannot be sent."),
    ]

    public var inputSchema: JSONSchema { HTTPCall.schema }

    /// - Returns: see `outputs`.
    public func perform(_ inputs: JSONValue, _ context: StepContext) async throws -> JSONValue {
        var secrets = ResolvedSecrets(cluster, context)
        do {
            let call = try await HTTPCall(inputs, context, &secrets)
            context.logger.info(
                "Process \(context.processID) step \(context.step) waiting: Waiting for external resource"
            )
            let (request, response) = try await exchange(call, context.time)
            let answer = HTTPAnswer(response, to: request, of: call)
            return secrets.redacted(try answer.output(now: context.time.wallTime, secrets))
        } catch let error as StepError {
            throw secrets.redacted(error)
        }
    }

    /// Method, URL, the names of the headers and the size of the body; secrets are not read.
    public func plan(_ inputs: JSONValue, _ context: StepContext) async throws -> JSONValue {
        HTTPCall.plan(inputs, name)
    }

    /// - Returns: the answer, and the request that it answers, which is another than the call's after a redirect.
    private func exchange(_ call: HTTPCall, _ time: TimeSource) async throws -> (HTTPRequest, HTTPResponse) {
        let end = time.now + call.timeout
        var request = call.request
        var transport = try call.tls.map(Self.transport) ?? transport
        var redirects = 0
        while true {
            request.timeout = end - time.now
            guard end > time.now else { throw StepError.timeoutExceeded }
            let response: HTTPResponse
            do {
                response = try await transport.send(request)
            } catch {
                throw Self.failure(error)
            }
            guard call.maximumRedirects > 0,
                let redirect = try Redirect(of: request, by: response, in: call)
            else { return (request, response) }
            guard redirects < call.maximumRedirects else {
                throw HTTPCall.failure(
                    "Too many redirects",
                    "\(request.method) \(request.shownURL) is redirected again after \(redirects) redirects; "
                        + "raise redirects",
                    hasHadEffect: !call.request.method.isSafe
                )
            }
            redirects += 1
            request = redirect.request
            if redirect.leavesOrigin, let tls = call.tls {
                // A client certificate is a credential, and a server's name is that of one server.
                transport = try Self.transport(HTTPTransport.TLS(certificateAuthorities: tls.certificateAuthorities))
            }
        }
    }

    /// A transport for one call: what it has of TLS is fixed, and no other step may use its connections.
    private static func transport(_ tls: HTTPTransport.TLS) throws -> HTTPTransport {
        do {
            return try HTTPTransport(HTTPTransport.Configuration(tls: tls))
        } catch {
            throw failure(error)
        }
    }

    private static func failure(_ error: TransferError) -> any Error {
        switch error.code {
        case .cancelled, .shutDown: CancellationError()
        case .timedOut, .idle: StepError(.timeout, "Timeout exceeded", detail: error.description)
        case .invalidRequest: StepError(.permanent, StepError.invalidConfiguration, detail: error.description)
        case .bodyTooLarge: StepError(.permanent, "Response too large", detail: error.description)
        case .tls: StepError(.permanent, "TLS verification failed", detail: error.description)
        case .couldNotResolve, .couldNotConnect, .connectionLost, .other:
            StepError(.transient, "Connection failed", detail: error.description)
        }
    }
}

extension HTTPRequest {
    /// The URL for errors, without what may be secret.
    var shownURL: String { RequestTarget(url)?.redacted ?? "" }
}
