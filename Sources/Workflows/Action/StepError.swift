public import JSON

/// Why a step did not do its work.
public struct StepError: Error, Sendable, Hashable, CustomStringConvertible {
    /// What would help.
    public enum Class: String, Sendable, Hashable, CaseIterable, SchemaRepresentable {
        /// Another attempt may do better.
        case transient = "Transient"
        /// Another attempt cannot do better; unless `hasHadEffect` says so, this one had no effect.
        case permanent = "Permanent"
        /// The attempt took too long; another one may be faster.
        case timeout = "Timeout"
    }

    /// Whether another attempt makes sense.
    public let errorClass: Class
    /// A stable text for people to group by: no ids, no times.
    public let summary: String
    /// More about this one failure; nil when the summary says it all.
    public let detail: String?
    /// The target asked not to be tried again before.
    public let retryAfter: Duration?
    /// Whether the effect, or part of it, has happened although the step failed, so that there is something to undo. A
    /// transient failure is taken to have had one.
    public var hasHadEffect = false

    /// A failure from its parts.
    public init(_ errorClass: Class, _ summary: String, detail: String? = nil, retryAfter: Duration? = nil) {
        self.errorClass = errorClass
        self.summary = summary
        self.detail = detail
        self.retryAfter = retryAfter
    }

    /// Summary and detail.
    public var description: String { detail.map { "\(summary): \($0)" } ?? summary }

    /// What people group failures by that a wrong definition or input causes.
    public static let invalidConfiguration = "Invalid configuration"

    /// A step whose attempt took longer than its limit.
    public static let timeoutExceeded = StepError(.timeout, "Timeout exceeded")

    /// What expressions see as `error`.
    var value: JSONValue {
        [
            "class": .string(errorClass.rawValue), "summary": .string(summary), "detail": .string(detail ?? ""),
            "message": .string(description),
        ]
    }
}
