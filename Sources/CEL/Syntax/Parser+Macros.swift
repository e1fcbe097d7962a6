extension Parser {
    /// `name(arguments)`, or the macro of that name.
    func call(_ name: String, _ arguments: [Syntax], _ span: Span) throws(CELError) -> Syntax {
        guard name == "has" else { return try node(.call(name, arguments), span) }
        guard arguments.count == 1, case .select(let operand, let field, let isOptional) = arguments[0].kind else {
            throw error("has() takes one selection of a field: has(a.b)", at: span)
        }
        return try node(.presence(operand, field: field, isOptional: isOptional), span)
    }

    /// `target.name(arguments)`, the macro of that name, or a function of a namespace: `math.greatest(a, b)`.
    func call(
        _ name: String,
        on target: Syntax,
        _ arguments: [Syntax],
        _ span: Span
    ) throws(CELError) -> Syntax {
        if let namespace = target.qualifiedName {
            let qualified = "\(namespace).\(name)"
            if namespace == "cel", let syntax = try binding(name, arguments, span) { return syntax }
            if FunctionTable.standard.contains(qualified) { return try node(.call(qualified, arguments), span) }
        }
        switch (name, arguments.count) {
        case ("all", 2), ("exists", 2), ("exists_one", 2), ("existsOne", 2), ("filter", 2), ("map", 2), ("map", 3):
            return try comprehension(name, target, variables: 1, arguments, span)
        case ("all", 3), ("exists", 3), ("exists_one", 3), ("existsOne", 3), ("transformList", 3),
            ("transformList", 4), ("transformMap", 3), ("transformMap", 4), ("transformMapEntry", 3),
            ("transformMapEntry", 4):
            return try comprehension(name, target, variables: 2, arguments, span)
        case ("sortBy", 2):
            return try comprehension(name, target, variables: 1, arguments, span)
        case ("optMap", 2), ("optFlatMap", 2):
            let kind = Syntax.Kind.optionalMap(
                target,
                variable: try variable(arguments[0]),
                arguments[1],
                isFlat: name == "optFlatMap"
            )
            return try node(kind, span)
        default:
            return try node(.method(target, name: name, arguments), span)
        }
    }

    /// `cel.bind`, `cel.block` and the names of variables in a block; nil for any other name.
    private func binding(_ name: String, _ arguments: [Syntax], _ span: Span) throws(CELError) -> Syntax? {
        switch name {
        case "bind":
            guard arguments.count == 3 else { throw error("cel.bind() takes a name, a value and a body", at: span) }
            return try node(.bind(try variable(arguments[0]), arguments[1], arguments[2]), span)
        case "block":
            guard arguments.count == 2, case .list(let elements) = arguments[0].kind else {
                throw error("cel.block() takes a list of values and a body", at: span)
            }
            return try node(.block(elements.map(\.value), arguments[1]), span)
        case "index", "iterVar", "accuVar":
            return try node(.identifier(try blockVariable(name, arguments, span), isAbsolute: false), span)
        default: return nil
        }
    }

    /// A name that no expression can write otherwise.
    private func blockVariable(_ name: String, _ arguments: [Syntax], _ span: Span) throws(CELError) -> String {
        var variable = "@\(name)"
        guard arguments.count == (name == "index" ? 1 : 2) else {
            throw error("cel.\(name)() takes \(name == "index" ? "one integer" : "two integers")", at: span)
        }
        for argument in arguments {
            guard case .literal(.int(let number)) = argument.kind, number >= 0 else {
                throw error("cel.\(name)() takes integers that stand in the expression", at: argument.span)
            }
            variable += ":\(number)"
        }
        return variable
    }

    private func comprehension(
        _ name: String,
        _ range: Syntax,
        variables count: Int,
        _ arguments: [Syntax],
        _ span: Span
    ) throws(CELError) -> Syntax {
        guard let macro = name == "existsOne" ? .existsOne : Macro(rawValue: name) else {
            throw error("unknown macro \(name)", at: span)
        }
        var variables: [String] = []
        for argument in arguments.prefix(count) { variables.append(try variable(argument)) }
        if count == 2, variables[0] == variables[1] {
            throw error("the two variables of \(name)() need different names", at: arguments[1].span)
        }
        let kind = Syntax.Kind.comprehension(
            macro,
            range,
            variables: variables,
            bodies: Array(arguments.dropFirst(count))
        )
        return try node(kind, span)
    }

    private func variable(_ syntax: Syntax) throws(CELError) -> String {
        guard case .identifier(let name, isAbsolute: false) = syntax.kind else {
            throw error("expected the name of a variable", at: syntax.span)
        }
        return name
    }
}
