public import HTTPTransport
internal import JSON

/// What was asked of the API server.
public struct KubeOperation: Sendable, Hashable, CustomStringConvertible {
    /// As in RBAC rules: `get`, `list`, `watch`, `create`, `update`, `patch`, `delete`,
    /// `deletecollection`.
    public let verb: String
    /// As people say it: `deployments.apps/status`.
    public let resource: String
    /// nil for operations over many objects.
    public let name: String?
    /// nil for objects of the cluster and for all namespaces.
    public let namespace: String?

    /// `patch deployments.apps/status "web" in namespace "shop"`
    public var description: String {
        var text = "\(verb) \(resource)"
        if let name { text += " \"\(name)\"" }
        if let namespace { text += " in namespace \"\(namespace)\"" }
        return text
    }
}

/// The API server said no, could not be asked, or answered something unreadable.
public struct KubeError: Error, Sendable, CustomStringConvertible {
    /// What kind of failure, for callers to branch on.
    public enum Code: Sendable, Hashable {
        /// 400. Or nothing was sent, since no object can have that name.
        case badRequest
        /// 401: no credentials, or expired ones.
        case unauthorized
        /// 403: RBAC or an admission check said no.
        case forbidden
        /// 404 for the object, or for the whole kind when its CRD is not installed.
        case notFound
        /// 409 on create: an object of that name exists.
        case alreadyExists
        /// 409: the object changed since it was read.
        case conflict
        /// 410: the resourceVersion, or the continue token, is too old; list again.
        case expired
        /// 504 with the cause `ResourceVersionTooLarge`: this server has not seen that version yet.
        case resourceVersionTooLarge
        /// 422: the object breaks its schema or a rule.
        case invalid
        /// 429: the server is protecting itself, or an eviction would break a disruption budget.
        case tooManyRequests
        /// 500 and above.
        case serverError(status: Int)
        /// Any other status.
        case other(status: Int)
        /// Nothing was sent: a credential plugin has given none.
        case credentials
        /// No usable HTTP answer; the transport's own word for why.
        case transport(TransferError.Code)
        /// The answer is not what this client expected.
        case unreadable
    }

    /// What kind of failure.
    public let code: Code
    /// What was attempted, on which object.
    public let operation: KubeOperation
    /// The API server's own words, or the transport's.
    public let message: String
    /// The server's machine-readable word for the failure (`metav1.Status`), when it sent one.
    public let reason: String?
    /// The HTTP status; nil without an answer.
    public let status: Int?
    /// When the server wants to be asked again (`Retry-After`, or `details.retryAfterSeconds`), a day at most.
    public let retryAfter: Duration?

    init(_ code: Code, _ operation: KubeOperation, _ message: String) {
        self.init(code, operation, message, reason: nil, status: nil, retryAfter: nil)
    }

    private init(
        _ code: Code,
        _ operation: KubeOperation,
        _ message: String,
        reason: String?,
        status: Int?,
        retryAfter: Duration?
    ) {
        self.code = code
        self.operation = operation
        self.message = message
        self.reason = reason
        self.status = status
        self.retryAfter = retryAfter
    }

    /// Whether the same request may succeed later without anyone changing anything.
    public var isRetryable: Bool {
        switch code {
        case .tooManyRequests, .serverError, .resourceVersionTooLarge, .conflict, .credentials: true
        case .transport(let code): code.isRetryable
        default: false
        }
    }

    /// Whether an answer was given up because nothing of it came any more.
    package var isSilence: Bool { code == .transport(.idle) }

    /// `list pods in namespace "shop" failed: 403 Forbidden: … `, with a hint where one helps.
    public var description: String {
        var text = "\(operation) failed: \(message)"
        if let hint { text += ". \(hint)" }
        return text
    }

    private var hint: String? {
        switch code {
        case .unauthorized: "The credentials are missing, wrong or expired; check the kubeconfig's user"
        case .forbidden:
            "The account in use may lack verb \"\(operation.verb)\" on \"\(operation.resource)\"; "
                + "grant it by a Role or ClusterRole"
        case .notFound where operation.name == nil:
            "The API server does not serve \(operation.resource); is its CustomResourceDefinition installed?"
        case .transport(.tls): "Check certificate-authority(-data) and the server's address in the kubeconfig"
        case .transport(.couldNotConnect), .transport(.couldNotResolve):
            "Is the API server running, and is its address in the kubeconfig right?"
        case .transport(.bodyTooLarge):
            "Raise RequestLimits.maximumResponseBytes, or ask for smaller pages or less of a log"
        default: nil
        }
    }
}

extension KubeError {
    /// From an answer with a status of 400 or above.
    init(status: Int, retryAfter: String?, body: [UInt8], operation: KubeOperation) {
        let document = try? JSONValue(parsing: body)
        let reason = document?["reason"]?.string
        let words = Self.unquoted(
            document?["message"]?.string ?? String(decoding: body.prefix(200), as: UTF8.self),
            operation
        )
        let delay = retryAfter.flatMap { Int64($0) } ?? document?[path: "details", "retryAfterSeconds"]?.int
        let name = Self.statusName(status)
        let message = words.isEmpty ? "\(status) \(name)" : "\(status) \(name): \(words)"
        let causes = document?[path: "details", "causes"]?.array?.compactMap { $0["reason"]?.string } ?? []
        // Servers before 1.18.6 give no cause, only these words (client-go `tools/cache/reflector.go`).
        let isTooLarge = causes.contains("ResourceVersionTooLarge") || words.contains("Too large resource version")
        self.init(
            status >= 500 && isTooLarge ? .resourceVersionTooLarge : Self.code(status, reason),
            operation,
            message,
            reason: reason,
            status: status,
            // A time in the past is no time to wait for, and nobody means more than a day.
            retryAfter: delay.flatMap { $0 < 0 ? nil : .seconds(min($0, 86400)) }
        )
    }

    /// A message without what it quotes of the request's body, which may be secret. Servers before 1.23 quote the place where
    /// a body cannot be read; all quote values that are not allowed, and whole patches.
    private static func unquoted(_ message: String, _ operation: KubeOperation) -> String {
        let isSecret = operation.resource == "secrets" || operation.resource.hasPrefix("secrets/")
        let values = ["Invalid value: ", "Unsupported value: ", "Duplicate value: "]
        let starts = [", error found in #"] + (isSecret ? values : [])
        guard let quote = starts.compactMap({ message.firstRange(of: $0)?.lowerBound }).min() else { return message }
        return message[..<quote] + " (the rest quotes the object)"
    }

    /// From a `metav1.Status` inside a watch.
    init(watchStatus: JSONValue, operation: KubeOperation) {
        self.init(
            status: Int(watchStatus["code"]?.int ?? 500),
            retryAfter: nil,
            body: watchStatus.serialized(),
            operation: operation
        )
    }

    private static func code(_ status: Int, _ reason: String?) -> Code {
        switch (status, reason) {
        case (400, _): .badRequest
        case (401, _): .unauthorized
        case (403, _): .forbidden
        case (404, _): .notFound
        case (409, "AlreadyExists"): .alreadyExists
        case (409, _): .conflict
        case (410, _): .expired
        case (422, _): .invalid
        case (429, _): .tooManyRequests
        case (500..., _): .serverError(status: status)
        default: .other(status: status)
        }
    }

    private static func statusName(_ status: Int) -> String {
        switch status {
        case 400: "Bad Request"
        case 401: "Unauthorized"
        case 403: "Forbidden"
        case 404: "Not Found"
        case 409: "Conflict"
        case 410: "Gone"
        case 415: "Unsupported Media Type"
        case 422: "Unprocessable Entity"
        case 429: "Too Many Requests"
        case 500: "Internal Server Error"
        case 503: "Service Unavailable"
        case 504: "Gateway Timeout"
        default: "from the API server"
        }
    }
}
