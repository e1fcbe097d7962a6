/// Why a text is not JSON, and where.
public struct JSONSyntaxError: Error, Sendable, Hashable, CustomStringConvertible {
    /// What was wrong.
    public let message: String
    /// Counted from 1.
    public let line: Int
    /// In bytes, counted from 1.
    public let column: Int

    /// "line 3, column 7: …"
    public var description: String { "line \(line), column \(column): \(message)" }
}

extension JSONValue {
    /// How deeply arrays and objects may nest. Deeper input is refused, so that no document can overflow the stack.
    ///
    /// kube-apiserver itself refuses objects deeper than 10,000; real objects stay below 100.
    public static let maximumDepth = 512

    /// Parses one JSON document (RFC 8259) from UTF-8 bytes.
    ///
    /// Of members with the same key the last one stays. Invalid UTF-8 inside strings is replaced by U+FFFD.
    /// - Parameters:
    ///   - bytes: the text, blanks around it allowed.
    ///   - skipping: a path of member names, arrays on the way not counted. What is found there is checked for syntax
    ///     but not built. A Kubernetes client skips `items`, `metadata`, `managedFields`: a quarter of a typical list.
    public init(parsing bytes: some Sequence<UInt8>, skipping: [String] = []) throws(JSONSyntaxError) {
        let result: Result<JSONValue, JSONSyntaxError>? = bytes.withContiguousStorageIfAvailable { buffer in
            Self.parse(buffer, skipping: skipping)
        }
        self = try (result ?? Array(bytes).withUnsafeBufferPointer { Self.parse($0, skipping: skipping) }).get()
    }

    /// Parses one JSON document from a string.
    public init(parsing text: String) throws(JSONSyntaxError) {
        try self.init(parsing: Array(text.utf8))
    }

    private static func parse(
        _ bytes: UnsafeBufferPointer<UInt8>,
        skipping: [String]
    ) -> Result<JSONValue, JSONSyntaxError> {
        var parser = JSONParser(bytes: bytes, skipping: skipping)
        do throws(JSONParser.Failure) {
            return .success(try parser.parseDocument())
        } catch {
            return .failure(parser.locate(error))
        }
    }
}

/// A recursive descent parser over a buffer that outlives it.
struct JSONParser {
    struct Failure: Error {
        let message: String
        let offset: Int
    }

    private let bytes: UnsafeBufferPointer<UInt8>
    /// The names that lead to what is skipped.
    private let skipping: [String]
    /// How many of those names the object being read lies below; nil off that path.
    private var onPath: Int?
    private var position = 0
    private var depth = 0

    init(bytes: UnsafeBufferPointer<UInt8>, skipping: [String]) {
        self.bytes = bytes
        self.skipping = skipping
        onPath = skipping.isEmpty ? nil : 0
    }

    mutating func parseDocument() throws(Failure) -> JSONValue {
        skipBlanks()
        guard position < bytes.count else { throw fail("the document is empty") }
        let value = try parseValue()
        skipBlanks()
        guard position == bytes.count else { throw fail("there is more text after the end of the document") }
        return value
    }

    func locate(_ failure: Failure) -> JSONSyntaxError {
        let before = bytes.prefix(failure.offset)
        let line = before.count { $0 == UInt8(ascii: "\n") } + 1
        let lineStart = before.lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? 0
        return JSONSyntaxError(message: failure.message, line: line, column: failure.offset - lineStart + 1)
    }

    private func fail(_ message: String) -> Failure { Failure(message: message, offset: position) }

    private mutating func skipBlanks() {
        while position < bytes.count {
            switch bytes[position] {
            case 0x20, 0x0A, 0x0D, 0x09: position += 1
            default: return
            }
        }
    }

    private mutating func parseValue() throws(Failure) -> JSONValue {
        guard position < bytes.count else { throw fail("the document ends where a value was expected") }
        switch bytes[position] {
        case UInt8(ascii: "\""): return .string(try parseString())
        case UInt8(ascii: "{"): return try nested { parser throws(Failure) in try parser.parseObject() }
        case UInt8(ascii: "["): return try nested { parser throws(Failure) in try parser.parseArray() }
        case UInt8(ascii: "t"): return try parseWord("true", .bool(true))
        case UInt8(ascii: "f"): return try parseWord("false", .bool(false))
        case UInt8(ascii: "n"): return try parseWord("null", .null)
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return try parseNumber()
        default: throw fail("expected a value")
        }
    }

    private mutating func nested(
        _ body: (inout JSONParser) throws(Failure) -> JSONValue
    ) throws(Failure) -> JSONValue {
        depth += 1
        guard depth <= JSONValue.maximumDepth else {
            throw fail("nested more than \(JSONValue.maximumDepth) levels deep")
        }
        let value = try body(&self)
        depth -= 1
        return value
    }

    private mutating func parseObject() throws(Failure) -> JSONValue {
        position += 1
        var members: [String: JSONValue] = [:]
        skipBlanks()
        if consume(UInt8(ascii: "}")) { return .object(members) }
        while true {
            guard position < bytes.count, bytes[position] == UInt8(ascii: "\"") else {
                throw fail("expected a member name in double quotes")
            }
            let key = try parseString()
            skipBlanks()
            guard consume(UInt8(ascii: ":")) else { throw fail("expected ':' after the member name") }
            skipBlanks()
            if let value = try parseMember(key) { members[key] = value }
            skipBlanks()
            if consume(UInt8(ascii: "}")) { return .object(members) }
            guard consume(UInt8(ascii: ",")) else { throw fail("expected ',' or '}'") }
            skipBlanks()
        }
    }

    /// The member's value, or nil when it is the one to skip.
    private mutating func parseMember(_ key: String) throws(Failure) -> JSONValue? {
        guard let level = onPath else { return try parseValue() }
        let matches = key == skipping[level]
        let isLast = level == skipping.count - 1
        onPath = matches && !isLast ? level + 1 : nil
        let value = try parseValue()
        onPath = level
        return matches && isLast ? nil : value
    }

    private mutating func parseArray() throws(Failure) -> JSONValue {
        position += 1
        var elements: [JSONValue] = []
        skipBlanks()
        if consume(UInt8(ascii: "]")) { return .array(elements) }
        while true {
            elements.append(try parseValue())
            skipBlanks()
            if consume(UInt8(ascii: "]")) { return .array(elements) }
            guard consume(UInt8(ascii: ",")) else { throw fail("expected ',' or ']'") }
            skipBlanks()
        }
    }

    private mutating func consume(_ byte: UInt8) -> Bool {
        guard position < bytes.count, bytes[position] == byte else { return false }
        position += 1
        return true
    }

    private mutating func parseWord(_ word: StaticString, _ value: JSONValue) throws(Failure) -> JSONValue {
        let end = position + word.utf8CodeUnitCount
        guard end <= bytes.count,
            word.withUTF8Buffer({ $0.elementsEqual(bytes[position..<end]) })
        else { throw fail("expected a value") }
        position = end
        return value
    }

    private mutating func parseNumber() throws(Failure) -> JSONValue {
        let start = position
        let negative = consume(UInt8(ascii: "-"))
        var magnitude: Int64 = 0
        var fitsInteger = true
        let digitsStart = position
        while position < bytes.count, let digit = digit(at: position) {
            // Accumulated as a negative number, whose range holds one value more.
            let (product, overflow1) = magnitude.multipliedReportingOverflow(by: 10)
            let (sum, overflow2) = product.subtractingReportingOverflow(Int64(digit))
            if overflow1 || overflow2 { fitsInteger = false } else { magnitude = sum }
            position += 1
        }
        guard position > digitsStart else { throw fail("expected a digit") }
        if bytes[digitsStart] == UInt8(ascii: "0"), position - digitsStart > 1 {
            position = digitsStart
            throw fail("a number must not start with 0")
        }
        var isInteger = true
        if consume(UInt8(ascii: ".")) {
            isInteger = false
            try skipDigits()
        }
        if position < bytes.count, bytes[position] | 0x20 == UInt8(ascii: "e") {
            isInteger = false
            position += 1
            if position < bytes.count, bytes[position] == UInt8(ascii: "+") || bytes[position] == UInt8(ascii: "-") {
                position += 1
            }
            try skipDigits()
        }
        if isInteger, fitsInteger, negative || magnitude != .min {
            return .int(negative ? magnitude : -magnitude)
        }
        let text = String(decoding: bytes[start..<position], as: UTF8.self)
        guard let value = Double(text), value.isFinite else { throw fail("the number \(text) is out of range") }
        return .double(value)
    }

    private func digit(at offset: Int) -> UInt8? {
        let value = bytes[offset] &- UInt8(ascii: "0")
        return value <= 9 ? value : nil
    }

    private mutating func skipDigits() throws(Failure) {
        let start = position
        while position < bytes.count, digit(at: position) != nil { position += 1 }
        guard position > start else { throw fail("expected a digit") }
    }

    private mutating func parseString() throws(Failure) -> String {
        position += 1
        let start = position
        while position < bytes.count {
            switch bytes[position] {
            case UInt8(ascii: "\""):
                let text = String(decoding: UnsafeBufferPointer(rebasing: bytes[start..<position]), as: UTF8.self)
                position += 1
                return text
            case UInt8(ascii: "\\"):
                return try parseEscapedString(from: start)
            case 0..<0x20:
                throw fail("a control character inside a string must be escaped")
            default:
                position += 1
            }
        }
        throw fail("the string is not closed")
    }

    /// Goes on where a backslash was met; `start` is the first byte after the opening quote.
    private mutating func parseEscapedString(from start: Int) throws(Failure) -> String {
        var text = Array(bytes[start..<position])
        while position < bytes.count {
            let byte = bytes[position]
            switch byte {
            case UInt8(ascii: "\""):
                position += 1
                return String(decoding: text, as: UTF8.self)
            case UInt8(ascii: "\\"):
                position += 1
                try parseEscape(into: &text)
            case 0..<0x20:
                throw fail("a control character inside a string must be escaped")
            default:
                text.append(byte)
                position += 1
            }
        }
        throw fail("the string is not closed")
    }

    private mutating func parseEscape(into text: inout [UInt8]) throws(Failure) {
        guard position < bytes.count else { throw fail("the string is not closed") }
        let byte = bytes[position]
        position += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): text.append(byte)
        case UInt8(ascii: "b"): text.append(0x08)
        case UInt8(ascii: "f"): text.append(0x0C)
        case UInt8(ascii: "n"): text.append(0x0A)
        case UInt8(ascii: "r"): text.append(0x0D)
        case UInt8(ascii: "t"): text.append(0x09)
        case UInt8(ascii: "u"): text.append(contentsOf: String(try parseUnicodeEscape()).utf8)
        default:
            position -= 1
            throw fail("unknown escape sequence")
        }
    }

    /// A `\u` escape, or two that form a surrogate pair. A surrogate that stands alone becomes U+FFFD.
    private mutating func parseUnicodeEscape() throws(Failure) -> Unicode.Scalar {
        let replacement: Unicode.Scalar = "\u{FFFD}"
        let first = try parseHexQuad()
        guard (0xD800..<0xDC00).contains(first) else { return Unicode.Scalar(first) ?? replacement }
        guard position + 1 < bytes.count, bytes[position] == UInt8(ascii: "\\"),
            bytes[position + 1] == UInt8(ascii: "u")
        else { return replacement }
        let resume = position
        position += 2
        let second = try parseHexQuad()
        guard (0xDC00..<0xE000).contains(second) else {
            position = resume
            return replacement
        }
        return Unicode.Scalar(0x10000 + (first - 0xD800) << 10 + (second - 0xDC00)) ?? replacement
    }

    private mutating func parseHexQuad() throws(Failure) -> UInt32 {
        guard position + 4 <= bytes.count else { throw fail("expected four hexadecimal digits") }
        var value: UInt32 = 0
        for _ in 0..<4 {
            guard let digit = Character(Unicode.Scalar(bytes[position])).hexDigitValue, bytes[position] < 0x80 else {
                throw fail("expected four hexadecimal digits")
            }
            value = value << 4 + UInt32(digit)
            position += 1
        }
        return value
    }
}
