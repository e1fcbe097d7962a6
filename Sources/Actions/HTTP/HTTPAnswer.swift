internal import HTTPTransport
internal import JSON
internal import Workflows

/// What a service has answered, in the terms of a step.
struct HTTPAnswer {
    private let response: HTTPResponse
    private let request: HTTPRequest
    private let call: HTTPCall

    /// - Parameter request: which is answered, perhaps after redirects.
    init(_ response: HTTPResponse, to request: HTTPRequest, of call: HTTPCall) {
        self.response = response
        self.request = request
        self.call = call
    }

    /// The step's output, not yet free of secrets.
    /// - Throws: `StepError` when the answer is none of those expected, or is too long.
    func output(now: Timestamp, _ secrets: ResolvedSecrets) throws(StepError) -> JSONValue {
        guard call.expected.contains(Int64(response.status)) else { throw unexpected(now, secrets) }
        switch call.output {
        case .none: return [:]
        case .status: return ["status": .int(Int64(response.status))]
        case .body: break
        }
        guard !response.isTruncated else {
            throw HTTPCall.failure(
                "Response too large",
                "\(subject) answered with more than \(request.maximumResponseBytes) bytes; raise "
                    + "maximumResponseBytes, or set output to status or none",
                hasHadEffect: !call.request.method.isSafe
            )
        }
        let type = response.headers["Content-Type"] ?? ""
        let json = type.contains("json") ? try? JSONValue(parsing: response.body) : nil
        var headers: JSONValue = [:]
        for header in response.headers { headers[header.name.lowercased()] = .string(header.value) }
        return ["status": .int(Int64(response.status)), "headers": headers, "body": json ?? .string(text)]
    }

    private var subject: String { "\(request.method) \(request.shownURL)" }

    private var text: String { String(decoding: response.body, as: UTF8.self) }

    private func unexpected(_ now: Timestamp, _ secrets: ResolvedSecrets) -> StepError {
        let status = response.status
        let isTransient =
            [408, 425, 429].contains(status) || status >= 500 || call.retryOn.contains(Int64(status))
        // Before it is shortened, so that no secret is cut in two.
        let words = secrets.redacted(text, isTruncated: response.isTruncated)
        let excerpt = words.count > 300 ? "\(words.prefix(300))…" : words
        var error = StepError(
            isTransient ? .transient : .permanent,
            Self.summary(of: status),
            detail: "\(subject) answered \(excerpt.isEmpty ? "without a body" : excerpt)",
            retryAfter: isTransient ? retryAfter(now) : nil
        )
        // The service says that it has done something.
        error.hasHadEffect = (200..<300).contains(status) && !call.request.method.isSafe
        return error
    }

    /// `Retry-After` in seconds or as a date (RFC 9110, section 10.2.3), an hour at most.
    private func retryAfter(_ now: Timestamp) -> Duration? {
        guard let text = response.headers["Retry-After"] else { return nil }
        let delay = Int(text).map { Duration.seconds(max(0, min($0, 3600))) }
        return (delay ?? HTTPDate.timestamp(text)?.duration(since: now)).map { max(.zero, min($0, .seconds(3600))) }
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
}
