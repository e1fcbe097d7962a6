public import HTTPTransport
internal import JSON

/// What was asked of the API server.
public struct KubeOperation: Sendable, Hashable, CustomStringConvertible {
    /// As in RBAC rules: `get`, `list`, `watch`, `create`, `update`, `patch`, `delete`.
    public let verb: String
    /// As people say it: `honuaprocesses.honua.io/status`.
    public let resource: String
    /// nil for operations over many objects.
    public let name: String?
    /// nil for objects of the cluster and for all namespaces.
    public let namespace: String?

    /// `patch honuaprocesses.honua.io/status "deploy" in namespace "gis"`
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
        /// 400
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
        /// 410: the resourceVersion is too old; list again.
        case expired
        /// 422: the object breaks its schema or a rule.
        case invalid
        /// 429: the server is protecting itself.
        case tooManyRequests(retryAfter: Duration?)
        /// 500 and above.
        case serverError(status: Int)
        /// Any other status.
        case other(status: Int)
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

    init(_ code: Code, _ operation: KubeOperation, _ message: String, reason: String? = nil) {
        self.code = code
        self.operation = operation
        self.message = message
        self.reason = reason
    }

    /// Whether the same request may succeed later without anyone changing anything.
    public var isRetryable: Bool {
        switch code {
        case .tooManyRequests, .serverError, .conflict, .transport: true
        default: false
        }
    }

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
                + "see manifests/rbac/role.yaml"
        case .notFound where operation.name == nil:
            "The API server does not serve \(operation.resource); is its CustomResourceDefinition installed?"
        case .transport(.tls): "Check certificate-authority(-data) and the server's address in the kubeconfig"
        case .transport(.couldNotConnect), .transport(.couldNotResolve):
            "Is the API server running, and is its address in the kubeconfig right?"
        default: nil
        }
    }
}

extension KubeError {
    /// From an answer with a status of 400 or above.
    init(status: Int, retryAfter: String?, body: [UInt8], operation: KubeOperation) {
        let document = try? JSONValue(parsing: body)
        let reason = document?["reason"]?.string
        let words = document?["message"]?.string ?? String(decoding: body.prefix(200), as: UTF8.self)
        let delay = retryAfter.flatMap { Int64($0) } ?? document?[path: "details", "retryAfterSeconds"]?.int
        let name = Self.statusName(status)
        let message = words.isEmpty ? "\(status) \(name)" : "\(status) \(name): \(words)"
        self.init(Self.code(status, reason, delay), operation, message, reason: reason)
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

    private static func code(_ status: Int, _ reason: String?, _ retryAfter: Int64?) -> Code {
        switch (status, reason) {
        case (400, _): .badRequest
        case (401, _): .unauthorized
        case (403, _): .forbidden
        case (404, _): .notFound
        case (409, "AlreadyExists"): .alreadyExists
        case (409, _): .conflict
        case (410, _): .expired
        case (422, _): .invalid
        case (429, _): .tooManyRequests(retryAfter: retryAfter.map { .seconds($0) })
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
