public import JSON

/// The language of conditions and of `${{ }}` in definitions.
///
/// What the engine needs of a language is to compile a text once, to say what the text refers to, and to evaluate it many
/// times without side effects, always with the same result.
public protocol ExpressionLanguage: Sendable {
    /// Compiles a text.
    /// - Parameter names: the free names it may use; any other is an error.
    func compile(_ source: String, names: Set<String>) throws(ExpressionError) -> any Expression
}

/// A compiled expression.
public protocol Expression: Sendable {
    /// What it refers to: each free name with the constant members selected from it, as in `["steps", "a", "outputs"]`.
    var references: [[String]] { get }

    /// Its value.
    /// - Parameter lookup: the value of a free name, asked for only where it is needed; nil when there is none.
    func evaluate(_ lookup: @escaping (String) -> JSONValue?) throws(ExpressionError) -> JSONValue
}

/// An expression that cannot be compiled or evaluated.
public struct ExpressionError: Error, Sendable, Hashable, CustomStringConvertible {
    /// What is wrong, and where in the text.
    public let description: String

    /// Says what is wrong and where.
    public init(_ description: String) { self.description = description }
}
