/// Splits the text of an expression into tokens.
struct Lexer {
    let source: Source
    private(set) var position = 0

    init(_ source: Source) { self.source = source }

    private var bytes: [UInt8] { source.bytes }

    func peek(_ distance: Int = 0) -> UInt8? {
        let index = position + distance
        return index < source.bytes.count ? source.bytes[index] : nil
    }

    mutating func advance(_ count: Int = 1) { position += count }

    func error(_ message: String, from start: Int) -> CELError {
        let end = min(max(position, start + 1), source.bytes.count)
        return CELError(message).located(Span(min(start, end), end), in: source)
    }

    /// The next token; `end` again and again after the last one.
    mutating func next() throws(CELError) -> Token {
        skipBlanks()
        let start = position
        let kind = try kind(from: start)
        return Token(kind: kind, span: Span(start, position))
    }

    private mutating func kind(from start: Int) throws(CELError) -> Token.Kind {
        guard let first = peek() else { return .end }
        if first.isLetter {
            if let kind = try prefixedLiteral(first) { return kind }
            return word()
        }
        if first.isDigit || first == UInt8(ascii: ".") && peek(1)?.isDigit == true { return try number() }
        switch first {
        case UInt8(ascii: "\""), UInt8(ascii: "'"): return .string(try string(isRaw: false))
        case UInt8(ascii: "`"): return try quotedIdentifier()
        default: return .symbol(try symbol(first))
        }
    }

    private mutating func skipBlanks() {
        while let byte = peek() {
            switch byte {
            case 0x09, 0x0A, 0x0C, 0x0D, 0x20: advance()
            case UInt8(ascii: "/") where peek(1) == UInt8(ascii: "/"):
                // A carriage return alone ends no comment.
                while let byte = peek(), byte != 0x0A { advance() }
            default: return
            }
        }
    }

    /// `r"…"`, `b"…"`, `rb"…"` and `br"…"`, in either case.
    private mutating func prefixedLiteral(_ first: UInt8) throws(CELError) -> Token.Kind? {
        var isRaw = false
        var isBytes = false
        var length = 0
        while length < 2, let byte = peek(length) {
            switch byte | 0x20 {
            case UInt8(ascii: "r") where !isRaw: isRaw = true
            case UInt8(ascii: "b") where !isBytes: isBytes = true
            default:
                guard length > 0, byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "'") else { return nil }
                return try literal(isRaw: isRaw, isBytes: isBytes, prefix: length)
            }
            length += 1
        }
        guard let quote = peek(length), quote == UInt8(ascii: "\"") || quote == UInt8(ascii: "'") else { return nil }
        return try literal(isRaw: isRaw, isBytes: isBytes, prefix: length)
    }

    private mutating func literal(isRaw: Bool, isBytes: Bool, prefix: Int) throws(CELError) -> Token.Kind {
        advance(prefix)
        return isBytes ? .bytes(try byteString(isRaw: isRaw)) : .string(try string(isRaw: isRaw))
    }

    private mutating func word() -> Token.Kind {
        let start = position
        while let byte = peek(), byte.isLetter || byte.isDigit { advance() }
        let word = source.text(Span(start, position))
        switch word {
        case "true": return .symbol(.true)
        case "false": return .symbol(.false)
        case "null": return .symbol(.null)
        case "in": return .symbol(.in)
        default: return .identifier(word)
        }
    }

    private mutating func quotedIdentifier() throws(CELError) -> Token.Kind {
        let start = position
        advance()
        while let byte = peek(), byte != UInt8(ascii: "`") {
            let isAllowed = byte.isLetter || byte.isDigit || " -./".utf8.contains(byte)
            guard isAllowed else { throw error("a name in backquotes cannot contain this character", from: position) }
            advance()
        }
        guard peek() != nil, position > start + 1 else {
            throw error("a name in backquotes is not closed", from: start)
        }
        advance()
        return .quotedIdentifier(source.text(Span(start + 1, position - 1)))
    }

    private mutating func symbol(_ first: UInt8) throws(CELError) -> Token.Symbol {
        if let second = peek(1) {
            let pair: Token.Symbol? =
                switch (first, second) {
                case (UInt8(ascii: "|"), UInt8(ascii: "|")): .or
                case (UInt8(ascii: "&"), UInt8(ascii: "&")): .and
                case (UInt8(ascii: "="), UInt8(ascii: "=")): .equal
                case (UInt8(ascii: "!"), UInt8(ascii: "=")): .notEqual
                case (UInt8(ascii: "<"), UInt8(ascii: "=")): .lessOrEqual
                case (UInt8(ascii: ">"), UInt8(ascii: "=")): .greaterOrEqual
                default: nil
                }
            if let pair {
                advance(2)
                return pair
            }
        }
        guard first < 0x80, let single = Token.Symbol(rawValue: String(Unicode.Scalar(first))) else {
            let start = position
            advance()
            while let byte = peek(), byte & 0xC0 == 0x80 { advance() }
            throw error("unexpected character", from: start)
        }
        advance()
        return single
    }
}

extension UInt8 {
    /// A letter of an identifier: a to z, A to Z, `_`.
    var isLetter: Bool { (0x61...0x7A).contains(self | 0x20) || self == UInt8(ascii: "_") }

    var isDigit: Bool { (0x30...0x39).contains(self) }

    /// The value of a hexadecimal digit, or nil.
    var hexDigit: UInt8? {
        switch self {
        case 0x30...0x39: self - 0x30
        case 0x41...0x46: self - 0x41 + 10
        case 0x61...0x66: self - 0x61 + 10
        default: nil
        }
    }
}
