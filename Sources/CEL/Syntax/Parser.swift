/// Builds the syntax tree of an expression.
///
/// What has begun and is not complete stands on a list of its own rather than on the stack of calls: parsing takes no
/// more stack for a deep expression than for a flat one.
struct Parser {
    let source: Source
    let limits: Limits
    private var lexer: Lexer
    private var token: Token
    private var pending: [Pending] = []
    /// The operands, arguments, elements, keys and values that the pending ones have so far, all in one list.
    private var collected: [Syntax.Element] = []
    /// How many of the pending ones wait for a bracket that closes.
    private var openBrackets = 0

    /// What has begun and waits for an operand.
    private enum Pending {
        /// `!` or `-`
        case sign(Span, isNot: Bool)
        /// Its operands so far are collected from this place on, as those of the cases below.
        case operation(BinaryOperator, from: Int)
        /// `condition ?`
        case condition(Syntax)
        /// `condition ? first :`
        case otherwise(Syntax, Syntax)
        case group(Span)
        case index(Syntax, isOptional: Bool)
        case arguments(Callee, from: Int)
        case list(Span, from: Int, isOptional: Bool)
        /// Keys and values take turns.
        case map(Span, from: Int, isOptional: Bool, hasKey: Bool)
    }

    private struct Callee {
        let target: Syntax?
        let name: String
        let span: Span
    }

    /// The whole text as one expression.
    static func parse(_ source: Source, limits: Limits) throws(CELError) -> Syntax {
        guard source.bytes.count <= limits.sourceSize else {
            throw CELError("the expression is longer than \(limits.sourceSize) bytes")
        }
        var parser = try Parser(source, limits: limits)
        return try parser.expression()
    }

    private init(_ source: Source, limits: Limits) throws(CELError) {
        self.source = source
        self.limits = limits
        lexer = Lexer(source)
        token = try lexer.next()
    }

    private mutating func expression() throws(CELError) -> Syntax {
        while true {
            if let operand = try operand(), let whole = try completed(with: operand) { return whole }
        }
    }

    /// The whole expression when the operand is the last of it, nil when another operand is awaited.
    private mutating func completed(with operand: Syntax) throws(CELError) -> Syntax? {
        var operand = operand
        while true {
            if stands(at: .dot) || stands(at: .leftBracket) {
                guard let longer = try member(of: operand) else { return nil }
                operand = longer
                continue
            }
            operand = try signed(operand)
            if try beginOperation(after: operand) { return nil }
            operand = try reduced(operand)
            guard let outer = pending.popLast() else {
                guard token.kind == .end else { throw unexpected(after: operand) }
                return operand
            }
            guard let closed = try close(outer, operand) else { return nil }
            operand = closed
        }
    }

    // MARK: Tokens

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

    private mutating func expect(_ symbol: Token.Symbol) throws(CELError) -> Span {
        guard stands(at: symbol) else { throw unexpected("\"\(symbol.rawValue)\"") }
        return try take().span
    }

    private func unexpected(_ wanted: String? = nil) -> CELError {
        let found = token.kind == .end ? "the expression ends" : "found \"\(source.text(token.span))\""
        let message = wanted.map { "expected \($0), but \(found)" } ?? "syntax error: \(found)"
        return error(message, at: token.span)
    }

    private func unexpected(after operand: Syntax) -> CELError {
        guard stands(at: .leftBrace), operand.qualifiedName != nil else { return unexpected() }
        return error("messages are not supported; a map is written {\"key\": value}", at: operand.span)
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

    /// Collects one more part.
    private mutating func collect(_ syntax: Syntax, isOptional: Bool = false) {
        collected.append(Syntax.Element(value: syntax, isOptional: isOptional))
    }

    /// Takes all parts collected from a place on.
    private mutating func parts(from start: Int) -> [Syntax.Element] {
        defer { collected.removeSubrange(start...) }
        return Array(collected[start...])
    }

    private mutating func open(_ bracket: Pending) throws(CELError) {
        openBrackets += 1
        guard openBrackets <= limits.depth else { throw tooDeep(token.span) }
        pending.append(bracket)
    }

    // MARK: Operands

    /// A literal, a name, or a call or a bracket without contents. Nil when something was begun that waits for an
    /// operand of its own.
    private mutating func operand() throws(CELError) -> Syntax? {
        let first = token
        switch first.kind {
        case .symbol(.not), .symbol(.minus): return try sign()
        case .symbol(.leftParenthesis):
            try take()
            try open(.group(first.span))
            return nil
        case .symbol(.leftBracket):
            try take()
            return try element(of: first.span, from: collected.count)
        case .symbol(.leftBrace):
            try take()
            return try entry(of: first.span, from: collected.count)
        case .symbol(.dot):
            try take()
            guard case .identifier(let name) = token.kind else { throw unexpected("a name") }
            return try identifier(name, isAbsolute: true, from: first.span)
        case .identifier(let name): return try identifier(name, isAbsolute: false, from: first.span)
        default:
            guard let value = try literal(first) else { throw unexpected() }
            try take()
            return try node(.literal(value), first.span)
        }
    }

    private mutating func sign() throws(CELError) -> Syntax? {
        let sign = try take()
        let isNot = sign.kind == .symbol(.not)
        if case .sign(_, let isOuterNot)? = pending.last, isOuterNot != isNot {
            throw error("\"!\" and \"-\" do not mix without parentheses", at: sign.span)
        }
        if !isNot, let literal = try negativeLiteral(sign.span) { return literal }
        // Each sign is a node around its operand.
        guard pending.count < limits.depth * 8 else { throw tooDeep(sign.span) }
        pending.append(.sign(sign.span, isNot: isNot))
        return nil
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

    private mutating func identifier(
        _ name: String,
        isAbsolute: Bool,
        from start: Span
    ) throws(CELError) -> Syntax? {
        guard !Self.reservedWords.contains(name) else { throw error("\"\(name)\" is a reserved word", at: token.span) }
        let end = try take().span
        guard stands(at: .leftParenthesis) else {
            return try node(.identifier(name, isAbsolute: isAbsolute), start...end)
        }
        return try arguments(of: Callee(target: nil, name: name, span: start))
    }

    /// Kept free for languages that embed expressions.
    private static let reservedWords: Set<String> = [
        "as", "break", "const", "continue", "else", "for", "function", "if", "import", "let", "loop", "package",
        "namespace", "return", "var", "void", "while",
    ]

    // MARK: Members

    /// A field selected from an operand or the call of a method. Nil when arguments or an index are awaited.
    private mutating func member(of operand: Syntax) throws(CELError) -> Syntax? {
        if try accept(.leftBracket) {
            try open(.index(operand, isOptional: try accept(.question)))
            return nil
        }
        _ = try expect(.dot)
        let isOptional = try accept(.question)
        let field = try take()
        let name: String
        switch field.kind {
        case .identifier(let text):
            if !isOptional, stands(at: .leftParenthesis) {
                return try arguments(of: Callee(target: operand, name: text, span: operand.span))
            }
            name = text
        case .quotedIdentifier(let text): name = text
        default: throw error("expected the name of a field after \".\"", at: field.span)
        }
        return try node(.select(operand, field: name, isOptional: isOptional), operand.span...field.span)
    }

    /// The call when it has no arguments; else they are awaited.
    private mutating func arguments(of callee: Callee) throws(CELError) -> Syntax? {
        _ = try expect(.leftParenthesis)
        if stands(at: .rightParenthesis) { return try call(callee, []) }
        try open(.arguments(callee, from: collected.count))
        return nil
    }

    private mutating func call(_ callee: Callee, _ arguments: [Syntax]) throws(CELError) -> Syntax {
        let span = callee.span...(try expect(.rightParenthesis))
        guard let target = callee.target else { return try call(callee.name, arguments, span) }
        return try call(callee.name, on: target, arguments, span)
    }

    // MARK: Operators

    /// The operand with the signs before it.
    private mutating func signed(_ operand: Syntax) throws(CELError) -> Syntax {
        var operand = operand
        while case .sign(let span, let isNot)? = pending.last {
            pending.removeLast()
            operand = try node(isNot ? .not(operand) : .negation(operand), span...operand.span)
        }
        return operand
    }

    /// Whether an operator follows that waits for another operand.
    private mutating func beginOperation(after operand: Syntax) throws(CELError) -> Bool {
        guard case .symbol(let symbol) = token.kind else { return false }
        if let op = symbol.binaryOperator {
            try take()
            // Long rows of && and || stay flat.
            let isRow = op == .and || op == .or
            let left = try reduced(operand, downTo: isRow ? op.precedence + 1 : op.precedence)
            if isRow, case .operation(op, _)? = pending.last {
                collect(left)
                return true
            }
            let whole = isRow ? try reduced(left, downTo: op.precedence) : left
            pending.append(.operation(op, from: collected.count))
            collect(whole)
            return true
        }
        guard symbol == .question else { return false }
        let condition = try reduced(operand)
        if case .condition? = pending.last {
            throw error("\"?:\" inside \"?:\" needs parentheses here", at: token.span)
        }
        try take()
        guard pending.count < limits.depth * 8 else { throw tooDeep(condition.span) }
        pending.append(.condition(condition))
        return true
    }

    /// The operations that bind at least as tightly as `precedence`; all operators group to the left.
    private mutating func reduced(_ operand: Syntax, downTo precedence: Int = 0) throws(CELError) -> Syntax {
        var right = operand
        while case .operation(let op, let start)? = pending.last, op.precedence >= precedence {
            pending.removeLast()
            let operands = parts(from: start).map(\.value) + [right]
            right = try node(.operation(op, operands), operands[0].span...right.span)
        }
        return right
    }

    // MARK: What encloses an operand

    /// The whole that an operand completes, nil when another operand is awaited.
    private mutating func close(_ outer: Pending, _ operand: Syntax) throws(CELError) -> Syntax? {
        switch outer {
        case .condition(let condition):
            _ = try expect(.colon)
            pending.append(.otherwise(condition, operand))
            return nil
        case .otherwise(let condition, let first):
            return try node(.conditional(condition, first, operand), condition.span...operand.span)
        case .group(let start):
            openBrackets -= 1
            return Syntax(operand.kind, start...(try expect(.rightParenthesis)))
        case .index(let target, let isOptional):
            openBrackets -= 1
            let end = try expect(.rightBracket)
            return try node(.index(target, operand, isOptional: isOptional), target.span...end)
        case .arguments(let callee, let start):
            collect(operand)
            if try accept(.comma) {
                pending.append(outer)
                return nil
            }
            openBrackets -= 1
            return try call(callee, parts(from: start).map(\.value))
        case .list(let span, let start, let isOptional):
            openBrackets -= 1
            collect(operand, isOptional: isOptional)
            return try accept(.comma) ? element(of: span, from: start) : list(span, from: start)
        case .map(let span, let start, let isOptional, hasKey: false):
            _ = try expect(.colon)
            collect(operand, isOptional: isOptional)
            pending.append(.map(span, from: start, isOptional: isOptional, hasKey: true))
            return nil
        case .map(let span, let start, _, hasKey: true):
            openBrackets -= 1
            collect(operand)
            return try accept(.comma) ? entry(of: span, from: start) : map(span, from: start)
        case .sign, .operation:
            preconditionFailure("signs and operations are complete before what encloses them")
        }
    }

    /// Awaits the next element of a list, or answers the list when it closes instead.
    private mutating func element(of span: Span, from start: Int) throws(CELError) -> Syntax? {
        if stands(at: .rightBracket) { return try list(span, from: start) }
        try open(.list(span, from: start, isOptional: try accept(.question)))
        return nil
    }

    private mutating func list(_ span: Span, from start: Int) throws(CELError) -> Syntax {
        try node(.list(parts(from: start)), span...(try expect(.rightBracket)))
    }

    /// Awaits the next key of a map, or answers the map when it closes instead.
    private mutating func entry(of span: Span, from start: Int) throws(CELError) -> Syntax? {
        if stands(at: .rightBrace) { return try map(span, from: start) }
        try open(.map(span, from: start, isOptional: try accept(.question), hasKey: false))
        return nil
    }

    private mutating func map(_ span: Span, from start: Int) throws(CELError) -> Syntax {
        let parts = parts(from: start)
        let entries = stride(from: 0, to: parts.count, by: 2).map { index in
            let key = parts[index]
            return Syntax.Entry(key: key.value, value: parts[index + 1].value, isOptional: key.isOptional)
        }
        return try node(.map(entries), span...(try expect(.rightBrace)))
    }
}

extension Syntax {
    /// `a.b.c` when this is nothing but names, or nil.
    var qualifiedName: String? {
        var names: [String] = []
        var syntax = self
        while case .select(let operand, let field, false) = syntax.kind {
            names.append(field)
            syntax = operand
        }
        guard case .identifier(let name, _) = syntax.kind else { return nil }
        return ([name] + names.reversed()).joined(separator: ".")
    }
}
