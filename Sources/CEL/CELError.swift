/// Why an expression cannot be compiled or evaluated, and which part of it is to blame.
public struct CELError: Error, Sendable, CustomStringConvertible {
    // One word: what is thrown often and absorbed by `||` should move cheaply.
    private final class Content: Sendable {
        let message: String
        let line: Int
        let column: Int
        let text: String
        let isLimit: Bool

        init(message: String, line: Int, column: Int, text: String, isLimit: Bool) {
            self.message = message
            self.line = line
            self.column = column
            self.text = text
            self.isLimit = isLimit
        }
    }
    private let content: Content

    /// What went wrong: `no such key: steps.a.outputs.status`.
    public var message: String { content.message }
    /// The line of the offending text, counted from 1; 0 when the error belongs to no expression.
    public var line: Int { content.line }
    /// The column of the offending text in Unicode code points, counted from 1; 0 when it belongs to no expression.
    public var column: Int { content.column }
    /// The offending part of the expression, shortened to one short line.
    public var text: String { content.text }

    /// Limits are not absorbed by `&&` and `||`, as other errors are.
    var isLimit: Bool { content.isLimit }

    /// An error that does not know its place yet.
    init(_ message: String) {
        content = Content(message: message, line: 0, column: 0, text: "", isLimit: false)
    }

    /// A limit was reached.
    init(exceeding message: String) {
        content = Content(message: message, line: 0, column: 0, text: "", isLimit: true)
    }

    private init(_ content: Content) { self.content = content }

    /// This error at a place of the expression, unless it knows a more exact one already.
    func located(_ span: Span, in source: Source) -> CELError {
        guard line == 0 else { return self }
        let place = source.place(of: span)
        return CELError(
            Content(message: message, line: place.line, column: place.column, text: place.text, isLimit: isLimit)
        )
    }

    /// `line 1, column 7: no such key: input.x (in "input.x")`
    public var description: String {
        guard line > 0 else { return message }
        return "line \(line), column \(column): \(message)" + (text.isEmpty ? "" : " (in \"\(text)\")")
    }
}

/// Bytes of the expression's text, from the first to the one after the last.
struct Span: Sendable, Hashable {
    var start: Int32
    var end: Int32

    init(_ start: Int, _ end: Int) {
        self.start = Int32(start)
        self.end = Int32(end)
    }

    /// From the start of one to the end of another.
    static func ... (first: Span, last: Span) -> Span { Span(Int(first.start), Int(last.end)) }
}

/// The text of an expression, kept for error messages.
final class Source: Sendable {
    let bytes: [UInt8]

    init(_ text: String) { bytes = Array(text.utf8) }

    func text(_ span: Span) -> String { String(decoding: bytes[Int(span.start)..<Int(span.end)], as: UTF8.self) }

    func place(of span: Span) -> (line: Int, column: Int, text: String) {
        let before = bytes[..<min(Int(span.start), bytes.count)]
        let lineStart = before.lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? 0
        let line = before.count { $0 == UInt8(ascii: "\n") } + 1
        let column = before[lineStart...].count { $0 & 0xC0 != 0x80 } + 1
        // Long enough to be found again, short enough for one line of a log.
        let limit = 60
        var part = text(span).prefix(limit + 1)
        part = part.prefix { !$0.isNewline }
        let short = part.count > limit ? part.prefix(limit) + "…" : part
        return (line, column, String(short))
    }
}
