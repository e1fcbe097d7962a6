/// A reply, or an element of one, as RESP2 knows them.
public enum RedisValue: Sendable, Hashable {
    /// A bulk string: any bytes.
    case string([UInt8])
    /// A simple string, such as `OK`.
    case status(String)
    /// An error inside an array. An error that is the whole reply is thrown as ``RedisError/server(_:)`` instead.
    case error(RedisReplyError)
    /// An integer.
    case integer(Int64)
    /// No value: a null bulk string or a null array.
    case null
    /// An array, of mixed types, possibly nested. At most seven levels can be read.
    case array([RedisValue])
}

extension RedisValue {
    /// The bytes of a bulk string.
    public var bytes: [UInt8]? {
        if case .string(let bytes) = self { bytes } else { nil }
    }

    /// A bulk string or a status as text; `nil` for anything else and for bytes that are not UTF-8.
    public var text: String? {
        switch self {
        case .string(let bytes): String(validating: bytes, as: UTF8.self)
        case .status(let text): text
        default: nil
        }
    }

    /// The number of an integer reply.
    public var integer: Int64? {
        if case .integer(let number) = self { number } else { nil }
    }

    /// The elements of an array.
    public var array: [RedisValue]? {
        if case .array(let elements) = self { elements } else { nil }
    }

    /// Whether there is no value.
    public var isNull: Bool { self == .null }
}
