/// Writes a syntax tree as the text of an expression.
///
/// What is read from the text is the same tree, except that parentheses are where they are needed and that literals have
/// one form each.
struct Unparser {
    private(set) var text = ""

    static func text(_ syntax: Syntax) -> String {
        var unparser = Unparser()
        unparser.write(syntax)
        return unparser.text
    }

    /// What binds tighter than any operator.
    private static let unaryLevel = 6
    private static let memberLevel = 7

    private static func level(_ syntax: Syntax) -> Int {
        switch syntax.kind {
        case .conditional: 0
        case .operation(let op, _): op.precedence
        case .negation, .not: unaryLevel
        // The minus of a literal would belong to what stands to its left.
        case .literal(.int(let value)) where value < 0: unaryLevel
        case .literal(.double(let value)) where value.sign == .minus: unaryLevel
        default: memberLevel
        }
    }

    private mutating func write(_ syntax: Syntax, atLeast level: Int) {
        if Self.level(syntax) >= level {
            write(syntax)
        } else {
            text += "("
            write(syntax)
            text += ")"
        }
    }

    private mutating func write(_ syntax: Syntax) {
        switch syntax.kind {
        case .literal(let value): write(literal: value)
        case .identifier(let name, let isAbsolute): write(name: name, isAbsolute: isAbsolute)
        case .select(let operand, let field, let isOptional):
            write(operand, atLeast: Self.memberLevel)
            write(field: field, isOptional: isOptional)
        case .index(let operand, let index, let isOptional):
            write(operand, atLeast: Self.memberLevel)
            text += isOptional ? "[?" : "["
            write(index)
            text += "]"
        case .presence(let operand, let field, let isOptional):
            text += "has("
            write(operand, atLeast: Self.memberLevel)
            write(field: field, isOptional: isOptional)
            text += ")"
        case .call(let name, let arguments): write(call: name, arguments)
        case .method(let target, let name, let arguments): write(target, call: name, arguments)
        case .negation(let operand): write(sign: "-", operand)
        case .not(let operand): write(sign: "!", operand)
        case .operation(let op, let operands): write(op, operands)
        case .conditional(let condition, let first, let second):
            write(condition, atLeast: 1)
            text += " ? "
            write(first, atLeast: 1)
            text += " : "
            write(second)
        case .list, .map: write(collection: syntax)
        case .comprehension, .bind, .block, .optionalMap: write(macro: syntax)
        }
    }

    /// Writes what stands between separators.
    private mutating func write<Element>(
        _ elements: [Element],
        separator: String = ", ",
        _ writeElement: (inout Unparser, Element) -> Void
    ) {
        for (index, element) in elements.enumerated() {
            if index > 0 { text += separator }
            writeElement(&self, element)
        }
    }

    private mutating func write(call name: String, _ arguments: [Syntax]) {
        text += "\(name)("
        write(arguments) { $0.write($1) }
        text += ")"
    }

    private mutating func write(_ target: Syntax, call name: String, _ arguments: [Syntax]) {
        write(target, atLeast: Self.memberLevel)
        text += "."
        write(call: name, arguments)
    }

    private mutating func write(sign: String, _ operand: Syntax) {
        text += sign
        // A number after a minus would become a literal; a sign after another one stands as it is.
        var level = Self.memberLevel
        switch operand.kind {
        case .negation: if sign == "-" { level = Self.unaryLevel }
        case .not: if sign == "!" { level = Self.unaryLevel }
        case .literal(.int), .literal(.double): level = Self.memberLevel + 1
        default: break
        }
        write(operand, atLeast: level)
    }

    private mutating func write(_ op: BinaryOperator, _ operands: [Syntax]) {
        write(operands[0], atLeast: op.precedence)
        for operand in operands.dropFirst() {
            text += " \(op.rawValue) "
            write(operand, atLeast: op.precedence + 1)
        }
    }

    private mutating func write(collection syntax: Syntax) {
        switch syntax.kind {
        case .list(let elements):
            text += "["
            write(elements) { unparser, element in
                if element.isOptional { unparser.text += "?" }
                unparser.write(element.value)
            }
            text += "]"
        case .map(let entries):
            text += "{"
            write(entries) { unparser, entry in
                if entry.isOptional { unparser.text += "?" }
                unparser.write(entry.key)
                unparser.text += ": "
                unparser.write(entry.value)
            }
            text += "}"
        default: break
        }
    }

    private mutating func write(macro syntax: Syntax) {
        switch syntax.kind {
        case .comprehension(let macro, let range, let variables, let bodies):
            write(range, atLeast: Self.memberLevel)
            text += ".\(macro.rawValue)("
            write(variables) { $0.write(name: $1, isAbsolute: false) }
            text += ", "
            write(bodies) { $0.write($1) }
            text += ")"
        case .bind(let name, let value, let body):
            text += "cel.bind("
            write(name: name, isAbsolute: false)
            text += ", "
            write([value, body]) { $0.write($1) }
            text += ")"
        case .block(let values, let body):
            text += "cel.block(["
            write(values) { $0.write($1) }
            text += "], "
            write(body)
            text += ")"
        case .optionalMap(let target, let variable, let body, let isFlat):
            write(target, atLeast: Self.memberLevel)
            text += isFlat ? ".optFlatMap(" : ".optMap("
            write(name: variable, isAbsolute: false)
            text += ", "
            write(body)
            text += ")"
        default: break
        }
    }

    // MARK: Names and literals

    private mutating func write(name: String, isAbsolute: Bool) {
        if isAbsolute { text += "." }
        guard name.hasPrefix("@") else {
            text += name
            return
        }
        // A variable of a block: "@index:0" is cel.index(0).
        let parts = name.dropFirst().split(separator: ":")
        text += "cel.\(parts[0])(\(parts.dropFirst().joined(separator: ", ")))"
    }

    private mutating func write(field: String, isOptional: Bool) {
        text += isOptional ? ".?" : "."
        let isPlain = field.utf8.first?.isDigit == false && field.utf8.allSatisfy { $0.isLetter || $0.isDigit }
        text += isPlain && !["true", "false", "null", "in"].contains(field) ? field : "`\(field)`"
    }

    private mutating func write(literal value: Value) {
        switch value {
        case .null: text += "null"
        case .bool(let value): text += String(value)
        case .int(let value): text += String(value)
        case .uint(let value): text += "\(value)u"
        case .double(let value):
            let digits = value.description
            text += digits.contains(".") || digits.contains("e") ? digits : digits + ".0"
        case .string(let value): text += value.quoted
        case .bytes(let bytes):
            text += "b\""
            for byte in bytes { text += "\\x" + (byte < 16 ? "0" : "") + String(byte, radix: 16) }
            text += "\""
        default: preconditionFailure("there are no literals of type \(value.type.name)")
        }
    }
}
