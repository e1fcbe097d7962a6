internal import JSON

/// JSON with `${{ expressions }}` in its strings, compiled once.
///
/// A string that is one whole expression becomes its value, whatever its type; in any other string each expression is
/// replaced by its value as text.
struct ValueTemplate: Sendable {
    private indirect enum Node: Sendable {
        case constant(JSONValue)
        case expression(any Expression)
        case text([Part])
        case array([Node])
        case object([(key: String, value: Node)])
    }

    private enum Part: Sendable {
        case literal(String)
        case expression(any Expression)
    }

    private let root: Node

    /// Whether there is nothing to evaluate.
    var isConstant: Bool { if case .constant = root { true } else { false } }

    /// Everything the expressions refer to.
    let references: [[String]]

    /// An empty object.
    static let empty = ValueTemplate()

    private init() {
        root = .constant([:])
        references = []
    }

    /// Compiles every expression.
    /// - Parameter violations: gets each fault with its path below `path`.
    init(
        _ value: JSONValue,
        at path: String,
        names: Set<String>,
        language: any ExpressionLanguage,
        violations: inout [JSONSchema.Violation]
    ) {
        var compiler = Compiler(names: names, language: language)
        root = compiler.node(value, path)
        references = compiler.references
        violations += compiler.violations
    }

    /// The JSON with values in place of expressions.
    func evaluate(_ lookup: @escaping (String) -> JSONValue?) throws(ExpressionError) -> JSONValue {
        try Self.evaluate(root, lookup)
    }

    private static func evaluate(
        _ node: Node,
        _ lookup: @escaping (String) -> JSONValue?
    ) throws(ExpressionError) -> JSONValue {
        switch node {
        case .constant(let value): return value
        case .expression(let expression): return try expression.evaluate(lookup)
        case .text(let parts):
            var text = ""
            for part in parts {
                switch part {
                case .literal(let literal): text += literal
                case .expression(let expression): text += Self.text(try expression.evaluate(lookup))
                }
            }
            return .string(text)
        case .array(let nodes):
            var elements: [JSONValue] = []
            elements.reserveCapacity(nodes.count)
            for node in nodes { elements.append(try evaluate(node, lookup)) }
            return .array(elements)
        case .object(let nodes):
            var members: [String: JSONValue] = [:]
            for (key, node) in nodes { members[key] = try evaluate(node, lookup) }
            return .object(members)
        }
    }

    private static func text(_ value: JSONValue) -> String {
        if case .string(let text) = value { return text }
        return String(decoding: value.serialized(), as: UTF8.self)
    }

    private struct Compiler {
        let names: Set<String>
        let language: any ExpressionLanguage
        var references: [[String]] = []
        var violations: [JSONSchema.Violation] = []

        init(names: Set<String>, language: any ExpressionLanguage) {
            self.names = names
            self.language = language
        }

        mutating func node(_ value: JSONValue, _ path: String) -> Node {
            switch value {
            case .string(let text): return string(text, path)
            case .array(let elements):
                let nodes = elements.enumerated().map { node($1, "\(path)[\($0)]") }
                return nodes.allSatisfy(Self.isConstant) ? .constant(value) : .array(nodes)
            case .object(let members):
                let nodes = members.sorted { $0.key < $1.key }.map { (key: $0, value: node($1, "\(path).\($0)")) }
                return nodes.allSatisfy({ Self.isConstant($0.value) }) ? .constant(value) : .object(nodes)
            case .null, .bool, .int, .double: return .constant(value)
            }
        }

        private static func isConstant(_ node: Node) -> Bool {
            if case .constant = node { true } else { false }
        }

        private mutating func string(_ text: String, _ path: String) -> Node {
            guard let pieces = ExpressionText.split(text) else {
                violations.append(.init(path: path, "an expression that begins with ${{ does not end with }}"))
                return .constant(.string(text))
            }
            var parts: [Part] = []
            for piece in pieces {
                switch piece {
                case .literal(let literal): parts.append(.literal(literal))
                case .expression(let source):
                    do {
                        let expression = try language.compile(source, names: names)
                        references += expression.references
                        parts.append(.expression(expression))
                    } catch {
                        violations.append(.init(path: path, error.description))
                    }
                }
            }
            if parts.count == 1, case .expression(let expression) = parts[0] { return .expression(expression) }
            let isPlain = parts.allSatisfy { if case .literal = $0 { true } else { false } }
            return isPlain ? .constant(.string(text)) : .text(parts)
        }
    }
}

/// Finds the expressions in a string.
enum ExpressionText {
    enum Piece: Hashable {
        case literal(String)
        case expression(String)
    }

    /// Whether there is any.
    static func isPresent(in text: String) -> Bool { text.contains("${{") }

    /// The pieces of a text; nil when an expression has no end. `}}` within a quoted string ends nothing.
    static func split(_ text: String) -> [Piece]? {
        guard isPresent(in: text) else { return [.literal(text)] }
        var pieces: [Piece] = []
        var rest = text[...]
        while let start = rest.firstRange(of: "${{") {
            if start.lowerBound > rest.startIndex { pieces.append(.literal(String(rest[..<start.lowerBound]))) }
            rest = rest[start.upperBound...]
            guard let end = end(of: rest) else { return nil }
            pieces.append(.expression(String(rest[..<end])))
            rest = rest[rest.index(end, offsetBy: 2)...]
        }
        if !rest.isEmpty { pieces.append(.literal(String(rest))) }
        return pieces
    }

    /// Where the `}}` is that ends an expression. Braces of maps count, so that `{"a": {"b": 1}}` is not cut in two.
    private static func end(of text: Substring) -> Substring.Index? {
        var quote: Character?
        var depth = 0
        var index = text.startIndex
        while index < text.endIndex {
            let character = text[index]
            let next = text.index(after: index)
            if let open = quote {
                if character == "\\" {
                    guard next < text.endIndex else { return nil }
                    index = text.index(after: next)
                    continue
                }
                if character == open { quote = nil }
            } else {
                switch character {
                case "\"", "'": quote = character
                case "{": depth += 1
                case "}":
                    if depth == 0, next < text.endIndex, text[next] == "}" { return index }
                    depth -= 1
                default: break
                }
            }
            index = next
        }
        return nil
    }
}
