/// Follows the quotes and brackets of a text that comes in pieces, to know where a value ends without reading it.
struct JSONOutline: Sendable {
    /// How many arrays and objects are open.
    private(set) var depth = 0
    private(set) var isInString = false
    private var isEscaped = false

    /// Takes notice of the next byte.
    mutating func pass(_ byte: UInt8) {
        if isEscaped {
            isEscaped = false
        } else if byte == UInt8(ascii: "\"") {
            isInString.toggle()
        } else if isInString {
            isEscaped = byte == UInt8(ascii: "\\")
        } else if byte | 0x20 == UInt8(ascii: "{") {  // or [
            depth += 1
        } else if byte | 0x20 == UInt8(ascii: "}") {  // or ]
            depth -= 1
        }
    }

    /// Goes on in a value from where the piece before has ended, to the end of the value or of the piece.
    /// - Returns: whether the value is complete.
    mutating func passValue(in piece: UnsafeRawBufferPointer, from position: inout Int) -> Bool {
        while position < piece.count {
            let byte = piece[position]
            if depth == 0, !isInString {
                switch byte {
                case UInt8(ascii: ","), UInt8(ascii: "]"), UInt8(ascii: "}"), 0x20, 0x0A, 0x0D, 0x09: return true
                default: break
                }
            }
            pass(byte)
            position &+= 1
            if isInString, !isEscaped {
                piece.skipToStringEnd(&position)
            } else if depth == 0, !isInString {
                switch byte {
                case UInt8(ascii: "\""), UInt8(ascii: "}"), UInt8(ascii: "]"): return true
                default: break
                }
            }
        }
        return false
    }
}

extension UnsafeRawBufferPointer {
    /// Goes to the next quote or backslash, or to fewer than eight bytes before the end.
    @inline(__always)
    fileprivate func skipToStringEnd(_ position: inout Int) {
        let ones: UInt64 = 0x0101_0101_0101_0101
        while position &+ 8 <= count {
            let word = UInt64(littleEndian: loadUnaligned(fromByteOffset: position, as: UInt64.self))
            let quote = word ^ (ones &* 0x22)
            let backslash = word ^ (ones &* 0x5C)
            let hits = (((quote &- ones) & ~quote) | ((backslash &- ones) & ~backslash)) & (ones &* 0x80)
            guard hits == 0 else {
                position &+= hits.trailingZeroBitCount >> 3
                return
            }
            position &+= 8
        }
    }
}
