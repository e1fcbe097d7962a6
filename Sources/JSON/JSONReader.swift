/// Reads a JSON document from its bytes, piece by piece, without building a value of the whole.
///
/// A reader stands in front of a value. Each `read…` method reads that value and goes behind it; what nobody wants is
/// passed by `skipValue()`, which checks the syntax and builds nothing. Types are read in their
/// `init(reading:)`, and a document is begun by `init(parsing:)`:
///
/// ```swift
/// init(reading reader: inout JSONReader) throws(JSONDecodingError) {
///     try reader.readObject { name, reader throws(JSONDecodingError) in
///         switch name {
///         case "host": host = try reader.readString()
///         case "ports": ports = try [Int](reading: &reader)
///         default: break  // What is not read is skipped.
///         }
///     }
/// }
/// ```
///
/// A value that is not what was asked for and a text that is no JSON both throw `JSONDecodingError`, after which only
/// `readIfValid(_:)` can go on. `init(parsing:)` tells the two apart.
public struct JSONReader: ~Copyable {
    /// What a value is, as far as its first byte tells.
    public enum Kind: Sendable {
        /// `null`
        case null
        /// `true` or `false`
        case boolean
        /// With or without a fraction.
        case number
        /// A string.
        case string
        /// A list.
        case array
        /// A map from strings.
        case object
    }

    let bytes: UnsafeRawBufferPointer
    var position = 0
    var depth = 0
    /// The names that lead to what is left out.
    let skipping: [MemberName]
    /// How many of those names the value being read lies below; nil off that path.
    var onPath: Int?

    /// The caller keeps the bytes for as long as the reader is used.
    init(_ bytes: UnsafeRawBufferPointer, skipping: [String] = []) {
        self.bytes = bytes
        self.skipping = skipping.map(MemberName.init)
        onPath = skipping.isEmpty ? nil : 0
    }
}

extension JSONReader {
    /// What the value is that comes next.
    @inline(__always)
    public func peek() throws(JSONDecodingError) -> Kind {
        guard position < bytes.count else { throw JSONDecodingError("the document ends where a value was expected") }
        return switch bytes[position] {
        case UInt8(ascii: "\""): .string
        case UInt8(ascii: "{"): .object
        case UInt8(ascii: "["): .array
        case UInt8(ascii: "t"), UInt8(ascii: "f"): .boolean
        case UInt8(ascii: "n"): .null
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): .number
        default: throw JSONDecodingError("expected a value")
        }
    }

    /// Reads `true` or `false`.
    public mutating func readBool() throws(JSONDecodingError) -> Bool {
        guard case .boolean = try peek() else { throw mismatch("boolean") }
        if bytes[position] == UInt8(ascii: "t") {
            try readWord("true")
            return true
        }
        try readWord("false")
        return false
    }

    /// Reads `null` and returns true, or reads nothing and returns false.
    public mutating func readNull() throws(JSONDecodingError) -> Bool {
        guard position < bytes.count, bytes[position] == UInt8(ascii: "n") else { return false }
        try readWord("null")
        return true
    }

    /// Reads an integer of 64 bits; a number such as `2.0` counts as one.
    public mutating func readInt() throws(JSONDecodingError) -> Int64 {
        guard case .number = try peek() else { throw mismatch("integer") }
        let start = position
        switch try readNumber() {
        case .int(let value): return value
        case .double(let value):
            if let exact = Int64(exactly: value) { return exact }
            position = start
            throw mismatch("integer")
        }
    }

    /// Reads any number.
    public mutating func readDouble() throws(JSONDecodingError) -> Double {
        guard case .number = try peek() else { throw mismatch("number") }
        return switch try readNumber() {
        case .int(let value): Double(value)
        case .double(let value): value
        }
    }

    /// Reads a string. Invalid UTF-8 inside it is replaced by U+FFFD.
    public mutating func readString() throws(JSONDecodingError) -> String {
        guard case .string = try peek() else { throw mismatch("string") }
        return string(try scanString())
    }

    /// Reads a list: calls `body` in front of each element. An element that `body` does not read is skipped. A fault
    /// names the index.
    public mutating func readArray(
        _ body: (inout JSONReader) throws(JSONDecodingError) -> Void
    ) throws(JSONDecodingError) {
        var index = 0
        var more = try enterArray()
        while more {
            let start = position
            do { try body(&self) } catch { throw error.inside("[\(index)]") }
            if position == start { try skipValue() }
            index += 1
            more = try nextElement()
        }
    }

    /// Reads an object: calls `body` in front of the value of each member, in the order of the document. A value that
    /// `body` does not read is skipped. A fault names the member.
    ///
    /// Of members with the same name every one is shown; the last one counts.
    public mutating func readObject(
        _ body: (String, inout JSONReader) throws(JSONDecodingError) -> Void
    ) throws(JSONDecodingError) {
        var more = try enterObject()
        while more {
            let token = try readMemberName()
            let level = enter(token)
            if !isLeftOut(level) {
                let name = string(token)
                let start = position
                do { try body(name, &self) } catch { throw error.inside(name) }
                if position == start { try skipValue() }
            } else {
                try skipValue()
            }
            leave(level)
            more = try nextMember()
        }
    }

    /// Reads a value, or nil when it is JSON but not such a value.
    public mutating func readIfValid<Value: JSONConvertible>(
        _ type: Value.Type
    ) throws(JSONDecodingError) -> Value? {
        let (start, depth, onPath) = (position, depth, onPath)
        do {
            return try Value(reading: &self)
        } catch {
            (position, self.depth, self.onPath) = (start, depth, onPath)
            return try? Value(json: try readValue())
        }
    }
}
