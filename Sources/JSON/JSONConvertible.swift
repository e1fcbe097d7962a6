/// A type with one JSON form.
///
/// A `Codable` type needs nothing more: it is converted through its `Codable` conformance. A `Described` type is
/// converted field by field, which is faster and names the path of every fault.
public protocol JSONConvertible: Sendable {
    /// Reads the value; ignores members it does not know.
    init(json: JSONValue) throws(JSONDecodingError)
    /// The JSON form.
    func json() -> JSONValue
}

/// A document is JSON but not what was expected.
public struct JSONDecodingError: Error, Sendable, Hashable, CustomStringConvertible {
    /// Where, as `spec.steps[2].name`; empty for the document itself.
    public var path: String
    /// What was wrong there.
    public var message: String

    /// An error about the value itself; containers prefix the path on its way up.
    public init(path: String = "", _ message: String) {
        self.path = path
        self.message = message
    }

    /// "spec.steps[2].name: …"
    public var description: String { path.isEmpty ? message : "\(path): \(message)" }

    /// The same error seen from the object that holds the value as member `key`.
    public func inside(_ key: String) -> JSONDecodingError {
        let separator = path.isEmpty || path.hasPrefix("[") ? "" : "."
        return JSONDecodingError(path: key + separator + path, message)
    }

    static func expected(_ kind: String, found value: JSONValue) -> JSONDecodingError {
        JSONDecodingError("expected \(kind.article) \(kind), found \(value.isNull ? "null" : value.kind.withArticle)")
    }
}

extension String {
    var article: String { first.map { "aeio".contains($0) } == true ? "an" : "a" }
    var withArticle: String { "\(article) \(self)" }
}

extension JSONValue: JSONConvertible {
    /// The value itself.
    public init(json: JSONValue) throws(JSONDecodingError) { self = json }
    /// The value itself.
    public func json() -> JSONValue { self }
}

extension String: JSONConvertible {
    /// Reads a string.
    public init(json: JSONValue) throws(JSONDecodingError) {
        guard case .string(let value) = json else { throw .expected("string", found: json) }
        self = value
    }
    /// A string.
    public func json() -> JSONValue { .string(self) }
}

extension Bool: JSONConvertible {
    /// Reads a boolean.
    public init(json: JSONValue) throws(JSONDecodingError) {
        guard case .bool(let value) = json else { throw .expected("boolean", found: json) }
        self = value
    }
    /// A boolean.
    public func json() -> JSONValue { .bool(self) }
}

extension Int: JSONConvertible {
    /// Reads an integer; a number such as `2.0` counts as one.
    public init(json: JSONValue) throws(JSONDecodingError) {
        guard let value = json.int else { throw .expected("integer", found: json) }
        self = Int(value)
    }
    /// An integer.
    public func json() -> JSONValue { .int(Int64(self)) }
}

extension Double: JSONConvertible {
    /// Reads any number.
    public init(json: JSONValue) throws(JSONDecodingError) {
        guard let value = json.double else { throw .expected("number", found: json) }
        self = value
    }
    /// A number.
    public func json() -> JSONValue { .double(self) }
}

extension Optional: JSONConvertible where Wrapped: JSONConvertible {
    /// Reads `null` as nil.
    public init(json: JSONValue) throws(JSONDecodingError) {
        self = json.isNull ? nil : try Wrapped(json: json)
    }
    /// nil as `null`.
    public func json() -> JSONValue { self?.json() ?? .null }
}

extension Array: JSONConvertible where Element: JSONConvertible {
    /// Reads a list; a fault names the index.
    public init(json: JSONValue) throws(JSONDecodingError) {
        guard case .array(let elements) = json else { throw .expected("array", found: json) }
        self = []
        reserveCapacity(elements.count)
        for (index, element) in elements.enumerated() {
            do { append(try Element(json: element)) } catch { throw error.inside("[\(index)]") }
        }
    }
    /// A list.
    public func json() -> JSONValue { .array(map { $0.json() }) }
}

extension Dictionary: JSONConvertible where Key == String, Value: JSONConvertible {
    /// Reads an object whose members are all of one type; a fault names the member.
    public init(json: JSONValue) throws(JSONDecodingError) {
        guard case .object(let members) = json else { throw .expected("object", found: json) }
        self = [:]
        for (key, value) in members {
            do { self[key] = try Value(json: value) } catch { throw error.inside(key) }
        }
    }
    /// An object.
    public func json() -> JSONValue { .object(mapValues { $0.json() }) }
}

extension JSONConvertible where Self: RawRepresentable, RawValue == String {
    /// Reads one of the type's words.
    public init(json: JSONValue) throws(JSONDecodingError) {
        let word = try String(json: json)
        guard let value = Self(rawValue: word) else { throw JSONDecodingError("unknown value \"\(word)\"") }
        self = value
    }
    /// The word.
    public func json() -> JSONValue { .string(rawValue) }
}
