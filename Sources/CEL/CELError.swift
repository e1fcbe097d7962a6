/// Why an expression cannot be compiled or evaluated, and which part of it is to blame.
public struct CELError: Error, Sendable, CustomStringConvertible {
    // One word, and the place not yet looked up: errors that `||` absorbs in a loop should be cheap.
    private final class Content: Sendable {
        let message: String
        let place: (source: Source, span: Span)?
        let isLimit: Bool

        init(_ message: String, place: (source: Source, span: Span)? = nil, isLimit: Bool = false) {
            self.message = message
            self.place = place
            self.isLimit = isLimit
        }
    }
    private let content: Content

    /// What went wrong: `no such key: steps.a.outputs.status`.
    public var message: String { content.message }
    /// The line of the offending text, counted from 1; 0 when the error belongs to no expression.
    public var line: Int { content.place.map { $0.source.position(of: $0.span).line } ?? 0 }
    /// The column of the offending text in Unicode code points, counted from 1; 0 when it belongs to no expression.
    public var column: Int { content.place.map { $0.source.position(of: $0.span).column } ?? 0 }
    /// The offending part of the expression, shortened to one short line.
    public var text: String { content.place.map { $0.source.excerpt($0.span) } ?? "" }

    /// Limits are not absorbed by `&&` and `||`, as other errors are.
    var isLimit: Bool { content.isLimit }

    /// An error that does not know its place yet.
    init(_ message: String) { content = Content(message) }

    /// A limit was reached.
    init(exceeding message: String) { content = Content(message, isLimit: true) }

    private init(_ content: Content) { self.content = content }

    /// This error at a place of the expression, unless it knows a more exact one already.
    func located(_ span: Span, in source: Source) -> CELError {
        guard content.place == nil else { return self }
        return CELError(Content(message, place: (source, span), isLimit: isLimit))
    }

    /// `line 1, column 7: no such key: input.x (in "input.x")`
    public var description: String {
        guard content.place != nil else { return message }
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

    func position(of span: Span) -> (line: Int, column: Int) {
        let before = bytes[..<min(Int(span.start), bytes.count)]
        let lineStart = before.lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? 0
        let line = before.count { $0 == UInt8(ascii: "\n") } + 1
        return (line, before[lineStart...].count { $0 & 0xC0 != 0x80 } + 1)
    }

    func excerpt(_ span: Span) -> String {
        // Long enough to be found again, short enough for one line of a log.
        let limit = 60
        let part = text(span).prefix(limit + 1).prefix { !$0.isNewline }
        return part.count > limit ? part.prefix(limit) + "…" : String(part)
    }
}
