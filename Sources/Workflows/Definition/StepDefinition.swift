public import JSON

/// One step of a definition.
public struct StepDefinition: Described, Hashable {
    /// Unique within the definition.
    public var name = ""
    /// The name of an action.
    public var action = ""
    /// The action's inputs.
    public var with: JSONValue?
    /// Names of steps that must be completed first.
    public var needs: [String]?
    /// A condition; the step is skipped when it is false.
    public var when: String?
    /// Runs the step once for each element of a list.
    public var forEach: ForEach?
    /// Overrides the process's policy.
    public var retry: RetryPolicy?
    /// For one attempt.
    public var timeout: String?
    /// How long the step may wait for its locks.
    public var pendingTimeout: String?
    /// Undoes the step on rollback.
    public var compensate: Compensation?
    /// What to do when nobody knows whether the step's effect happened. nil: what suits the action.
    public var onUnknown: UnknownOutcomePolicy?
    /// Held while the step runs and waits for other attempts.
    public var locks: [LockReference]?
    /// Reuses an earlier output.
    public var memoize: Memoization?

    /// A step without a name.
    public init() {}

    /// A step from its parts.
    public init(_ name: String, action: String, with: JSONValue? = nil, needs: [String]? = nil) {
        self.name = name
        self.action = action
        self.with = with
        self.needs = needs
    }

    /// What step names look like: a letter, then letters, digits, dashes and underscores.
    static let namePattern = JSONSchema.Pattern(
        "^[A-Za-z][A-Za-z0-9_-]*$",
        meaning: "a step name (a letter, then letters, digits, '-' or '_')",
        matches: { name in
            guard let first = name.unicodeScalars.first, first.properties.isAlphabetic, first.isASCII else {
                return false
            }
            return name.utf8.allSatisfy(isNameByte)
        }
    )

    @Sendable
    private static func isNameByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"):
            true
        default: false
        }
    }

    public static let about = "One step of a workflow."
    public static let fields: [Field<StepDefinition>] = [
        Field("name", \.name, "Unique within the definition: letters, digits, dashes.", isRequired: true) {
            $0.pattern = namePattern
            $0.maxLength = 63
        },
        Field("action", \.action, "What the step does, for example http, delay or echo.", isRequired: true) {
            $0.minLength = 1
        },
        Field("with", \.with, "The action's inputs.") { $0.kind = .object },
        Field("needs", \.needs, "Steps that must be completed before this one starts.") { $0.isSet = true },
        Field("when", \.when, "CEL condition; the step is skipped when it is false."),
        Field("forEach", \.forEach, "Runs the step once for each element of a list."),
        Field("retry", \.retry, "Overrides the retry policy of the process."),
        Field("timeout", \.timeout, "Limit for one attempt, for example 10m. Default: none.", adjust: asDuration),
        Field(
            "pendingTimeout",
            \.pendingTimeout,
            "How long the step may wait for its locks. Default: no limit.",
            adjust: asDuration
        ),
        Field("compensate", \.compensate, "The action that undoes this step on rollback."),
        Field("onUnknown", \.onUnknown, "What to do when it is unknown whether the step's effect happened."),
        Field("locks", \.locks, "Mutexes and semaphores that the step holds.") { $0.maxItems = 16 },
        Field("memoize", \.memoize, "Reuses the output of an earlier step with the same key."),
    ]
}
