extension Lexer {
    /// An integer, decimal or hexadecimal, with `u` for unsigned; or a number with a fraction or an exponent.
    mutating func number() throws(CELError) -> Token.Kind {
        let start = position
        if peek() == UInt8(ascii: "0"), let mark = peek(1), mark | 0x20 == UInt8(ascii: "x"), peek(2)?.hexDigit != nil {
            advance(2)
            let digits = position
            while peek()?.hexDigit != nil { advance() }
            return try integer(source.text(Span(digits, position)), radix: 16, from: start)
        }
        skipDigits()
        var isDouble = false
        if peek() == UInt8(ascii: "."), peek(1)?.isDigit == true {
            isDouble = true
            advance()
            skipDigits()
        }
        if let mark = peek(), mark | 0x20 == UInt8(ascii: "e") {
            let hasSign = peek(1) == UInt8(ascii: "+") || peek(1) == UInt8(ascii: "-")
            if peek(hasSign ? 2 : 1)?.isDigit == true {
                isDouble = true
                advance(hasSign ? 2 : 1)
                skipDigits()
            }
        }
        let text = source.text(Span(start, position))
        guard isDouble else { return try integer(text, radix: 10, from: start) }
        try requireEnd(from: start)
        guard let value = Double(text.hasPrefix(".") ? "0" + text : text), value.isFinite else {
            throw error("this number does not fit a double", from: start)
        }
        return .double(value)
    }

    private mutating func skipDigits() {
        while peek()?.isDigit == true { advance() }
    }

    private mutating func integer(_ digits: String, radix: Int, from start: Int) throws(CELError) -> Token.Kind {
        let isUnsigned = peek().map { $0 | 0x20 == UInt8(ascii: "u") } ?? false
        if isUnsigned { advance() }
        try requireEnd(from: start)
        guard let value = UInt64(digits, radix: radix), isUnsigned || value <= 1 << 63 else {
            throw error("this integer does not fit 64 bits", from: start)
        }
        return isUnsigned ? .uint(value) : .int(value)
    }

    private func requireEnd(from start: Int) throws(CELError) {
        if let byte = peek(), byte.isLetter || byte.isDigit { throw error("a number ends in letters", from: start) }
    }

    /// The code points of a literal whose prefix has been read.
    mutating func string(isRaw: Bool) throws(CELError) -> String {
        let start = position
        let content = try content(isRaw: isRaw, isBytes: false)
        guard let text = String(validating: content, as: UTF8.self) else {
            throw error("this text is not valid UTF-8", from: start)
        }
        return text
    }

    /// The bytes of a literal whose prefix has been read.
    mutating func byteString(isRaw: Bool) throws(CELError) -> [UInt8] { try content(isRaw: isRaw, isBytes: true) }

    private mutating func content(isRaw: Bool, isBytes: Bool) throws(CELError) -> [UInt8] {
        let start = position
        let quote = source.bytes[position]
        let isTriple = peek(1) == quote && peek(2) == quote
        advance(isTriple ? 3 : 1)
        var content: [UInt8] = []
        while let byte = peek() {
            if byte == quote, !isTriple || peek(1) == quote && peek(2) == quote {
                advance(isTriple ? 3 : 1)
                return content
            }
            if !isTriple, byte == 0x0A || byte == 0x0D { break }
            if byte == UInt8(ascii: "\\"), !isRaw {
                try escape(isBytes: isBytes, into: &content)
            } else {
                content.append(byte)
                advance()
            }
        }
        throw error("this text is not closed", from: start)
    }

    private mutating func escape(isBytes: Bool, into content: inout [UInt8]) throws(CELError) {
        let start = position
        advance()
        guard let mark = peek() else { throw error("this text is not closed", from: start) }
        advance()
        let code: UInt32
        switch mark {
        case UInt8(ascii: "a"): code = 0x07
        case UInt8(ascii: "b"): code = 0x08
        case UInt8(ascii: "f"): code = 0x0C
        case UInt8(ascii: "n"): code = 0x0A
        case UInt8(ascii: "r"): code = 0x0D
        case UInt8(ascii: "t"): code = 0x09
        case UInt8(ascii: "v"): code = 0x0B
        case UInt8(ascii: "\\"), UInt8(ascii: "?"), UInt8(ascii: "\""), UInt8(ascii: "'"), UInt8(ascii: "`"):
            code = UInt32(mark)
        case UInt8(ascii: "x"), UInt8(ascii: "X"):
            code = try hexadecimal(2, from: start)
        case UInt8(ascii: "u"):
            try append(try unicode(from: start), from: start, to: &content)
            return
        case UInt8(ascii: "U"):
            try append(try hexadecimal(8, from: start), from: start, to: &content)
            return
        case 0x30...0x33:
            guard let second = peek(), let third = peek(1), (0x30...0x37).contains(second),
                (0x30...0x37).contains(third)
            else { throw error("an octal escape has three digits, up to \\377", from: start) }
            advance(2)
            code = UInt32(mark - 0x30) * 64 + UInt32(second - 0x30) * 8 + UInt32(third - 0x30)
        default: throw error("unknown escape", from: start)
        }
        if isBytes {
            content.append(UInt8(truncatingIfNeeded: code))
        } else {
            try append(code, from: start, to: &content)
        }
    }

    /// Appends a code point as UTF-8.
    private func append(_ code: UInt32, from start: Int, to content: inout [UInt8]) throws(CELError) {
        guard let scalar = Unicode.Scalar(code), let bytes = UTF8.encode(scalar) else {
            throw error("this escape is no Unicode code point", from: start)
        }
        content.append(contentsOf: bytes)
    }

    /// Four digits; two surrogates together are one code point.
    private mutating func unicode(from start: Int) throws(CELError) -> UInt32 {
        let code = try hexadecimal(4, from: start)
        guard (0xD800...0xDBFF).contains(code), peek() == UInt8(ascii: "\\"), peek(1) == UInt8(ascii: "u") else {
            return code
        }
        advance(2)
        let low = try hexadecimal(4, from: start)
        guard (0xDC00...0xDFFF).contains(low) else { throw error("a surrogate stands alone", from: start) }
        return 0x10000 + (code - 0xD800) << 10 + (low - 0xDC00)
    }

    private mutating func hexadecimal(_ count: Int, from start: Int) throws(CELError) -> UInt32 {
        var code: UInt32 = 0
        for _ in 0..<count {
            guard let digit = peek()?.hexDigit else { throw error("this escape has \(count) digits", from: start) }
            code = code << 4 | UInt32(digit)
            advance()
        }
        return code
    }
}
