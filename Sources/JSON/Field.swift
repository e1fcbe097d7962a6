/// One field of a `Described` type.
public struct Field<Root: Sendable>: Sendable {
    /// In JSON.
    public var name: String { key.text }
    let key: MemberName
    let property: FieldProperty<Root>
    private let declaration: Declaration

    /// What only schemas need. It lies elsewhere because readers run over many fields in search of a name.
    private final class Declaration: Sendable {
        let schema: JSONSchema
        let isRequired: Bool

        init(schema: JSONSchema, isRequired: Bool) {
            self.schema = schema
            self.isRequired = isRequired
        }
    }

    var schema: JSONSchema { declaration.schema }
    var isRequired: Bool { declaration.isRequired }

    /// A field with a value of its own.
    /// - Parameters:
    ///   - name: in JSON.
    ///   - path: to the stored property.
    ///   - description: for `kubectl explain`.
    ///   - isRequired: whether the schema refuses a document without it.
    ///   - adjust: narrows the schema of the value's type, for example by a pattern.
    @inlinable
    public init<Value: SchemaRepresentable>(
        _ name: String,
        _ path: any WritableKeyPath<Root, Value> & Sendable,
        _ description: String,
        isRequired: Bool = false,
        adjust: (inout JSONSchema) -> Void = { _ in }
    ) {
        self.init(name, FieldProperty(path), Value.schema, description, isRequired, adjust)
    }

    /// A field that may be absent.
    @inlinable
    public init<Value: SchemaRepresentable>(
        _ name: String,
        _ path: any WritableKeyPath<Root, Value?> & Sendable,
        _ description: String,
        isRequired: Bool = false,
        adjust: (inout JSONSchema) -> Void = { _ in }
    ) {
        self.init(name, FieldProperty(path), Value.schema, description, isRequired, adjust)
    }

    /// The field's JSON form, or nil when the field is absent.
    public func value(in root: Root) -> JSONValue? {
        let value = property.value(root)
        return value.isNull ? nil : value
    }

    @usableFromInline
    init(
        _ name: String,
        _ property: FieldProperty<Root>,
        _ schema: JSONSchema,
        _ description: String,
        _ isRequired: Bool,
        _ adjust: (inout JSONSchema) -> Void
    ) {
        var schema = schema
        schema.description = description
        adjust(&schema)
        key = MemberName(name)
        self.property = property
        declaration = Declaration(schema: schema, isRequired: isRequired)
    }
}

/// How a field's value gets into a `Root` and out of it.
///
/// Inlinable, like what reads the values, so that the module that declares a field has code for just its types: looking
/// up generic types at run time took as long as reading.
@usableFromInline
struct FieldProperty<Root>: Sendable {
    let set: @Sendable (JSONValue, inout Root) throws(JSONDecodingError) -> Void
    let read: @Sendable (inout JSONReader, inout Root) throws(JSONDecodingError) -> Void
    let copy: @Sendable (Root, inout Root) -> Void
    let value: @Sendable (Root) -> JSONValue

    @usableFromInline
    init(
        set: @escaping @Sendable (JSONValue, inout Root) throws(JSONDecodingError) -> Void,
        read: @escaping @Sendable (inout JSONReader, inout Root) throws(JSONDecodingError) -> Void,
        copy: @escaping @Sendable (Root, inout Root) -> Void,
        value: @escaping @Sendable (Root) -> JSONValue
    ) {
        self.set = set
        self.read = read
        self.copy = copy
        self.value = value
    }

    @inlinable
    init<Value: JSONConvertible>(_ path: any WritableKeyPath<Root, Value> & Sendable) {
        self.init(
            set: { json, root throws(JSONDecodingError) in root[keyPath: path] = try Value(json: json) },
            read: { reader, root throws(JSONDecodingError) in root[keyPath: path] = try Value(reading: &reader) },
            copy: { source, root in root[keyPath: path] = source[keyPath: path] },
            value: { $0[keyPath: path].json() }
        )
    }
}

extension JSONReader {
    /// Finds the field of a name, trying those from `start` on first.
    func index<Root>(
        of token: StringToken,
        in fields: UnsafeBufferPointer<Field<Root>>,
        from start: Int
    ) -> Int? {
        guard token.isPlain else {
            let name = string(token)
            return fields.firstIndex { $0.name == name }
        }
        let shape = MemberName.Shape(bytes, from: token.start, to: token.end)
        var index = start
        for _ in fields.indices {
            if index >= fields.count { index = 0 }
            if fields[index].key.shape == shape, fields[index].key.hasMiddle(of: bytes, at: token.start) {
                return index
            }
            index += 1
        }
        return nil
    }
}
