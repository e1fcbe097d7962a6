public import JSON

/// One aspect of an object's state, as `kubectl wait --for=condition=…` reads it (`metav1.Condition`).
public struct Condition: Described, Hashable {
    /// Whether the aspect holds.
    public enum Value: String, Sendable, Hashable, CaseIterable, SchemaRepresentable {
        /// It does.
        case `true` = "True"
        /// It does not.
        case `false` = "False"
        /// It cannot be told yet.
        case unknown = "Unknown"
    }

    /// CamelCase; unique within the object.
    public var type = ""
    /// Whether it holds.
    public var status = Value.unknown
    /// One CamelCase word for machines.
    public var reason = ""
    /// A sentence for people.
    public var message = ""
    /// When `status` changed last.
    public var lastTransitionTime: Timestamp?
    /// The generation of the spec that this speaks of.
    public var observedGeneration: Int?

    /// A condition without a type.
    public init() {}

    /// A condition from its parts.
    public init(_ type: String, _ status: Value, _ reason: String, _ message: String) {
        self.type = type
        self.status = status
        self.reason = reason
        self.message = message
    }

    private static let reasonPattern = JSONSchema.Pattern(
        "^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$",
        meaning: "a reason (a letter, then letters, digits, '_', ',' or ':')",
        matches: { text in
            guard text.utf8.allSatisfy({ $0 < 0x80 }), let first = text.first, let last = text.last else {
                return false
            }
            return first.isLetter && last != "," && last != ":"
                && text.allSatisfy { $0.isLetter || $0.isNumber || "_,:".contains($0) }
        }
    )

    public static let about = "One aspect of the state of the process."
    public static let fields: [Field<Condition>] = [
        Field("type", \.type, "The aspect, in CamelCase.", isRequired: true) { $0.maxLength = 316 },
        Field("status", \.status, "True, False or Unknown.", isRequired: true),
        Field("reason", \.reason, "One word for machines.", isRequired: true) {
            $0.pattern = reasonPattern
            $0.maxLength = 1024
        },
        Field("message", \.message, "A sentence for people.", isRequired: true) { $0.maxLength = 32768 },
        Field("lastTransitionTime", \.lastTransitionTime, "When status changed last.", isRequired: true),
        Field("observedGeneration", \.observedGeneration, "The generation this speaks of.") { $0.minimum = 0 },
    ]
}
