/// Where a string stands in a document, without its quotes.
@usableFromInline
struct StringToken {
    let start: Int
    let end: Int
    /// A backslash occurs, so that the bytes are not yet the text.
    let hasEscapes: Bool
    /// All bytes are ASCII and stand for themselves.
    let isPlain: Bool
}

extension JSONReader {
    /// Reads a string from its opening quote, checks its escapes, and goes behind it.
    mutating func scanString() throws(JSONDecodingError) -> StringToken {
        position += 1
        let start = position
        var hasEscapes = false
        var seen: UInt64 = 0
        while true {
            seen |= passPlainBytes()
            guard position < bytes.count else { throw fail("the string is not closed") }
            switch bytes[position] {
            case UInt8(ascii: "\""):
                position += 1
                return StringToken(
                    start: start,
                    end: position - 1,
                    hasEscapes: hasEscapes,
                    isPlain: !hasEscapes && seen & 0x8080_8080_8080_8080 == 0
                )
            case UInt8(ascii: "\\"):
                hasEscapes = true
                try checkEscape()
            default: throw fail("a control character inside a string must be escaped")
            }
        }
    }

    /// Goes to the next quote, backslash or control character, or to the end, by eight bytes at a time.
    /// - Returns: all words passed, combined: the upper bit of a byte tells whether one was not ASCII.
    @inline(__always)
    private mutating func passPlainBytes() -> UInt64 {
        let ones: UInt64 = 0x0101_0101_0101_0101
        let highs: UInt64 = 0x8080_8080_8080_8080
        var seen: UInt64 = 0
        while position &+ 8 <= bytes.count {
            let word = UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: position, as: UInt64.self))
            // A byte minus n borrows from its upper bit when it is less than n. The lowest hit is always a true one:
            // a borrow can reach only the bytes above it.
            let quote = word ^ (ones &* 0x22)
            let backslash = word ^ (ones &* 0x5C)
            let below = (word &- ones &* 0x20) & ~word
            let hits = (below | ((quote &- ones) & ~quote) | ((backslash &- ones) & ~backslash)) & highs
            guard hits == 0 else {
                let bits = hits.trailingZeroBitCount & ~7
                position &+= bits >> 3
                return seen | (word & ((1 << UInt64(bits)) &- 1))
            }
            seen |= word
            position &+= 8
        }
        while position < bytes.count {
            let byte = bytes[position]
            if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") || byte < 0x20 { break }
            seen |= UInt64(byte)
            position &+= 1
        }
        return seen
    }

    private mutating func checkEscape() throws(JSONDecodingError) {
        position += 1
        guard position < bytes.count else { throw fail("the string is not closed") }
        switch bytes[position] {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "b"), UInt8(ascii: "f"),
            UInt8(ascii: "n"), UInt8(ascii: "r"), UInt8(ascii: "t"):
            position += 1
        case UInt8(ascii: "u"):
            position += 1
            guard position + 4 <= bytes.count else { throw fail("expected four hexadecimal digits") }
            for _ in 0..<4 {
                guard hexDigit(at: position) != nil else { throw fail("expected four hexadecimal digits") }
                position += 1
            }
        default: throw fail("unknown escape sequence")
        }
    }

    private func hexDigit(at offset: Int) -> UInt32? {
        let byte = bytes[offset]
        return switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt32(byte - UInt8(ascii: "0"))
        case UInt8(ascii: "a")...UInt8(ascii: "f"): UInt32(byte - UInt8(ascii: "a") + 10)
        case UInt8(ascii: "A")...UInt8(ascii: "F"): UInt32(byte - UInt8(ascii: "A") + 10)
        default: nil
        }
    }

    /// The bytes between the quotes.
    @inline(__always)
    func content(_ token: StringToken) -> UnsafeBufferPointer<UInt8> {
        UnsafeRawBufferPointer(rebasing: bytes[token.start..<token.end]).assumingMemoryBound(to: UInt8.self)
    }

    /// The text of a string that was scanned.
    @usableFromInline
    func string(_ token: StringToken) -> String {
        token.hasEscapes ? unescaped(token) : String(decoding: content(token), as: UTF8.self)
    }

    private func unescaped(_ token: StringToken) -> String {
        var text: [UInt8] = []
        text.reserveCapacity(token.end - token.start)
        var offset = token.start
        while offset < token.end {
            let byte = bytes[offset]
            offset += 1
            guard byte == UInt8(ascii: "\\") else {
                text.append(byte)
                continue
            }
            let escape = bytes[offset]
            offset += 1
            switch escape {
            case UInt8(ascii: "b"): text.append(0x08)
            case UInt8(ascii: "f"): text.append(0x0C)
            case UInt8(ascii: "n"): text.append(0x0A)
            case UInt8(ascii: "r"): text.append(0x0D)
            case UInt8(ascii: "t"): text.append(0x09)
            case UInt8(ascii: "u"): text.append(contentsOf: String(unicodeEscape(at: &offset, before: token.end)).utf8)
            default: text.append(escape)
            }
        }
        return String(decoding: text, as: UTF8.self)
    }

    /// A `\u` escape, or two that form a surrogate pair. A surrogate that stands alone becomes U+FFFD.
    /// - Parameter offset: of the first digit; moved behind what was read.
    private func unicodeEscape(at offset: inout Int, before end: Int) -> Unicode.Scalar {
        let replacement: Unicode.Scalar = "\u{FFFD}"
        let first = hexQuad(at: offset)
        offset += 4
        guard (0xD800..<0xDC00).contains(first) else { return Unicode.Scalar(first) ?? replacement }
        guard offset + 6 <= end, bytes[offset] == UInt8(ascii: "\\"), bytes[offset + 1] == UInt8(ascii: "u") else {
            return replacement
        }
        let second = hexQuad(at: offset + 2)
        guard (0xDC00..<0xE000).contains(second) else { return replacement }
        offset += 6
        return Unicode.Scalar(0x10000 + (first - 0xD800) << 10 + (second - 0xDC00)) ?? replacement
    }

    /// Four digits that were checked when the string was scanned.
    private func hexQuad(at offset: Int) -> UInt32 {
        (0..<4).reduce(0) { $0 << 4 + (hexDigit(at: offset + $1) ?? 0) }
    }
}
