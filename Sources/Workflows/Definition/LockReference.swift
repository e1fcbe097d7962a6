public import JSON

/// A mutex or semaphore that is held while a step or a process runs.
///
/// Locks are known by their names within one installation. Who asks first is served first.
public struct LockReference: Described, Hashable {
    /// Its name; expressions are allowed.
    public var name = ""
    /// How many may hold it at once; 1 for a mutex.
    public var limit: Int?

    /// A lock without a name.
    public init() {}

    /// A lock from its parts.
    public init(_ name: String, limit: Int? = nil) {
        self.name = name
        self.limit = limit
    }

    /// What the name, once evaluated, may look like: it becomes part of a key.
    static let namePattern = JSONSchema.Pattern(
        "^[A-Za-z0-9][A-Za-z0-9._/-]{0,252}$",
        meaning: "a lock name (letters, digits, '.', '_', '/' or '-', at most 253)",
        matches: { name in
            guard let first = name.utf8.first, isAlphanumeric(first), name.utf8.count <= 253 else { return false }
            return name.utf8.allSatisfy { isAlphanumeric($0) || [0x2E, 0x5F, 0x2F, 0x2D].contains($0) }
        }
    )

    @Sendable
    private static func isAlphanumeric(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        default: false
        }
    }

    public static let about = "A mutex or semaphore that is held meanwhile."
    public static let fields: [Field<LockReference>] = [
        Field("name", \.name, "Known by this name to all processes.", isRequired: true) { $0.minLength = 1 },
        Field("limit", \.limit, "How many may hold it at once. Default 1, a mutex.") { $0.minimum = 1 },
    ]
}
