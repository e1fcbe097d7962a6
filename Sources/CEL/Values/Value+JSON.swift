public import JSON

extension Value {
    /// How deeply lists and maps may nest to be written: far beyond real data, and little enough for a stack of 512 kB.
    /// JSON that was only passed on may nest more deeply.
    static let maximumDepth = 128

    static var tooDeep: CELError { CELError("the value nests deeper than \(maximumDepth) levels") }

    /// This value as JSON: bytes as base64, times as RFC 3339, durations as "1.5s", keys of maps as strings, an optional
    /// as what it holds, quantities, addresses and URLs as text.
    /// - Throws: when it has no JSON form: types, numbers that are no number or infinite, integers above 2^63 - 1, an
    ///   optional without a value.
    public func json() throws(CELError) -> JSONValue { try json(depth: 0) }

    private func json(depth: Int) throws(CELError) -> JSONValue {
        switch self {
        case .null: return .null
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
        case .list(let list):
            if case .json(let elements) = list.storage { return .array(elements) }
            return .array(try Self.elements(list, depth: depth + 1))
        case .map(let map):
            if case .json(let members) = map.storage { return .object(members) }
            return .object(try Self.members(map, depth: depth + 1))
        case .type(let type): throw noJSON("it is the type \(type.name)")
        case .optional(let content):
            guard let content else { throw noJSON("it is optional.none()") }
            return try content.json(depth: depth)
        case .other(let content):
            guard let text = content.text else { throw noJSON("it is a value of type \(type.name)") }
            return .string(text)
        }
    }

    private static func elements(_ list: List, depth: Int) throws(CELError) -> [JSONValue] {
        try check(depth)
        var elements: [JSONValue] = []
        elements.reserveCapacity(list.count)
        for element in list { elements.append(try element.json(depth: depth)) }
        return elements
    }

    private static func members(_ map: Map, depth: Int) throws(CELError) -> [String: JSONValue] {
        try check(depth)
        var members: [String: JSONValue] = [:]
        for key in map.keys {
            guard let name = MapKey(key)?.text, let value = map[key] else { continue }
            members[name] = try value.json(depth: depth)
        }
        return members
    }

    private static func check(_ depth: Int) throws(CELError) {
        guard depth <= maximumDepth else { throw tooDeep }
    }

    private func noJSON(_ reason: String) -> CELError { CELError("the value has no JSON form: \(reason)") }
}
