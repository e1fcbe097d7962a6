public import JSON

extension Value {
    /// A map. The members of a JSON object are converted where they are read.
    ///
    /// Entries keep the order in which an expression lists them; those of a JSON object are visited in the order of
    /// their keys, so that the same input always gives the same result.
    public struct Map: Sendable {
        enum Storage: Sendable {
            case json([String: JSONValue])
            case entries(Entries)
        }
        let storage: Storage

        final class Entries: Sendable {
            let keys: [MapKey]
            let values: [Value]
            let places: [MapKey: Int]

            init(keys: [MapKey], values: [Value], places: [MapKey: Int]) {
                self.keys = keys
                self.values = values
                self.places = places
            }
        }

        /// The members of a JSON object.
        @inline(__always)
        public init(_ members: [String: JSONValue]) { storage = .json(members) }

        /// A map from strings, ordered by key.
        public init(_ members: [String: Value]) {
            var builder = MapBuilder()
            for (key, value) in members.sorted(by: { $0.key < $1.key }) { builder.set(.string(key), value) }
            self = builder.map
        }

        init(_ entries: Entries) { storage = .entries(entries) }

        /// The number of entries.
        public var count: Int {
            switch storage {
            case .json(let members): members.count
            case .entries(let entries): entries.keys.count
            }
        }

        /// The value of a key, or nil. Numbers find each other across types: `{1: "a"}[1u]`.
        public subscript(key: Value) -> Value? {
            switch storage {
            case .json(let members):
                guard case .string(let name) = key, let member = members[name] else { return nil }
                return Value(member)
            case .entries(let entries):
                guard let key = MapKey(looking: key), let place = entries.places[key] else { return nil }
                return entries.values[place]
            }
        }

        subscript(field name: String) -> Value? {
            switch storage {
            case .json(let members): return members[name].map { Value($0) }
            case .entries(let entries): return entries.places[.string(name)].map { entries.values[$0] }
            }
        }

        /// The keys, in order.
        public var keys: [Value] {
            switch storage {
            case .json(let members): members.keys.sorted(by: { $0.precedes($1) }).map { .string($0) }
            case .entries(let entries): entries.keys.map(\.value)
            }
        }
    }

    /// A map from strings.
    public static func map(_ members: [String: Value]) -> Value { .map(Map(members)) }
}

/// What can be the key of a map. An `int` and a `uint` of the same number are the same key.
enum MapKey: Sendable, Hashable {
    case bool(Bool)
    case int(Int64)
    case uint(UInt64)
    case string(String)

    /// The key to store, or nil when the value cannot be one.
    init?(_ value: Value) {
        switch value {
        case .bool(let value): self = .bool(value)
        case .int(let value): self = .int(value)
        case .uint(let value): self = .uint(value)
        case .string(let value): self = .string(value)
        default: return nil
        }
    }

    /// The key to look for: a whole double finds the integer it equals.
    init?(looking value: Value) {
        if case .double(let number) = value {
            if let int = Int64(exactly: number) {
                self = .int(int)
            } else if let uint = UInt64(exactly: number) {
                self = .uint(uint)
            } else {
                return nil
            }
        } else {
            self.init(value)
        }
    }

    var value: Value {
        switch self {
        case .bool(let value): .bool(value)
        case .int(let value): .int(value)
        case .uint(let value): .uint(value)
        case .string(let value): .string(value)
        }
    }

    /// As in JSON, where every key is a string.
    var text: String {
        switch self {
        case .bool(let value): String(value)
        case .int(let value): String(value)
        case .uint(let value): String(value)
        case .string(let value): value
        }
    }

    static func == (left: MapKey, right: MapKey) -> Bool {
        switch (left, right) {
        case (.bool(let left), .bool(let right)): left == right
        case (.int(let left), .int(let right)): left == right
        case (.uint(let left), .uint(let right)): left == right
        case (.int(let left), .uint(let right)): left >= 0 && UInt64(left) == right
        case (.uint(let left), .int(let right)): right >= 0 && UInt64(right) == left
        case (.string(let left), .string(let right)): left.isSame(as: right)
        default: false
        }
    }

    func hash(into hasher: inout Hasher) {
        switch self {
        case .bool(let value): hasher.combine(value)
        case .int(let value): hasher.combine(UInt64(bitPattern: value))
        case .uint(let value): hasher.combine(value)
        case .string(let value): hasher.combine(value)
        }
    }
}

/// Collects the entries of a map in order.
struct MapBuilder {
    private var keys: [MapKey] = []
    private var values: [Value] = []
    private var places: [MapKey: Int] = [:]

    /// Adds an entry or replaces the value of the one with this key.
    mutating func set(_ key: MapKey, _ value: Value) {
        if !insert(key, value), let place = places[key] { values[place] = value }
    }

    /// Adds an entry; false when there is one with this key already.
    mutating func insert(_ key: MapKey, _ value: Value) -> Bool {
        let place = keys.count
        let existing = places.updateValue(place, forKey: key)
        if let existing {
            places[key] = existing
            return false
        }
        keys.append(key)
        values.append(value)
        return true
    }

    var map: Value.Map { Value.Map(Value.Map.Entries(keys: keys, values: values, places: places)) }
}
