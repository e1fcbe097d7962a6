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
            do { try field.property.set(value, &self) } catch { throw error.inside(field.name) }
        }
    }

    /// Reads the listed fields and skips the rest.
    ///
    /// A described type whose own `init(json:)` does more than that needs an `init(reading:)` of its own as well.
    public init(reading reader: inout JSONReader) throws(JSONDecodingError) {
        self.init()
        try Self.fields.withUnsafeBufferPointer { fields throws(JSONDecodingError) in
            try readMembers(fields, from: &reader)
        }
    }

    // The fields come as a buffer because looking at one in an array copies it, which costs a reference count for each
    // of its parts.
    private mutating func readMembers(
        _ fields: UnsafeBufferPointer<Field<Self>>,
        from reader: inout JSONReader
    ) throws(JSONDecodingError) {
        // Documents mostly keep to one order of members, so the next field is looked for behind the last one.
        var next = 0
        var more = try reader.enterObject()
        while more {
            let token = try reader.readMemberName()
            let level = reader.enter(token)
            if !reader.isLeftOut(level), let index = reader.index(of: token, in: fields, from: next) {
                next = index + 1
                do {
                    if try reader.readNull() {
                        // Another member of the same name may have stood before.
                        fields[index].property.copy(Self(), &self)
                    } else {
                        try fields[index].property.read(&reader, &self)
                    }
                } catch { throw error.inside(fields[index].name) }
            } else {
                try reader.skipValue()
            }
            reader.leave(level)
            more = try reader.nextMember()
        }
    }

    /// Writes the listed fields.
    public func json() -> JSONValue {
        var members: [String: JSONValue] = [:]
        Self.fields.withUnsafeBufferPointer { fields in
            for index in fields.indices { members[fields[index].name] = fields[index].value(in: self) }
        }
        return .object(members)
    }

    /// The schema of the listed fields.
    public static var schema: JSONSchema { schema(of: fields, about: about, rules: rules) }

    /// The schema of objects that may have only some of the fields.
    /// - Parameters:
    ///   - fields: those that there may be.
    ///   - about: what such an object is, for `kubectl explain`.
    ///   - rules: over several fields; none by default.
    public static func schema(
        of fields: [Field<Self>],
        about: String,
        rules: [JSONSchema.Rule] = []
    ) -> JSONSchema {
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
        JSONSchema(.string).with(\.allowedValues, allCases.map { .string($0.rawValue) })
    }
}
