/// A regular expression of RE2's syntax, matched in time proportional to the text's length.
///
/// All ways to match are followed at once (Thompson's simulation, with the captures Pike added to it), so there is
/// nothing to go back to. Back references and look-around do not exist.
struct RegularExpression: Sendable {
    enum Instruction: Sendable {
        case scalar(Unicode.Scalar)
        case set(ScalarSet)
        /// Any code point.
        case any
        /// Goes both ways; the first is preferred.
        case split(Int, Int)
        case jump(Int)
        /// Remembers the position as the start or the end of a group.
        case save(Int)
        case assert(Assertion)
        case match
    }

    enum Assertion: Sendable {
        case textStart
        case textEnd
        case lineStart
        case lineEnd
        case wordBoundary
        case noWordBoundary
    }

    let program: [Instruction]
    /// Groups with parentheses, the whole match not counted.
    let groupCount: Int

    /// - Throws: what is wrong with the pattern.
    init(_ pattern: String, _ budget: inout Budget) throws(CELError) {
        try budget.charge(1 + pattern.utf8.count)
        var parser = RegularExpressionParser(pattern)
        let tree = try parser.parse()
        var compiler = RegularExpressionCompiler()
        try compiler.compile(tree)
        program = compiler.program
        groupCount = parser.groupCount
        try budget.charge(program.count >> 4)
    }

    /// The pattern of a constant, nil when it is none or is wrong: that is for the evaluation to say.
    init?(constant code: any Code) {
        var budget = Budget(100_000)
        guard case .string(let pattern) = code.constant, let expression = try? Self(pattern, &budget) else {
            return nil
        }
        self = expression
    }

    /// Whether some part of the text matches.
    func matches(_ text: String, _ budget: inout Budget) throws(CELError) -> Bool {
        try firstMatch(in: Array(text.unicodeScalars), from: 0, withGroups: false, &budget) != nil
    }

    /// The leftmost match and of those the preferred one: the bounds of the whole and of each group, -1 for groups that
    /// took no part. Without groups the bounds are not told.
    func firstMatch(
        in text: [Unicode.Scalar],
        from start: Int,
        withGroups: Bool = true,
        _ budget: inout Budget
    ) throws(CELError) -> [Int]? {
        try budget.charge(bytes: text.count - start)
        var run = Run(program: program, text: text, withGroups: withGroups ? groupCount : nil)
        return try run.firstMatch(from: start, &budget)
    }
}

/// `text.matches("constant")`
final class Match: Code {
    let text: any Code
    let expression: RegularExpression
    let span: Span

    init(_ text: any Code, _ expression: RegularExpression, _ span: Span) {
        self.text = text
        self.expression = expression
        self.span = span
    }

    func evaluate(_ frame: inout Frame) throws(CELError) -> Value {
        let value = try text.evaluate(&frame)
        do throws(CELError) {
            guard case .string(let text) = value else { throw Value.noOverload("matches", value, .string("")) }
            return .bool(try expression.matches(text, &frame.budget))
        } catch {
            throw error.located(span, in: frame.source)
        }
    }
}
