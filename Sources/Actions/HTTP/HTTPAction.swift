public import HTTPTransport
public import JSON
internal import Logging
public import Workflows

/// Calls an HTTP service.
///
/// Every request carries the step's key as `Idempotency-Key`, so that a service that honours it has one effect however
/// often the request arrives. Failures of the network and answers 408, 425, 429 and 5xx are transient; any other
/// unexpected answer is permanent.
public struct HTTPAction: Action {
    private let transport: HTTPTransport

    /// Shares one transport, and so its connections, among all steps.
    public init(transport: HTTPTransport) { self.transport = transport }

    public let name = "http"
    public let about = "Calls an HTTP service and returns its answer."
    public let isIdempotent = true

    /// How long a request may take unless the step says otherwise.
    static let defaultTimeout = "30s"
    /// An answer becomes part of the process's state, which is meant to stay small.
    static let maximumResponseBytes = 32 << 10

    public var inputSchema: JSONSchema {
        var timeout = JSONSchema(.string).with(\.description, "Default \(Self.defaultTimeout).")
        asDuration(&timeout)
        var url = JSONSchema(.string).with(\.description, "http:// or https://")
        url.pattern = JSONSchema.Pattern("^https?://[^ ]+$", meaning: "an http:// or https:// URL") { text in
            guard let rest = ["http://", "https://"].first(where: text.hasPrefix) else { return false }
            return text.count > rest.count && !text.contains(" ")
        }
        let strings = JSONSchema(.object).with(\.additionalProperties, [JSONSchema(.string)])
        var expect = JSONSchema(.array).with(\.description, "Statuses that count as success. Default: 200 to 299.")
        expect.items = [JSONSchema(.integer).with(\.minimum, 100).with(\.maximum, 599)]
        expect.minItems = 1
        var schema = JSONSchema(.object)
        schema.properties = [
            "method": JSONSchema(.string).with(\.description, "Default GET, or POST when there is a body.")
                .with(\.allowedValues, ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]),
            "url": url,
            "headers": strings.with(\.description, "Sent with the request."),
            "body": JSONSchema(nil).with(\.preservesUnknownFields, true)
                .with(\.description, "A string is sent as it is, anything else as JSON."),
            "expect": expect,
            "timeout": timeout,
        ]
        schema.required = ["url"]
        return schema
    }

    /// - Returns: `{"status": 200, "headers": {…}, "body": …}`; names of headers in lower case; the body as JSON when
    ///   the service says it is, else as a string.
    public func perform(_ inputs: JSONValue, _ context: StepContext) async throws -> JSONValue {
        let request = request(inputs, context)
        context.logger.info(
            "Process \(context.processID) step \(context.step) waiting: Waiting for external resource"
        )
        let response: HTTPResponse
        do {
            response = try await transport.send(request)
        } catch {
            throw Self.failure(error)
        }
        let expected = inputs["expect"]?.array?.compactMap(\.int) ?? Array(200...299)
        guard expected.contains(Int64(response.status)) else { throw Self.unexpected(response) }
        return Self.output(response)
    }

    private func request(_ inputs: JSONValue, _ context: StepContext) -> HTTPRequest {
        let body = inputs["body"].flatMap { $0.isNull ? nil : $0 }
        let method = inputs["method"]?.string ?? (body == nil ? "GET" : "POST")
        var request = HTTPRequest(method: HTTPMethod(rawValue: method), url: inputs["url"]?.string ?? "")
        request.timeout = Duration(text: inputs["timeout"]?.string ?? Self.defaultTimeout)
        request.maximumResponseBytes = Self.maximumResponseBytes
        request.headers.set("Idempotency-Key", context.idempotencyKey)
        // The key lets the service recognise a request that reaches it twice.
        request.mayBeRepeated = true
        switch body {
        case .string(let text): request.body = Array(text.utf8)
        case .some(let value):
            request.body = value.serialized()
            request.headers.set("Content-Type", "application/json")
        case nil: break
        }
        for (name, value) in inputs["headers"]?.object ?? [:] {
            request.headers.set(name, value.string ?? "")
        }
        return request
    }

    private static func output(_ response: HTTPResponse) -> JSONValue {
        let type = response.headers["Content-Type"] ?? ""
        let json = type.contains("json") ? try? JSONValue(parsing: response.body) : nil
        var headers: JSONValue = [:]
        for header in response.headers { headers[header.name.lowercased()] = .string(header.value) }
        return [
            "status": .int(Int64(response.status)), "headers": headers,
            "body": json ?? .string(String(decoding: response.body, as: UTF8.self)),
        ]
    }

    private static func unexpected(_ response: HTTPResponse) -> StepError {
        let isTransient = [408, 425, 429].contains(response.status) || response.status >= 500
        return StepError(
            isTransient ? .transient : .permanent,
            summary(of: response.status),
            retryAfter: isTransient ? retryAfter(response) : nil
        )
    }

    /// `Retry-After` in seconds (RFC 9110, section 10.2.3), an hour at most; its other form, a date, is left aside.
    private static func retryAfter(_ response: HTTPResponse) -> Duration? {
        response.headers["Retry-After"].flatMap { Int($0) }.map { .seconds(min(max(0, $0), 3600)) }
    }

    /// The texts people group failures by.
    private static func summary(of status: Int) -> String {
        let names = [
            400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found", 408: "Request Timeout",
            409: "Conflict", 410: "Gone", 422: "Unprocessable Entity", 429: "Too Many Requests",
            500: "Internal Server Error", 502: "Bad Gateway", 503: "Service Unavailable", 504: "Gateway Timeout",
        ]
        return names[status].map { "\(status) \($0)" } ?? "unexpected status \(status)"
    }

    private static func failure(_ error: TransferError) -> any Error {
        switch error.code {
        case .cancelled, .shutDown: CancellationError()
        case .timedOut, .idle: StepError(.timeout, "Timeout exceeded", detail: error.description)
        case .invalidRequest: StepError(.permanent, "Invalid configuration", detail: error.description)
        case .bodyTooLarge: StepError(.permanent, "Response too large", detail: error.description)
        case .tls: StepError(.permanent, "TLS verification failed", detail: error.description)
        case .couldNotResolve, .couldNotConnect, .connectionLost, .other:
            StepError(.transient, "Connection failed", detail: error.description)
        }
    }
}
