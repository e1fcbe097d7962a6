/// A node of the syntax tree, macros already recognized.
final class Syntax: Sendable {
    enum Kind: Sendable {
        case literal(Value)
        /// A variable or a type; `isAbsolute` when written with a leading dot.
        case identifier(String, isAbsolute: Bool)
        /// `operand.field`, `operand.?field`
        case select(Syntax, field: String, isOptional: Bool)
        /// `operand[index]`, `operand[?index]`
        case index(Syntax, Syntax, isOptional: Bool)
        /// `has(operand.field)`, `has(operand.?field)`
        case presence(Syntax, field: String, isOptional: Bool)
        /// `name(arguments)`; the name may be qualified: `math.greatest`.
        case call(String, [Syntax])
        /// `target.name(arguments)`
        case method(Syntax, name: String, [Syntax])
        case negation(Syntax)
        case not(Syntax)
        /// Two operands; `or` and `and` have two or more.
        case operation(BinaryOperator, [Syntax])
        case conditional(Syntax, Syntax, Syntax)
        case list([Element])
        case map([Entry])
        case comprehension(Macro, Syntax, variables: [String], bodies: [Syntax])
        /// `cel.bind(variable, value, body)`
        case bind(String, Syntax, Syntax)
        /// `cel.block([value, …], body)`: the values are variables of the body, and of the values after them, whose names
        /// `cel.index(0)` and so on stand for.
        case block([Syntax], Syntax)
        /// `optional.optMap(variable, body)`, or `optFlatMap` when `isFlat`
        case optionalMap(Syntax, variable: String, Syntax, isFlat: Bool)
    }

    struct Element: Sendable {
        let value: Syntax
        let isOptional: Bool
    }

    struct Entry: Sendable {
        let key: Syntax
        let value: Syntax
        let isOptional: Bool
    }

    let kind: Kind
    let span: Span
    /// How many nodes this tree has, itself included.
    let weight: Int
    /// How many nodes stand on the longest way down, itself included.
    let height: Int

    init(_ kind: Kind, _ span: Span) {
        self.kind = kind
        self.span = span
        var weight = 1
        var height = 0
        for child in kind.children {
            weight += child.weight
            height = max(height, child.height)
        }
        self.weight = weight
        self.height = height + 1
    }
}

extension Syntax.Kind {
    /// The direct parts.
    var children: [Syntax] {
        switch self {
        case .literal, .identifier: []
        case .select(let operand, _, _), .presence(let operand, _, _), .negation(let operand), .not(let operand):
            [operand]
        case .index(let operand, let index, _): [operand, index]
        case .call(_, let arguments), .operation(_, let arguments): arguments
        case .method(let target, _, let arguments): [target] + arguments
        case .conditional(let condition, let first, let second): [condition, first, second]
        case .list(let elements): elements.map(\.value)
        case .map(let entries): entries.flatMap { [$0.key, $0.value] }
        case .comprehension(_, let range, _, let bodies): [range] + bodies
        case .block(let values, let body): values + [body]
        case .bind(_, let value, let body), .optionalMap(let value, _, let body, _): [value, body]
        }
    }
}

/// A macro that visits the elements of a list or the entries of a map.
enum Macro: String, Sendable {
    case all
    case exists
    case existsOne = "exists_one"
    case map
    case filter
    case transformList
    case transformMap
    case transformMapEntry
    case sortBy
}
