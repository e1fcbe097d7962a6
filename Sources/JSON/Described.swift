/// A type that knows the schema of its JSON form.
public protocol SchemaRepresentable: JSONConvertible {
    /// The schema of every value of this type.
    static var schema: JSONSchema { get }
}

/// A struct whose fields are listed once; its schema, its decoder and its encoder all follow from that list.
///
/// ```swift
/// struct Backoff: Described {
///     var duration = "5s"
///     var factor: Int?
///
///     static let about = "How long to wait between attempts."
///     static let fields: [Field<Backoff>] = [
///         Field("duration", \.duration, "Before the second attempt."),
///         Field("factor", \.factor, "Multiplies the delay after each attempt."),
///     ]
/// }
/// ```
///
/// A field that is missing or `null` in the document keeps the value it has in `init()`. A field whose value is nil
/// is left out of the output. Unknown members are ignored when reading; `schema.violations(of:)` names them.
public protocol Described: SchemaRepresentable {
    /// A value with every field at its default.
    init()
    /// What the type is, for `kubectl explain`.
    static var about: String { get }
    /// Every field of the JSON form.
    static var fields: [Field<Self>] { get }
    /// Rules over several fields; none by default.
    static var rules: [JSONSchema.Rule] { get }
}

/// One field of a `Described` type.
public struct Field<Root: Sendable>: Sendable {
    /// In JSON.
    public let name: String
    let schema: JSONSchema
    let isRequired: Bool
    let read: @Sendable (JSONValue, inout Root) throws(JSONDecodingError) -> Void
    let write: @Sendable (Root) -> JSONValue?

    /// A field with a value of its own.
    /// - Parameters:
    ///   - name: in JSON.
    ///   - path: to the stored property.
    ///   - description: for `kubectl explain`.
    ///   - isRequired: whether the schema refuses a document without it.
    ///   - adjust: narrows the schema of the value's type, for example by a pattern.
    public init<Value: SchemaRepresentable>(
        _ name: String,
        _ path: any WritableKeyPath<Root, Value> & Sendable,
        _ description: String,
        isRequired: Bool = false,
        adjust: (inout JSONSchema) -> Void = { _ in }
    ) {
        self.init(name, Value.schema, description, isRequired, adjust) { value, root throws(JSONDecodingError) in
            root[keyPath: path] = try Value(json: value)
        } write: {
            $0[keyPath: path].json()
        }
    }

    /// A field that may be absent.
    public init<Value: SchemaRepresentable>(
        _ name: String,
        _ path: any WritableKeyPath<Root, Value?> & Sendable,
        _ description: String,
        isRequired: Bool = false,
        adjust: (inout JSONSchema) -> Void = { _ in }
    ) {
        self.init(name, Value.schema, description, isRequired, adjust) { value, root throws(JSONDecodingError) in
            root[keyPath: path] = try Value(json: value)
        } write: {
            $0[keyPath: path]?.json()
        }
    }

    /// The field's JSON form, or nil when the field is absent.
    public func value(in root: Root) -> JSONValue? { write(root) }

    private init(
        _ name: String,
        _ schema: JSONSchema,
        _ description: String,
        _ isRequired: Bool,
        _ adjust: (inout JSONSchema) -> Void,
        read: @escaping @Sendable (JSONValue, inout Root) throws(JSONDecodingError) -> Void,
        write: @escaping @Sendable (Root) -> JSONValue?
    ) {
        var schema = schema
        schema.description = description
        adjust(&schema)
        self.name = name
        self.schema = schema
        self.isRequired = isRequired
        self.read = read
        self.write = write
    }
}

extension Described {
    /// None.
    public static var rules: [JSONSchema.Rule] { [] }

    /// Reads the listed fields.
    public init(json: JSONValue) throws(JSONDecodingError) {
        self.init()
        try readFields(of: json)
    }

    /// Sets every listed field that the document holds.
    public mutating func readFields(of json: JSONValue) throws(JSONDecodingError) {
        guard case .object(let members) = json else { throw .expected("object", found: json) }
        for field in Self.fields {
            guard let value = members[field.name], !value.isNull else { continue }
            do { try field.read(value, &self) } catch { throw error.inside(field.name) }
        }
    }

    /// Writes the listed fields.
    public func json() -> JSONValue {
        var members: [String: JSONValue] = [:]
        for field in Self.fields {
            if let value = field.write(self), !value.isNull { members[field.name] = value }
        }
        return .object(members)
    }

    /// The schema of the listed fields.
    public static var schema: JSONSchema {
        var schema = JSONSchema(.object)
        schema.description = about
        for field in fields {
            schema.properties[field.name] = field.schema
            if field.isRequired { schema.required.append(field.name) }
        }
        schema.rules = rules
        return schema
    }
}

extension String: SchemaRepresentable {
    /// Any string.
    public static var schema: JSONSchema { JSONSchema(.string) }
}

extension Bool: SchemaRepresentable {
    /// A boolean.
    public static var schema: JSONSchema { JSONSchema(.boolean) }
}

extension Int: SchemaRepresentable {
    /// A 64-bit integer.
    public static var schema: JSONSchema { JSONSchema(.integer, format: "int64") }
}

extension Double: SchemaRepresentable {
    /// Any number.
    public static var schema: JSONSchema { JSONSchema(.number) }
}

extension JSONValue: SchemaRepresentable {
    /// Any JSON value.
    public static var schema: JSONSchema {
        var schema = JSONSchema(nil)
        schema.preservesUnknownFields = true
        return schema
    }
}

extension Array: SchemaRepresentable where Element: SchemaRepresentable {
    /// A list.
    public static var schema: JSONSchema { JSONSchema(.array).with(\.items, [Element.schema]) }
}

extension Dictionary: SchemaRepresentable where Key == String, Value: SchemaRepresentable {
    /// A map with free keys.
    public static var schema: JSONSchema { JSONSchema(.object).with(\.additionalProperties, [Value.schema]) }
}

extension SchemaRepresentable where Self: CaseIterable & RawRepresentable, RawValue == String {
    /// One of the type's words.
    public static var schema: JSONSchema {
        JSONSchema(.string).with(\.allowedValues, allCases.map(\.rawValue))
    }
}
