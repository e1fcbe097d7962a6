public import JSON

extension Value {
    /// How deeply lists and maps may nest to be written: far beyond real data, and little enough for a stack of 512 kB.
    /// JSON that was only passed on may nest more deeply.
    static let maximumDepth = 128

    static var tooDeep: CELError { CELError("the value nests deeper than \(maximumDepth) levels") }

    /// How large written values may be unless asked otherwise, in bytes.
    ///
    /// Parts of a value may be one and the same many times over: what took little to compute can take no end to write.
    public static let maximumSize = 16_777_216

    /// This value as JSON: bytes as base64, times as RFC 3339, durations as "1.5s", keys of maps as strings, an optional
    /// as what it holds, quantities, addresses and URLs as text.
    /// - Parameter maximumSize: of the JSON text, in bytes, roughly.
    /// - Throws: when it has no JSON form: types, numbers that are no number or infinite, integers above 2^63 - 1, an
    ///   optional without a value. When it is too large or nests deeper than 128 levels.
    public func json(maximumSize: Int = Value.maximumSize) throws(CELError) -> JSONValue {
        // What was only passed on is no larger than it came in.
        switch self {
        case .list(let list): if case .json(let elements) = list.storage { return .array(elements) }
        case .map(let map): if case .json(let members) = map.storage { return .object(members) }
        default: break
        }
        var size = WrittenSize(remaining: maximumSize)
        return try json(depth: 0, &size)
    }

    private func json(depth: Int, _ size: inout WrittenSize) throws(CELError) -> JSONValue {
        switch self {
        case .list(let list): return try Self.json(of: list, depth: depth + 1, &size)
        case .map(let map): return try Self.json(of: map, depth: depth + 1, &size)
        case .optional(let content):
            guard let content else { throw noJSON("it is optional.none()") }
            return try content.json(depth: depth + 1, &size)
        default:
            let json = try scalarJSON()
            try size.add(json)
            return json
        }
    }

    private func scalarJSON() throws(CELError) -> JSONValue {
        switch self {
        case .bool(let value): return .bool(value)
        case .int(let value): return .int(value)
        case .uint(let value):
            guard let int = Int64(exactly: value) else { throw noJSON("the uint \(value) is too large") }
            return .int(int)
        case .double(let value):
            guard value.isFinite else { throw noJSON("the double \(value.shortest) is no number of JSON") }
            return .double(value)
        case .string(let value): return .string(value)
        case .bytes(let value): return .string(Base64.encode(value))
        case .timestamp(let value): return .string(value.text)
        case .duration(let value): return .string(value.text)
        case .type(let type): throw noJSON("it is the type \(type.name)")
        case .other(let content):
            guard let text = content.text else { throw noJSON("it is a value of type \(type.name)") }
            return .string(text)
        case .null, .list, .map, .optional: return .null
        }
    }

    private static func json(of list: List, depth: Int, _ size: inout WrittenSize) throws(CELError) -> JSONValue {
        guard depth <= maximumDepth else { throw tooDeep }
        try size.add(2 + list.count)
        if case .json(let elements) = list.storage {
            let json = JSONValue.array(elements)
            try size.add(json)
            return json
        }
        var elements: [JSONValue] = []
        elements.reserveCapacity(list.count)
        for element in list { elements.append(try element.json(depth: depth, &size)) }
        return .array(elements)
    }

    private static func json(of map: Map, depth: Int, _ size: inout WrittenSize) throws(CELError) -> JSONValue {
        guard depth <= maximumDepth else { throw tooDeep }
        try size.add(2 + map.count)
        if case .json(let members) = map.storage {
            let json = JSONValue.object(members)
            try size.add(json)
            return json
        }
        var members: [String: JSONValue] = [:]
        for key in map.keys {
            guard let name = MapKey(key)?.text, let value = map[key] else { continue }
            try size.add(name.utf8.count)
            members[name] = try value.json(depth: depth, &size)
        }
        return .object(members)
    }

    private func noJSON(_ reason: String) -> CELError { CELError("the value has no JSON form: \(reason)") }
}

/// What is left of the size a written value may have.
struct WrittenSize {
    private var remaining: Int

    init(remaining: Int) { self.remaining = remaining }

    mutating func add(_ bytes: Int) throws(CELError) {
        guard bytes <= remaining else { throw CELError("the value is too large to be written") }
        remaining -= bytes
    }

    /// Adds what a JSON value takes, with a list of what is still to do instead of a recursion.
    mutating func add(_ json: JSONValue) throws(CELError) {
        var pending = [json]
        while let json = pending.popLast() {
            switch json {
            case .string(let text): try add(text.utf8.count + 2)
            case .array(let elements):
                try add(elements.count + 2)
                pending += elements
            case .object(let members):
                try add(members.count + 2)
                for (name, member) in members {
                    try add(name.utf8.count)
                    pending.append(member)
                }
            case .null, .bool, .int, .double: try add(4)
            }
        }
    }
}
