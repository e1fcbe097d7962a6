/// Builds the syntax tree of an expression.
struct Parser {
    let source: Source
    let limits: Limits
    private var lexer: Lexer
    private(set) var token: Token
    private var nesting = 0

    /// The whole text as one expression.
    static func parse(_ source: Source, limits: Limits) throws(CELError) -> Syntax {
        guard source.bytes.count <= limits.sourceSize else {
            throw CELError("the expression is longer than \(limits.sourceSize) bytes")
        }
        var parser = try Parser(source, limits: limits)
        let syntax = try parser.expression()
        guard parser.token.kind == .end else { throw parser.unexpected() }
        return syntax
    }

    private init(_ source: Source, limits: Limits) throws(CELError) {
        self.source = source
        self.limits = limits
        lexer = Lexer(source)
        token = try lexer.next()
    }

    /// Moves on and answers the token that stood here.
    @discardableResult
    private mutating func take() throws(CELError) -> Token {
        let taken = token
        token = try lexer.next()
        return taken
    }

    private func stands(at symbol: Token.Symbol) -> Bool { token.kind == .symbol(symbol) }

    private mutating func accept(_ symbol: Token.Symbol) throws(CELError) -> Bool {
        guard stands(at: symbol) else { return false }
        try take()
        return true
    }

    private mutating func expect(_ symbol: Token.Symbol) throws(CELError) -> Token {
        guard stands(at: symbol) else { throw unexpected("\"\(symbol.rawValue)\"") }
        return try take()
    }

    private func unexpected(_ wanted: String? = nil) -> CELError {
        let found = token.kind == .end ? "the expression ends" : "found \"\(source.text(token.span))\""
        let message = wanted.map { "expected \($0), but \(found)" } ?? "syntax error: \(found)"
        return error(message, at: token.span)
    }

    func error(_ message: String, at span: Span) -> CELError { CELError(message).located(span, in: source) }

    func node(_ kind: Syntax.Kind, _ span: Span) throws(CELError) -> Syntax {
        let syntax = Syntax(kind, span)
        guard syntax.height <= limits.depth else { throw tooDeep(span) }
        return syntax
    }

    private func tooDeep(_ span: Span) -> CELError {
        error("the expression nests deeper than \(limits.depth) levels", at: span)
    }

    // MARK: Operators

    private mutating func expression() throws(CELError) -> Syntax {
        nesting += 1
        defer { nesting -= 1 }
        guard nesting <= limits.depth else { throw tooDeep(token.span) }
        let condition = try operation(1)
        guard try accept(.question) else { return condition }
        let first = try operation(1)
        _ = try expect(.colon)
        let second = try expression()
        return try node(.conditional(condition, first, second), condition.span...second.span)
    }

    /// Operators that bind at least as tightly as `precedence`, which all group to the left.
    private mutating func operation(_ precedence: Int) throws(CELError) -> Syntax {
        var left = try unary()
        while case .symbol(let symbol) = token.kind, let op = symbol.binaryOperator, op.precedence >= precedence {
            try take()
            let right = try operation(op.precedence + 1)
            // Long rows of && and || stay flat.
            if op == .and || op == .or, case .operation(op, let terms) = left.kind {
                left = try node(.operation(op, terms + [right]), left.span...right.span)
            } else {
                left = try node(.operation(op, [left, right]), left.span...right.span)
            }
        }
        return left
    }

    private mutating func unary() throws(CELError) -> Syntax {
        let isNot = stands(at: .not)
        guard isNot || stands(at: .minus) else { return try member() }
        var signs: [Span] = []
        while stands(at: isNot ? .not : .minus) { signs.append(try take().span) }
        var operand: Syntax
        if let sign = signs.last, !isNot, let literal = try negativeLiteral(sign) {
            signs.removeLast()
            operand = try member(of: literal)
        } else {
            operand = try member()
        }
        for sign in signs.reversed() {
            operand = try node(isNot ? .not(operand) : .negation(operand), sign...operand.span)
        }
        return operand
    }

    /// A number with the minus before it: the smallest integer has no positive counterpart.
    private mutating func negativeLiteral(_ sign: Span) throws(CELError) -> Syntax? {
        let value: Value
        switch token.kind {
        case .int(let magnitude): value = .int(Int64(truncatingIfNeeded: 0 &- magnitude))
        case .double(let magnitude): value = .double(-magnitude)
        default: return nil
        }
        return try node(.literal(value), sign...(try take().span))
    }

    // MARK: Members

    private mutating func member() throws(CELError) -> Syntax { try member(of: try primary()) }

    private mutating func member(of first: Syntax) throws(CELError) -> Syntax {
        var operand = first
        while case .symbol(let symbol) = token.kind {
            switch symbol {
            case .dot: operand = try selection(from: operand)
            case .leftBracket:
                try take()
                let isOptional = try accept(.question)
                let index = try expression()
                let end = try expect(.rightBracket).span
                operand = try node(.index(operand, index, isOptional: isOptional), operand.span...end)
            case .leftBrace where operand.qualifiedName != nil:
                throw error("messages are not supported; a map is written {\"key\": value}", at: operand.span)
            default: return operand
            }
        }
        return operand
    }

    private mutating func selection(from operand: Syntax) throws(CELError) -> Syntax {
        try take()
        let isOptional = try accept(.question)
        let field = try take()
        switch field.kind {
        case .identifier(let name):
            guard !isOptional, stands(at: .leftParenthesis) else {
                return try node(.select(operand, field: name, isOptional: isOptional), operand.span...field.span)
            }
            let (arguments, end) = try arguments()
            return try call(name, on: operand, arguments, operand.span...end)
        case .quotedIdentifier(let name):
            return try node(.select(operand, field: name, isOptional: isOptional), operand.span...field.span)
        default:
            throw error("expected the name of a field after \".\"", at: field.span)
        }
    }

    /// What stands between parentheses, and where they close.
    private mutating func arguments() throws(CELError) -> ([Syntax], Span) {
        _ = try expect(.leftParenthesis)
        var arguments: [Syntax] = []
        if !stands(at: .rightParenthesis) {
            repeat { arguments.append(try expression()) } while try accept(.comma)
        }
        return (arguments, try expect(.rightParenthesis).span)
    }

    // MARK: Primary expressions

    private mutating func primary() throws(CELError) -> Syntax {
        let first = token
        switch first.kind {
        case .symbol(.leftParenthesis):
            try take()
            let inner = try expression()
            let end = try expect(.rightParenthesis).span
            // The parentheses end a qualified name: (a.b).c selects c.
            return Syntax(inner.kind, first.span...end)
        case .symbol(.leftBracket): return try list()
        case .symbol(.leftBrace): return try map()
        case .symbol(.dot):
            try take()
            guard case .identifier(let name) = token.kind else { throw unexpected("a name") }
            return try named(name, isAbsolute: true, from: first.span)
        case .identifier(let name): return try named(name, isAbsolute: false, from: first.span)
        default:
            guard let value = try literal(first) else { throw unexpected() }
            try take()
            return try node(.literal(value), first.span)
        }
    }

    private func literal(_ token: Token) throws(CELError) -> Value? {
        switch token.kind {
        case .symbol(.true): return .bool(true)
        case .symbol(.false): return .bool(false)
        case .symbol(.null): return .null
        case .int(let magnitude):
            guard let value = Int64(exactly: magnitude) else {
                throw error("this integer does not fit 64 bits", at: token.span)
            }
            return .int(value)
        case .uint(let value): return .uint(value)
        case .double(let value): return .double(value)
        case .string(let value): return .string(value)
        case .bytes(let value): return .bytes(value)
        default: return nil
        }
    }

    private mutating func named(_ name: String, isAbsolute: Bool, from start: Span) throws(CELError) -> Syntax {
        guard !Self.reservedWords.contains(name) else { throw error("\"\(name)\" is a reserved word", at: token.span) }
        let end = try take().span
        guard stands(at: .leftParenthesis) else {
            return try node(.identifier(name, isAbsolute: isAbsolute), start...end)
        }
        let (arguments, close) = try arguments()
        return try call(name, arguments, start...close)
    }

    /// Kept free for languages that embed expressions.
    private static let reservedWords: Set<String> = [
        "as", "break", "const", "continue", "else", "for", "function", "if", "import", "let", "loop", "package",
        "namespace", "return", "var", "void", "while",
    ]

    private mutating func list() throws(CELError) -> Syntax {
        let start = try take().span
        var elements: [Syntax.Element] = []
        while !stands(at: .rightBracket) {
            let isOptional = try accept(.question)
            elements.append(Syntax.Element(value: try expression(), isOptional: isOptional))
            guard try accept(.comma) else { break }
        }
        return try node(.list(elements), start...(try expect(.rightBracket).span))
    }

    private mutating func map() throws(CELError) -> Syntax {
        let start = try take().span
        var entries: [Syntax.Entry] = []
        while !stands(at: .rightBrace) {
            let isOptional = try accept(.question)
            let key = try expression()
            _ = try expect(.colon)
            entries.append(Syntax.Entry(key: key, value: try expression(), isOptional: isOptional))
            guard try accept(.comma) else { break }
        }
        return try node(.map(entries), start...(try expect(.rightBrace).span))
    }
}

extension Syntax {
    /// `a.b.c` when this is nothing but names, or nil.
    var qualifiedName: String? {
        switch kind {
        case .identifier(let name, _): name
        case .select(let operand, let field, false): operand.qualifiedName.map { "\($0).\(field)" }
        default: nil
        }
    }
}
