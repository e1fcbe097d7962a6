/// `a && b && …` and `a || b || …`. An operand that decides hides the errors of all others, before and after it.
final class Connective: Code {
    let terms: [any Code]
    let spans: [Span]
    /// The operand that decides: false for `&&`, true for `||`.
    let deciding: Bool

    init(_ terms: [any Code], spans: [Span], deciding: Bool) {
        self.terms = terms
        self.spans = spans
        self.deciding = deciding
    }

    func evaluate(_ frame: inout Frame) throws(CELError) -> Value {
        var failure: CELError?
        for index in terms.indices {
            do throws(CELError) {
                guard case .bool(let value) = try terms[index].evaluate(&frame) else { throw mismatch }
                if value == deciding { return .bool(deciding) }
            } catch {
                if error.isLimit { throw error }
                if failure == nil { failure = error.located(spans[index], in: frame.source) }
            }
        }
        if let failure { throw failure }
        return .bool(!deciding)
    }

    private var mismatch: CELError { CELError("no such overload: \(deciding ? "||" : "&&") needs booleans") }
}

/// `condition ? first : second`
final class Conditional: Code {
    let condition: any Code
    let first: any Code
    let second: any Code
    let span: Span

    init(_ condition: any Code, _ first: any Code, _ second: any Code, _ span: Span) {
        self.condition = condition
        self.first = first
        self.second = second
        self.span = span
    }

    func evaluate(_ frame: inout Frame) throws(CELError) -> Value {
        guard case .bool(let value) = try condition.evaluate(&frame) else {
            throw CELError("no such overload: the condition of ?: is no boolean").located(span, in: frame.source)
        }
        return try value ? first.evaluate(&frame) : second.evaluate(&frame)
    }
}

/// `left == right` and `left != right`
final class Equality: Code {
    let left: any Code
    let right: any Code
    let isNegated: Bool

    init(_ left: any Code, _ right: any Code, isNegated: Bool) {
        self.left = left
        self.right = right
        self.isNegated = isNegated
    }

    func evaluate(_ frame: inout Frame) throws(CELError) -> Value {
        let left = try left.evaluate(&frame)
        return .bool(try left.equals(try right.evaluate(&frame), &frame.budget) != isNegated)
    }
}
