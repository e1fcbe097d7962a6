// What follows moves from token to token. An error leaves the position at the byte that is wrong.
extension JSONReader {
    func fail(_ message: String) -> JSONDecodingError { JSONDecodingError(message) }

    /// The error for a value of another kind, or for what is no value.
    mutating func mismatch(_ expected: String) -> JSONDecodingError {
        do { return .expected(expected, found: try readValue()) } catch { return error }
    }

    @inline(__always)
    mutating func skipBlanks() {
        if position < bytes.count, bytes[position] <= 0x20 { passBlanks() }
    }

    private mutating func passBlanks() {
        while position < bytes.count {
            switch bytes[position] {
            case 0x20, 0x0A, 0x0D, 0x09: position += 1
            default: return
            }
        }
    }

    @inline(__always)
    mutating func consume(_ byte: UInt8) -> Bool {
        guard position < bytes.count, bytes[position] == byte else { return false }
        position += 1
        return true
    }

    mutating func readWord(_ word: StaticString) throws(JSONDecodingError) {
        let end = position + word.utf8CodeUnitCount
        guard end <= bytes.count,
            word.withUTF8Buffer({ $0.elementsEqual(bytes[position..<end]) })
        else { throw fail("expected a value") }
        position = end
    }

    /// Goes to the first element; false when there is none, and then behind the array.
    @usableFromInline
    mutating func enterArray() throws(JSONDecodingError) -> Bool {
        guard case .array = try peek() else { throw mismatch("array") }
        try descend()
        if consume(UInt8(ascii: "]")) {
            depth -= 1
            return false
        }
        return true
    }

    /// Goes from behind an element to the next one; false when there is none, and then behind the array.
    @usableFromInline
    mutating func nextElement() throws(JSONDecodingError) -> Bool {
        skipBlanks()
        if consume(UInt8(ascii: ",")) {
            skipBlanks()
            return true
        }
        guard consume(UInt8(ascii: "]")) else { throw fail("expected ',' or ']'") }
        depth -= 1
        return false
    }

    /// Goes to the first member's name; false when there is none, and then behind the object.
    @usableFromInline
    mutating func enterObject() throws(JSONDecodingError) -> Bool {
        guard case .object = try peek() else { throw mismatch("object") }
        try descend()
        if consume(UInt8(ascii: "}")) {
            depth -= 1
            return false
        }
        return true
    }

    /// Goes from behind a member's value to the next member's name; false when there is none, and then behind the
    /// object.
    @usableFromInline
    mutating func nextMember() throws(JSONDecodingError) -> Bool {
        skipBlanks()
        if consume(UInt8(ascii: ",")) {
            skipBlanks()
            return true
        }
        guard consume(UInt8(ascii: "}")) else { throw fail("expected ',' or '}'") }
        depth -= 1
        return false
    }

    private mutating func descend() throws(JSONDecodingError) {
        depth += 1
        guard depth <= JSONValue.maximumDepth else {
            throw fail("nested more than \(JSONValue.maximumDepth) levels deep")
        }
        position += 1
        skipBlanks()
    }

    /// Reads a member's name and goes to its value.
    @usableFromInline
    mutating func readMemberName() throws(JSONDecodingError) -> StringToken {
        guard position < bytes.count, bytes[position] == UInt8(ascii: "\"") else {
            throw fail("expected a member name in double quotes")
        }
        let token = try scanString()
        skipBlanks()
        guard consume(UInt8(ascii: ":")) else { throw fail("expected ':' after the member name") }
        skipBlanks()
        return token
    }

    /// Reads the value whatever it is and keeps nothing of it.
    public mutating func skipValue() throws(JSONDecodingError) {
        switch try peek() {
        case .string: _ = try scanString()
        case .number: _ = try readNumber()
        case .null: try readWord("null")
        case .boolean: _ = try readBool()
        case .array:
            var more = try enterArray()
            while more {
                try skipValue()
                more = try nextElement()
            }
        case .object:
            var more = try enterObject()
            while more {
                _ = try readMemberName()
                try skipValue()
                more = try nextMember()
            }
        }
    }
}

// The path of names that leads to what is left out.
extension JSONReader {
    /// Follows the path into a member. The result says where on the path its object is, and is given to `leave(_:)`.
    @usableFromInline
    mutating func enter(_ token: StringToken) -> Int? {
        guard let level = onPath else { return nil }
        onPath = matches(token, skipping[level]) ? level + 1 : nil
        return level
    }

    /// Whether the member entered is the end of the path.
    @usableFromInline
    func isLeftOut(_ level: Int?) -> Bool { level != nil && onPath == skipping.count }

    @usableFromInline
    mutating func leave(_ level: Int?) { onPath = level }

    /// Reads to the end of the document; nothing but blanks may follow the value.
    mutating func readDocument<Value: ~Copyable>(
        _ body: (inout JSONReader) throws(JSONDecodingError) -> Value
    ) throws(JSONDecodingError) -> Value {
        skipBlanks()
        guard position < bytes.count else { throw fail("the document is empty") }
        let value = try body(&self)
        skipBlanks()
        guard position == bytes.count else { throw fail("there is more text after the end of the document") }
        return value
    }
}
