public import JSON

// JSON that keeps the types of the language: {"int64": "1"}, {"list": [{"bool": true}]}.

extension Value {
    /// Reads a value from JSON that names its type, as ``typedJSON()`` writes it.
    /// - Throws: which part is of no known form.
    public init(typed json: JSONValue) throws(CELError) { self = try Self.value(json, depth: 0) }

    private static func value(_ json: JSONValue, depth: Int) throws(CELError) -> Value {
        guard depth <= maximumDepth else { throw tooDeep }
        guard let members = json.object, members.count == 1, let (kind, content) = members.first else {
            throw CELError("a typed value is an object with one member, such as {\"int64\": \"1\"}")
        }
        if let value = try scalar(kind, content) { return value }
        switch (kind, content) {
        case ("list", .array(let elements)):
            var values: [Value] = []
            for element in elements { values.append(try value(element, depth: depth + 1)) }
            return .list(values)
        case ("map", .array(let entries)):
            var builder = MapBuilder()
            for entry in entries {
                guard let key = entry["key"], let content = entry["value"] else {
                    throw CELError("an entry of a typed map has the members \"key\" and \"value\"")
                }
                guard let key = MapKey(try value(key, depth: depth + 1)) else {
                    throw CELError("the key of a typed map is a bool, an int64, a uint64 or a string")
                }
                builder.set(key, try value(content, depth: depth + 1))
            }
            return .map(builder.map)
        case ("optional", .null): return .optional(nil)
        case ("optional", _): return .optional(try value(content, depth: depth + 1))
        default: throw CELError("a typed value cannot be {\"\(kind)\": \(content.kind)}")
        }
    }

    /// The value of a kind that holds no others, or nil.
    private static func scalar(_ kind: String, _ content: JSONValue) throws(CELError) -> Value? {
        switch (kind, content) {
        case ("null", .null): return .null
        case ("bool", .bool(let value)): return .bool(value)
        case ("int64", .int(let value)): return .int(value)
        case ("int64", .string(let text)): return Int64(text).map { .int($0) }
        case ("uint64", .int(let value)): return UInt64(exactly: value).map { .uint($0) }
        case ("uint64", .string(let text)): return UInt64(text).map { .uint($0) }
        case ("double", .int), ("double", .double): return content.double.map { .double($0) }
        case ("double", .string("NaN")): return .double(.nan)
        case ("double", .string("Infinity")): return .double(.infinity)
        case ("double", .string("-Infinity")): return .double(-.infinity)
        case ("string", .string(let text)): return .string(text)
        case ("bytes", .string(let text)): return Base64.decode(text).map { .bytes($0) }
        case ("timestamp", .string(let text)): return try Conversions.timestamp(.string(text))
        case ("duration", .string(let text)): return try Conversions.duration(.string(text))
        case ("type", .string(let name)): return .type(ValueType(name))
        default: return nil
        }
    }

    /// This value as JSON that names its type: `{"null":null}`, `{"bool":true}`, `{"int64":"1"}`, `{"uint64":"1"}`,
    /// `{"double":1.5}` (`"NaN"`, `"Infinity"`, `"-Infinity"` as strings), `{"string":"x"}`, `{"bytes":"<base64>"}`,
    /// `{"list":[…]}`, `{"map":[{"key":…,"value":…}]}`, `{"timestamp":"<RFC 3339>"}`, `{"duration":"1.5s"}`,
    /// `{"type":"int"}`, `{"optional":…}` with null for no value. What the libraries for Kubernetes make is written under
    /// the name of its type.
    /// - Parameter maximumSize: of the JSON text, in bytes, roughly.
    /// - Throws: when the value is too large or nests deeper than 128 levels.
    public func typedJSON(maximumSize: Int = Value.maximumSize) throws(CELError) -> JSONValue {
        var size = WrittenSize(remaining: maximumSize)
        return try typedJSON(depth: 0, &size)
    }

    private func typedJSON(depth: Int, _ size: inout WrittenSize) throws(CELError) -> JSONValue {
        guard depth <= Self.maximumDepth else { throw Self.tooDeep }
        switch self {
        case .optional(let content):
            try size.add(12)
            return ["optional": try content?.typedJSON(depth: depth + 1, &size) ?? .null]
        case .list(let list): return try Self.typedJSON(of: list, depth: depth + 1, &size)
        case .map(let map): return try Self.typedJSON(of: map, depth: depth + 1, &size)
        default:
            let json = typedScalar
            try size.add(json)
            return json
        }
    }

    private var typedScalar: JSONValue {
        switch self {
        case .bool(let value): return ["bool": .bool(value)]
        case .int(let value): return ["int64": .string(String(value))]
        case .uint(let value): return ["uint64": .string(String(value))]
        case .double(let value):
            if value.isFinite { return ["double": .double(value)] }
            return ["double": .string(value.isNaN ? "NaN" : value < 0 ? "-Infinity" : "Infinity")]
        case .string(let value): return ["string": .string(value)]
        case .bytes(let value): return ["bytes": .string(Base64.encode(value))]
        case .timestamp(let value): return ["timestamp": .string(value.text)]
        case .duration(let value): return ["duration": .string(value.text)]
        case .type(let type): return ["type": .string(type.name)]
        case .other(let content): return .object([content.type.name: .string(content.text ?? "")])
        case .null, .list, .map, .optional: return ["null": .null]
        }
    }

    private static func typedJSON(of list: List, depth: Int, _ size: inout WrittenSize) throws(CELError) -> JSONValue {
        try size.add(10 + list.count)
        var elements: [JSONValue] = []
        for element in list { elements.append(try element.typedJSON(depth: depth, &size)) }
        return ["list": .array(elements)]
    }

    private static func typedJSON(of map: Map, depth: Int, _ size: inout WrittenSize) throws(CELError) -> JSONValue {
        try size.add(9 + map.count * 16)
        var entries: [JSONValue] = []
        for key in map.keys {
            guard let value = map[key] else { continue }
            let keyJSON = try key.typedJSON(depth: depth, &size)
            entries.append(["key": keyJSON, "value": try value.typedJSON(depth: depth, &size)])
        }
        return ["map": .array(entries)]
    }
}

extension Value: CustomStringConvertible {
    /// The typed JSON of small values, the type of others.
    public var description: String { (try? typedJSON(maximumSize: 1000))?.description ?? summary }
}

extension Bindings {
    /// Reads a document that maps names to typed values: `{"x": {"int64": "1"}}`.
    /// - Throws: which name has a value of no known form.
    public init(typed json: JSONValue) throws(CELError) {
        guard let members = json.object else {
            throw CELError("bindings are an object that maps names to typed values")
        }
        var values: [String: Value] = [:]
        for (name, member) in members {
            do throws(CELError) {
                values[name] = try Value(typed: member)
            } catch {
                throw CELError("the value of \"\(name)\": \(error.message)")
            }
        }
        self.init(values)
    }
}
