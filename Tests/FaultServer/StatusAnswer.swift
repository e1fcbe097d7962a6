package import JSON

/// A failure as API servers tell it: a status, fields, and a `metav1.Status` as the body or in an ERROR event.
package struct StatusAnswer: Sendable {
    package var status: Int
    package var reason: String
    package var message: String
    package var fields: [(name: String, value: String)] = []
    package var details: JSONValue?
    /// Of a list that goes on inconsistently after its token has expired.
    package var continueToken: String?

    package init(_ status: Int, _ reason: String, _ message: String) {
        self.status = status
        self.reason = reason
        self.message = message
    }

    /// 410: the version lies before what the server remembers.
    package static let expired = StatusAnswer(410, "Expired", "too old resource version: 1 (2)")

    /// 410 as older servers put it.
    package static let gone = StatusAnswer(410, "Gone", "too old resource version: 1 (2)")

    /// 429, as API priority and fairness answers it.
    package static func tooManyRequests(retryAfter seconds: Int?) -> StatusAnswer {
        var answer = StatusAnswer(429, "TooManyRequests", "the server has received too many requests")
        if let seconds {
            answer.fields = [("Retry-After", String(seconds))]
            answer.details = ["retryAfterSeconds": .int(Int64(seconds))]
        }
        return answer
    }

    package static let internalError = StatusAnswer(500, "InternalError", "etcdserver: request timed out")

    /// 503, as a server answers that is starting or stopping.
    package static func unavailable(retryAfter seconds: Int? = nil) -> StatusAnswer {
        var answer = StatusAnswer(503, "ServiceUnavailable", "apiserver is shutting down")
        if let seconds { answer.fields = [("Retry-After", String(seconds))] }
        return answer
    }

    /// 504: the server's cache has not seen that version yet (k8s.io/apiserver `storage/errors.go`).
    package static func tooLargeResourceVersion(retryAfter seconds: Int = 1) -> StatusAnswer {
        let message = "Too large resource version"
        var answer = StatusAnswer(504, "Timeout", "Timeout: \(message): 9, current: 1")
        answer.fields = [("Retry-After", String(seconds))]
        answer.details = [
            "causes": [["reason": "ResourceVersionTooLarge", "message": .string(message)]],
            "retryAfterSeconds": .int(Int64(seconds)),
        ]
        return answer
    }

    package static let unauthorized = StatusAnswer(401, "Unauthorized", "Unauthorized")

    static let notFound = StatusAnswer(404, "NotFound", "the server could not find the requested resource")

    static func invalid(_ field: String, _ words: String) -> StatusAnswer {
        var answer = StatusAnswer(422, "Invalid", "ListOptions.meta.k8s.io \"\" is invalid: \(field): \(words)")
        answer.details = [
            "group": "meta.k8s.io", "kind": "ListOptions",
            "causes": [
                ["reason": "FieldValueForbidden", "message": .string("Forbidden: \(words)"), "field": .string(field)]
            ],
        ]
        return answer
    }

    /// The `metav1.Status`.
    package var document: JSONValue {
        var document: JSONValue = [
            "kind": "Status", "apiVersion": "v1", "metadata": [:], "status": "Failure", "message": .string(message),
            "reason": .string(reason), "code": .int(Int64(status)),
        ]
        if let continueToken { document["metadata"] = ["continue": .string(continueToken)] }
        if let details { document["details"] = details }
        return document
    }
}
