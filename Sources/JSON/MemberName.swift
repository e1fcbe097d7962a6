/// A name to look for among the members of objects, compared with the bytes of a document without making a string.
struct MemberName: Sendable {
    let shape: Shape
    let text: String
    private let utf8: [UInt8]

    init(_ text: String) {
        self.text = text
        utf8 = Array(text.utf8)
        shape = utf8.withUnsafeBytes { Shape($0, from: 0, to: $0.count) }
    }

    /// Whether the bytes between beginning and end are equal too, after the shape was found equal.
    @inline(__always)
    func hasMiddle(of bytes: UnsafeRawBufferPointer, at start: Int) -> Bool {
        for offset in stride(from: 8, to: shape.count - 8, by: 1) where utf8[offset] != bytes[start + offset] {
            return false
        }
        return true
    }

    /// Length, beginning and end: all there is to compare of a name of up to 16 bytes.
    struct Shape: Sendable, Hashable {
        let count: Int
        /// The first eight bytes, or all with zeros behind them.
        let head: UInt64
        /// The last eight bytes; 0 for a name of up to eight.
        let tail: UInt64

        @inline(__always)
        init(_ bytes: UnsafeRawBufferPointer, from start: Int, to end: Int) {
            count = end - start
            if count > 8 {
                head = bytes.loadUnaligned(fromByteOffset: start, as: UInt64.self)
                tail = bytes.loadUnaligned(fromByteOffset: end - 8, as: UInt64.self)
            } else if start + 8 <= bytes.count {
                let word = bytes.loadUnaligned(fromByteOffset: start, as: UInt64.self)
                head = UInt64(littleEndian: word) & (count == 8 ? .max : (1 << (UInt64(count) &* 8)) &- 1)
                tail = 0
            } else {
                var word: UInt64 = 0
                for offset in 0..<count { word |= UInt64(bytes[start + offset]) << (UInt64(offset) &* 8) }
                head = word
                tail = 0
            }
        }
    }
}

extension JSONReader {
    /// Whether two names are equal as strings are.
    func matches(_ token: StringToken, _ name: MemberName) -> Bool {
        guard token.isPlain else { return string(token) == name.text }
        return MemberName.Shape(bytes, from: token.start, to: token.end) == name.shape
            && name.hasMiddle(of: bytes, at: token.start)
    }
}
