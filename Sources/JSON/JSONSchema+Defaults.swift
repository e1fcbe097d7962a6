extension JSONSchema {
    /// How much defaults may add to one value, in bytes of JSON text, roughly.
    ///
    /// A few hundred kilobytes of list and a few of default would else make many gigabytes. 1.5 MiB is what etcd, and
    /// with it an API server, takes for a whole object (etcd's `--max-request-bytes`).
    public static let maximumDefaultedBytes = 3 << 19

    /// The value with its missing members filled in by their `default`, at every depth, as an API server does it.
    ///
    /// A `null` where one of a known type is wanted that is not nullable counts as missing: the default takes its
    /// place, and without one the member is left out, unless it is required. Members that an added default lacks are
    /// filled in as well. What breaks the schema otherwise stays as it is, for `violations(of:)` to find afterwards.
    /// - Throws: when the defaults add more than `maximumDefaultedBytes`.
    public func applyingDefaults(to value: JSONValue) throws(JSONDecodingError) -> JSONValue {
        var filling = Filling()
        return try filling.fill(value, by: self)
    }
}

private struct Filling {
    private var remaining = JSONSchema.maximumDefaultedBytes

    mutating func fill(_ value: JSONValue, by schema: JSONSchema) throws(JSONDecodingError) -> JSONValue {
        if schema.takesForAbsent(value), let defaultValue = schema.defaultValue, !defaultValue.isNull {
            return try fill(try taken(defaultValue), by: schema)
        }
        switch value {
        case .array(let elements):
            guard let items = schema.items.first else { return value }
            var filled: [JSONValue] = []
            filled.reserveCapacity(elements.count)
            for (index, element) in elements.enumerated() {
                do { filled.append(try fill(element, by: items)) } catch { throw error.inside("[\(index)]") }
            }
            return .array(filled)
        case .object(let members):
            return .object(try fill(members, by: schema))
        default:
            return value
        }
    }

    private mutating func fill(
        _ given: [String: JSONValue],
        by schema: JSONSchema
    ) throws(JSONDecodingError) -> [String: JSONValue] {
        var members = given
        for (name, property) in schema.properties where members[name] == nil {
            guard let defaultValue = property.defaultValue else { continue }
            do { members[name] = try taken(defaultValue) } catch { throw error.inside(name) }
        }
        for (name, member) in members {
            guard let inner = schema.properties[name] ?? schema.additionalProperties.first else { continue }
            if inner.takesForAbsent(member), inner.defaultValue == nil {
                if !schema.required.contains(name) { members[name] = nil }
                continue
            }
            do { members[name] = try fill(member, by: inner) } catch { throw error.inside(name) }
        }
        return members
    }

    private mutating func taken(_ defaultValue: JSONValue) throws(JSONDecodingError) -> JSONValue {
        remaining -= defaultValue.roughSize
        guard remaining >= 0 else {
            throw JSONDecodingError(
                "the defaults of the schema add more than \(JSONSchema.maximumDefaultedBytes) bytes; "
                    + "write shorter defaults or fewer elements"
            )
        }
        return defaultValue
    }
}

extension JSONValue {
    /// About the number of bytes of its JSON text.
    fileprivate var roughSize: Int {
        switch self {
        case .null, .bool, .int, .double: 8
        case .string(let text): text.utf8.count + 8
        case .array(let elements): elements.reduce(8) { $0 + $1.roughSize }
        case .object(let members): members.reduce(8) { $0 + $1.key.utf8.count + $1.value.roughSize }
        }
    }
}
