/// Turns a syntax tree into nodes that can be evaluated: names are resolved, what is constant is computed.
struct Compiler {
    let source: Source
    let names: Set<String>?
    let container: String
    /// Whether unknown functions are errors of the evaluation rather than of the compilation.
    let defersChecks: Bool
    /// The slots of macro variables in scope, innermost last.
    private var scope: [(name: String, slot: Int)] = []
    /// How many slots the evaluation needs.
    private(set) var slotCount = 0
    private(set) var references: [[String]] = []

    init(source: Source, names: Set<String>?, container: String, defersChecks: Bool) {
        self.source = source
        self.names = names
        self.container = container
        self.defersChecks = defersChecks
    }

    /// The work that computing one constant may take when an expression is compiled. Beyond it, it is computed when
    /// the expression is evaluated, under that budget.
    private static let foldingCost = 1_000

    mutating func compile(_ syntax: Syntax) throws(CELError) -> any Code {
        switch syntax.kind {
        // Each case has a method of its own: this one stands on the stack once per level.
        case .literal(let value): return Constant(value)
        case .identifier, .select, .index: return try path(syntax)
        case .presence(let operand, let field, let isOptional):
            return try presence(operand, field, isOptional, syntax)
        case .call(let name, let arguments): return try call(name, arguments, syntax.span)
        case .method(let target, let name, let arguments): return try method(name, target, arguments, syntax.span)
        case .negation(let operand): return try sign(Operators.negate, operand, syntax.span)
        case .not(let operand): return try sign(Operators.not, operand, syntax.span)
        case .operation(let op, let operands): return try operation(op, operands, syntax.span)
        case .conditional(let condition, let first, let second):
            return try conditional(condition, first, second, syntax.span)
        case .list(let elements): return try list(elements, syntax.span)
        case .map(let entries): return try map(entries)
        case .comprehension(let macro, let range, let variables, let bodies):
            return try comprehension(macro, range, variables, bodies, syntax.span)
        case .bind(let name, let value, let body): return try bind(name, value, body)
        case .block(let values, let body): return try block(values, body)
        case .optionalMap(let target, let variable, let body, let isFlat):
            return try optionalMap(target, variable, body, isFlat: isFlat, syntax.span)
        }
    }

    private mutating func compile(_ all: [Syntax]) throws(CELError) -> [any Code] {
        var codes: [any Code] = []
        for syntax in all { codes.append(try compile(syntax)) }
        return codes
    }

    /// Compiles the bodies of a macro, in which some more variables are known, and tells their slots.
    private mutating func compile(_ bodies: [Syntax], with names: [String]) throws(CELError) -> ([Int], [any Code]) {
        let first = scope.count
        for (index, name) in names.enumerated() { scope.append((name, first + index)) }
        slotCount = max(slotCount, scope.count)
        let codes = try compile(bodies)
        scope.removeLast(names.count)
        return (Array(first..<first + names.count), codes)
    }

    /// The value in place of the node when all it needs is constant and it does not fail.
    private func folded(_ code: any Code, _ parts: [any Code]) -> any Code {
        guard parts.allSatisfy({ $0 is Constant }) else { return code }
        var frame = Frame(Bindings(), source: source, container: "", cost: Self.foldingCost, locals: 0)
        guard let value = try? code.evaluate(&frame) else { return code }
        return Constant(value)
    }

    // MARK: Names and selections

    /// A variable, the fields selected from it by constant names, and what is selected from anything else.
    private mutating func path(_ syntax: Syntax) throws(CELError) -> any Code {
        if let code = try chain(syntax) { return code }
        switch syntax.kind {
        case .select(let operand, let field, let isOptional):
            return try selection(operand, field, isOptional, syntax.span)
        case .index(let operand, let index, let isOptional):
            return try self.index(operand, index, isOptional, syntax.span)
        default: throw CELError("this cannot be selected from").located(syntax.span, in: source)
        }
    }

    /// What a variable and constant fields are compiled to, nil for anything else.
    private mutating func chain(_ syntax: Syntax) throws(CELError) -> (any Code)? {
        guard let chain = Chain(syntax) else { return nil }
        if !chain.isAbsolute, let local = scope.last(where: { $0.name == chain.variable }) {
            var code: any Code = Local(local.slot)
            for (field, span) in zip(chain.fields, chain.spans.dropFirst()) { code = Selection(code, field, span) }
            return code
        }
        if let type = type(named: chain) { return Constant(.type(type)) }
        return try variable(chain)
    }

    private mutating func selection(
        _ operand: Syntax,
        _ field: String,
        _ isOptional: Bool,
        _ span: Span
    ) throws(CELError) -> any Code {
        let operand = try compile(operand)
        if isOptional { return folded(OptionalSelection(operand, field, span), [operand]) }
        return folded(Selection(operand, field, span), [operand])
    }

    private mutating func index(
        _ operand: Syntax,
        _ index: Syntax,
        _ isOptional: Bool,
        _ span: Span
    ) throws(CELError) -> any Code {
        let operand = try compile(operand)
        let index = try compile(index)
        return folded(Index(operand, index, isOptional: isOptional, span), [operand, index])
    }

    private func type(named chain: Chain) -> ValueType? {
        guard !chain.hasIndex, names?.contains(chain.variable) != true else { return nil }
        let name = chain.name
        // Without declared names a variable may have the name of a type; `type` itself is a likely one.
        return ValueType.named[name]
    }

    private mutating func variable(_ chain: Chain) throws(CELError) -> any Code {
        references.append([chain.variable] + chain.fields)
        if let names {
            let isKnown = names.contains(chain.variable) || !container.isEmpty || names.contains { $0.contains(".") }
            guard isKnown else {
                let known = names.isEmpty ? "nothing" : names.sorted().joined(separator: ", ")
                throw CELError("undeclared reference to \"\(chain.variable)\"; known here: \(known)")
                    .located(chain.spans[0], in: source)
            }
        }
        return Path(chain.variable, chain.fields, spans: chain.spans, isAbsolute: chain.isAbsolute)
    }

    private mutating func presence(
        _ operand: Syntax,
        _ field: String,
        _ isOptional: Bool,
        _ syntax: Syntax
    ) throws(CELError) -> any Code {
        let count = references.count
        let operand = try compile(operand)
        // The field that is asked for belongs to what is referred to.
        if let path = operand as? Path, references.count == count + 1 {
            references[count] = [path.variable] + path.fields + [field]
        }
        return folded(Presence(operand, field, syntax.span), [operand])
    }

    // MARK: Calls

    private mutating func sign(
        _ function: @escaping Function.Unary,
        _ operand: Syntax,
        _ span: Span
    ) throws(CELError) -> any Code {
        let operand = try compile(operand)
        return folded(UnaryCall(function, operand, span), [operand])
    }

    private mutating func operation(
        _ op: BinaryOperator,
        _ operands: [Syntax],
        _ span: Span
    ) throws(CELError) -> any Code {
        let codes = try compile(operands)
        switch op {
        case .and, .or:
            let code = Connective(codes, spans: operands.map(\.span), deciding: op == .or)
            // One constant that decides hides everything else.
            if codes.contains(where: { $0.constant == .bool(op == .or) }) { return Constant(.bool(op == .or)) }
            return folded(code, codes)
        case .equal, .notEqual:
            return folded(Equality(codes[0], codes[1], isNegated: op == .notEqual), codes)
        default:
            return folded(BinaryCall(Operators.function(op), codes[0], codes[1], span), codes)
        }
    }

    private mutating func conditional(
        _ condition: Syntax,
        _ first: Syntax,
        _ second: Syntax,
        _ span: Span
    ) throws(CELError) -> any Code {
        let test = try compile(condition)
        let first = try compile(first)
        let second = try compile(second)
        if case .bool(let value) = test.constant { return value ? first : second }
        return Conditional(test, first, second, condition.span)
    }

    private mutating func call(_ name: String, _ arguments: [Syntax], _ span: Span) throws(CELError) -> any Code {
        let codes = try compile(arguments)
        return try resolved(codes, span) { () throws(CELError) in
            try FunctionTable.standard.global(name, count: codes.count)
        }
    }

    private mutating func method(
        _ name: String,
        _ target: Syntax,
        _ arguments: [Syntax],
        _ span: Span
    ) throws(CELError) -> any Code {
        let targetCode = try compile(target)
        let codes = try compile(arguments)
        if name == "or" || name == "orValue", codes.count == 1 {
            return Alternative(targetCode, codes[0], unwraps: name == "orValue", span)
        }
        if name == "matches", codes.count == 1, let expression = RegularExpression(constant: codes[0]) {
            return Match(targetCode, expression, span)
        }
        return try resolved([targetCode] + codes, span) { () throws(CELError) in
            try FunctionTable.standard.method(name, count: codes.count)
        }
    }

    private func resolved(
        _ arguments: [any Code],
        _ span: Span,
        _ resolve: () throws(CELError) -> Function
    ) throws(CELError) -> any Code {
        let code: any Code
        do throws(CELError) {
            switch try resolve() {
            case .unary(let function): code = UnaryCall(function, arguments[0], span)
            case .binary(let function): code = BinaryCall(function, arguments[0], arguments[1], span)
            case .variadic(let function): code = Call(function, arguments, span)
            }
        } catch {
            let located = error.located(span, in: source)
            guard defersChecks else { throw located }
            return Failure(located)
        }
        return folded(code, arguments)
    }

    // MARK: Lists, maps and macros

    private mutating func bind(_ name: String, _ value: Syntax, _ body: Syntax) throws(CELError) -> any Code {
        let value = try compile(value)
        let (slots, codes) = try compile([body], with: [name])
        return Binding(slots, [value], codes[0])
    }

    private mutating func block(_ values: [Syntax], _ body: Syntax) throws(CELError) -> any Code {
        let first = scope.count
        var codes: [any Code] = []
        for (index, value) in values.enumerated() {
            codes.append(try compile(value))
            scope.append(("@index:\(index)", first + index))
        }
        slotCount = max(slotCount, scope.count)
        let bodyCode = try compile(body)
        scope.removeLast(values.count)
        return Binding(Array(first..<first + values.count), codes, bodyCode)
    }

    private mutating func optionalMap(
        _ target: Syntax,
        _ variable: String,
        _ body: Syntax,
        isFlat: Bool,
        _ span: Span
    ) throws(CELError) -> any Code {
        let optional = try compile(target)
        let (slots, codes) = try compile([body], with: [variable])
        return OptionalMap(slots[0], optional, codes[0], isFlat: isFlat, span)
    }

    private mutating func list(_ elements: [Syntax.Element], _ span: Span) throws(CELError) -> any Code {
        let codes = try compile(elements.map(\.value))
        let optional = Set(elements.indices.filter { elements[$0].isOptional })
        return folded(ListLiteral(codes, optional: optional, span), codes)
    }

    private mutating func map(_ entries: [Syntax.Entry]) throws(CELError) -> any Code {
        var codes: [MapLiteral.Entry] = []
        for entry in entries {
            codes.append(
                MapLiteral.Entry(
                    key: try compile(entry.key),
                    value: try compile(entry.value),
                    isOptional: entry.isOptional,
                    span: entry.key.span...entry.value.span
                )
            )
        }
        return folded(MapLiteral(codes), codes.flatMap { [$0.key, $0.value] })
    }

    private mutating func comprehension(
        _ macro: Macro,
        _ range: Syntax,
        _ variables: [String],
        _ bodies: [Syntax],
        _ span: Span
    ) throws(CELError) -> any Code {
        let rangeCode = try compile(range)
        let (slots, codes) = try compile(bodies, with: variables)
        let loop = Loop(
            range: rangeCode,
            slots: slots,
            // Long names and texts in the bodies are work too.
            weight: bodies.reduce(1) { $0 + $1.weight + Int($1.span.end - $1.span.start) >> 6 },
            span: span,
            bodySpans: bodies.map(\.span)
        )
        let filter = codes.count == 2 ? codes[0] : nil
        let body = codes[codes.count - 1]
        switch macro {
        case .all, .exists, .existsOne: return Quantifier(macro, loop, body)
        case .filter: return ListComprehension(loop, filter: body, transform: nil)
        case .map, .transformList: return ListComprehension(loop, filter: filter, transform: body)
        case .transformMap, .transformMapEntry:
            let makesEntries = macro == .transformMapEntry
            return MapComprehension(loop, filter: filter, transform: body, makesEntries: makesEntries)
        case .sortBy: return SortBy(loop, body)
        }
    }
}

/// A variable and the constant fields selected from it, as far as a node is nothing else.
struct Chain {
    let variable: String
    let isAbsolute: Bool
    private(set) var fields: [String] = []
    /// Of the variable and of each longer part.
    private(set) var spans: [Span]
    /// Whether some field is written as an index, which no qualified name is.
    private(set) var hasIndex = false

    init?(_ syntax: Syntax) {
        switch syntax.kind {
        case .identifier(let name, let isAbsolute):
            variable = name
            self.isAbsolute = isAbsolute
            spans = [syntax.span]
        case .select(let operand, let field, isOptional: false):
            guard let chain = Chain(operand) else { return nil }
            self = chain
            fields.append(field)
            spans.append(syntax.span)
        case .index(let operand, let index, isOptional: false):
            guard let field = index.constantString, let chain = Chain(operand) else { return nil }
            self = chain
            fields.append(field)
            spans.append(syntax.span)
            hasIndex = true
        default: return nil
        }
    }

    var name: String { ([variable] + fields).joined(separator: ".") }
}

extension Syntax {
    var constantString: String? {
        if case .literal(.string(let text)) = kind { text } else { nil }
    }
}
