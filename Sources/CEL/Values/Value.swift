public import JSON

/// A value of the Common Expression Language.
///
/// `==` on this type is strict: same type, same value. The language's own equality, in which `1 == 1u`, is
/// ``equals(_:)``.
public enum Value: Sendable {
    /// `null`
    case null
    /// `true` or `false`
    case bool(Bool)
    /// A signed integer of 64 bits.
    case int(Int64)
    /// An unsigned integer of 64 bits, written `1u`.
    case uint(UInt64)
    /// A floating point number of 64 bits.
    case double(Double)
    /// A sequence of Unicode code points.
    case string(String)
    /// A sequence of bytes.
    case bytes([UInt8])
    /// A list.
    case list(List)
    /// A map from booleans, integers or strings.
    case map(Map)
    /// A point in time, years 1 to 9999.
    case timestamp(Timestamp)
    /// A length of time, at most about 292 years.
    case duration(Duration)
    /// The type of a value.
    case type(ValueType)
    /// A value that may be missing, as `optional.of`, `optional.none` and `.?` make it.
    indirect case optional(Value?)
    /// A value of one of the Kubernetes libraries: a quantity, an address, a URL.
    indirect case other(ExtensionValue)
}

extension Value {
    /// Wraps a JSON value; arrays and objects are not converted until they are looked at. Integers become `int`, other
    /// numbers `double`.
    @inline(__always)
    public init(_ json: JSONValue) {
        switch json {
        case .null: self = .null
        case .bool(let value): self = .bool(value)
        case .int(let value): self = .int(value)
        case .double(let value): self = .double(value)
        case .string(let value): self = .string(value)
        case .array(let elements): self = .list(List(elements))
        case .object(let members): self = .map(Map(members))
        }
    }

    /// The type of this value.
    public var type: ValueType {
        switch self {
        case .null: .null
        case .bool: .bool
        case .int: .int
        case .uint: .uint
        case .double: .double
        case .string: .string
        case .bytes: .bytes
        case .list: .list
        case .map: .map
        case .timestamp: .timestamp
        case .duration: .duration
        case .type: .type
        case .optional: .optional
        case .other(let value): value.type
        }
    }
}

/// The name of a type of values. Types are values too: `type(1) == int`.
public struct ValueType: Sendable, Hashable {
    /// As written in expressions: `int`, `google.protobuf.Timestamp`.
    public let name: String

    /// A type of this name.
    public init(_ name: String) { self.name = name }

    static let null = ValueType("null_type")
    static let bool = ValueType("bool")
    static let int = ValueType("int")
    static let uint = ValueType("uint")
    static let double = ValueType("double")
    static let string = ValueType("string")
    static let bytes = ValueType("bytes")
    static let list = ValueType("list")
    static let map = ValueType("map")
    static let timestamp = ValueType("google.protobuf.Timestamp")
    static let duration = ValueType("google.protobuf.Duration")
    static let type = ValueType("type")
    static let optional = ValueType("optional_type")

    /// The types an expression can name.
    static let named: [String: ValueType] = {
        let types = [
            null, bool, int, uint, double, string, bytes, list, map, timestamp, duration, type, optional,
            ValueType("kubernetes.Quantity"), ValueType("kubernetes.URL"), ValueType("net.IP"), ValueType("net.CIDR"),
        ]
        return Dictionary(uniqueKeysWithValues: types.map { ($0.name, $0) })
    }()
}
