internal import CEL
internal import JSON

/// The Common Expression Language, in which definitions are written.
public struct CELExpressions: ExpressionLanguage {
    /// Has no settings.
    public init() {}

    /// Compiles a CEL expression.
    public func compile(_ source: String, names: Set<String>) throws(ExpressionError) -> any Expression {
        do {
            return CELExpression(program: try Program(compiling: source, declaring: names))
        } catch {
            throw ExpressionError(error.description)
        }
    }
}

private struct CELExpression: Expression {
    let program: Program

    var references: [[String]] { program.references }

    func evaluate(_ lookup: @escaping (String) -> JSONValue?) throws(ExpressionError) -> JSONValue {
        do {
            return try program.evaluate(Bindings(lookup)).json()
        } catch {
            throw ExpressionError(error.description)
        }
    }
}
