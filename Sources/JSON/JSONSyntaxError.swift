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

extension JSONSyntaxError {
    init(_ message: String, at offset: Int, in bytes: UnsafeRawBufferPointer) {
        let before = bytes.prefix(offset)
        let lineStart = before.lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? 0
        self.init(
            message: message,
            line: before.count { $0 == UInt8(ascii: "\n") } + 1,
            column: offset - lineStart + 1
        )
    }
}
