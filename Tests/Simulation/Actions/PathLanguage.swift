import JSON
import Workflows

/// As much of a language as definitions of the simulation need: `true`, `false`, and paths such as
/// `steps.first.outputs.value`.
struct PathLanguage: ExpressionLanguage {
    func compile(_ source: String, names: Set<String>) throws(ExpressionError) -> any Expression {
        let path = source.split(separator: ".").map { $0.filter { $0 != " " } }.map { String($0) }
        guard let name = path.first else { throw ExpressionError("there is nothing to evaluate") }
        if path == ["true"] || path == ["false"] { return Constant(value: .bool(name == "true")) }
        guard names.contains(name) else { throw ExpressionError("there is no \"\(name)\"") }
        return Path(path: path)
    }

    private struct Constant: Expression {
        let value: JSONValue
        var references: [[String]] { [] }
        func evaluate(_ lookup: (String) -> JSONValue?) -> JSONValue { value }
    }

    private struct Path: Expression {
        let path: [String]
        var references: [[String]] { [path] }

        func evaluate(_ lookup: (String) -> JSONValue?) throws(ExpressionError) -> JSONValue {
            guard var value = lookup(path[0]) else { throw ExpressionError("there is no \(path[0])") }
            for member in path.dropFirst() {
                guard let next = value[member] else { throw ExpressionError("there is no \(member)") }
                value = next
            }
            return value
        }
    }
}
