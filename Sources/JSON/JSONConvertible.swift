/// A type with one JSON form.
///
/// A `Codable` type needs nothing more: it is converted through its `Codable` conformance. A `Described` type is
/// converted field by field, which is faster and names the path of every fault.
public protocol JSONConvertible: Sendable {
    /// Reads the value; ignores members it does not know.
    init(json: JSONValue) throws(JSONDecodingError)
    /// Reads the value in front of the reader, and goes behind it. By default a `JSONValue` is built and given to
    /// `init(json:)`; a type of many members or many instances gains from reading them one by one.
    ///
    /// Called by `init(parsing:)`, or while another value is read. The result must be that of `init(json:)`. A
    /// document in which one or the other finds a fault is read once more by `init(json:)`, which has the last word.
    init(reading reader: inout JSONReader) throws(JSONDecodingError)
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

extension JSONConvertible {
    /// Builds a `JSONValue` and reads that.
    public init(reading reader: inout JSONReader) throws(JSONDecodingError) {
        try self.init(json: try reader.readValue())
    }

    /// Reads one JSON document (RFC 8259) from UTF-8 bytes.
    ///
    /// The result, or the error, is that of `JSONValue(parsing:skipping:)` given to `init(json:)`, but a type that
    /// reads itself from a `JSONReader` has no value built of the document.
    /// - Parameters:
    ///   - bytes: the text, blanks around it allowed.
    ///   - skipping: a path of member names, arrays on the way not counted, to what is left out. A type that lists its
    ///     members needs none: it never builds the others.
    /// - Throws: `JSONSyntaxError` when the bytes are no JSON, else `JSONDecodingError`.
    public init(parsing bytes: some Sequence<UInt8>, skipping: [String] = []) throws {
        let result: Result<Self, any Error>? = bytes.withContiguousStorageIfAvailable { buffer in
            Self.parse(UnsafeRawBufferPointer(buffer), skipping: skipping)
        }
        self = try (result ?? Array(bytes).withUnsafeBytes { Self.parse($0, skipping: skipping) }).get()
    }

    /// Reads one JSON document from bytes that somebody else holds.
    /// - Throws: `JSONSyntaxError` when the bytes are no JSON, else `JSONDecodingError`.
    public init(parsing bytes: borrowing Span<UInt8>, skipping: [String] = []) throws {
        self = try bytes.withUnsafeBytes { Self.parse($0, skipping: skipping) }.get()
    }

    private static func parse(_ bytes: UnsafeRawBufferPointer, skipping: [String]) -> Result<Self, any Error> {
        var reader = JSONReader(bytes, skipping: skipping)
        do throws(JSONDecodingError) {
            return .success(try reader.readDocument { reader throws(JSONDecodingError) in try Self(reading: &reader) })
        } catch {
            // Faults are rare and may take their time. The value of the whole document knows what the reader could
            // not see yet: a syntax error further on, or a later member of the same name that counts instead.
            return Result { try Self(json: try JSONValue.parse(bytes, skipping: skipping).get()) }
        }
    }
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
    /// Reads a string.
    @inlinable
    public init(reading reader: inout JSONReader) throws(JSONDecodingError) { self = try reader.readString() }
    /// A string.
    public func json() -> JSONValue { .string(self) }
}

extension Bool: JSONConvertible {
    /// Reads a boolean.
    public init(json: JSONValue) throws(JSONDecodingError) {
        guard case .bool(let value) = json else { throw .expected("boolean", found: json) }
        self = value
    }
    /// Reads a boolean.
    @inlinable
    public init(reading reader: inout JSONReader) throws(JSONDecodingError) { self = try reader.readBool() }
    /// A boolean.
    public func json() -> JSONValue { .bool(self) }
}

extension Int: JSONConvertible {
    /// Reads an integer; a number such as `2.0` counts as one.
    public init(json: JSONValue) throws(JSONDecodingError) {
        guard let value = json.int else { throw .expected("integer", found: json) }
        self = Int(value)
    }
    /// Reads an integer; a number such as `2.0` counts as one.
    @inlinable
    public init(reading reader: inout JSONReader) throws(JSONDecodingError) { self = Int(try reader.readInt()) }
    /// An integer.
    public func json() -> JSONValue { .int(Int64(self)) }
}

extension Double: JSONConvertible {
    /// Reads any number.
    public init(json: JSONValue) throws(JSONDecodingError) {
        guard let value = json.double else { throw .expected("number", found: json) }
        self = value
    }
    /// Reads any number.
    @inlinable
    public init(reading reader: inout JSONReader) throws(JSONDecodingError) { self = try reader.readDouble() }
    /// A number.
    public func json() -> JSONValue { .double(self) }
}

extension Optional: JSONConvertible where Wrapped: JSONConvertible {
    /// Reads `null` as nil.
    public init(json: JSONValue) throws(JSONDecodingError) {
        self = json.isNull ? nil : try Wrapped(json: json)
    }
    /// Reads `null` as nil.
    @inlinable
    public init(reading reader: inout JSONReader) throws(JSONDecodingError) {
        self = try reader.readNull() ? nil : try Wrapped(reading: &reader)
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
    /// Reads a list; a fault names the index.
    @inlinable
    public init(reading reader: inout JSONReader) throws(JSONDecodingError) {
        self = []
        var more = try reader.enterArray()
        while more {
            do { append(try Element(reading: &reader)) } catch { throw error.inside("[\(count)]") }
            more = try reader.nextElement()
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
    /// Reads an object whose members are all of one type; a fault names the member.
    @inlinable
    public init(reading reader: inout JSONReader) throws(JSONDecodingError) {
        self = [:]
        var more = try reader.enterObject()
        while more {
            let token = try reader.readMemberName()
            let level = reader.enter(token)
            if reader.isLeftOut(level) {
                try reader.skipValue()
            } else {
                let key = reader.string(token)
                do { self[key] = try Value(reading: &reader) } catch { throw error.inside(key) }
            }
            reader.leave(level)
            more = try reader.nextMember()
        }
    }
    /// An object.
    public func json() -> JSONValue { .object(mapValues { $0.json() }) }
}

extension JSONConvertible where Self: RawRepresentable, RawValue == String {
    /// Reads one of the type's words.
    public init(json: JSONValue) throws(JSONDecodingError) {
        self = try Self.meant(by: try String(json: json))
    }
    /// Reads one of the type's words.
    @inlinable
    public init(reading reader: inout JSONReader) throws(JSONDecodingError) {
        self = try Self.meant(by: try reader.readString())
    }
    /// The word.
    public func json() -> JSONValue { .string(rawValue) }

    @inlinable
    static func meant(by word: String) throws(JSONDecodingError) -> Self {
        guard let value = Self(rawValue: word) else { throw JSONDecodingError("unknown value \"\(word)\"") }
        return value
    }
}
