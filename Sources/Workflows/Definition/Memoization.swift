public import JSON

/// Lets a step reuse the output of an earlier one with the same key, of this or another process of the namespace.
public struct Memoization: Described, Hashable {
    /// Identifies the output together with the action; expressions are allowed.
    public var key = ""
    /// How long an output may be reused.
    public var timeToLive: String?

    /// Unless the definition says otherwise.
    static let defaultTimeToLive: Duration = .seconds(24 * 3600)

    /// No key.
    public init() {}

    /// A memoization from its parts.
    public init(key: String, timeToLive: String? = nil) {
        self.key = key
        self.timeToLive = timeToLive
    }

    var duration: Duration { timeToLive.flatMap { Duration(text: $0) } ?? Self.defaultTimeToLive }

    public static let about = "Reuses the output of an earlier step with the same key."
    public static let fields: [Field<Memoization>] = [
        Field("key", \.key, "Identifies the output, together with the action.", isRequired: true) { $0.minLength = 1 },
        Field("ttl", \.timeToLive, "How long an output may be reused. Default 24h.", adjust: asDuration),
    ]
}
