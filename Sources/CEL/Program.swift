/// A compiled expression: made once, evaluated as often as needed, from any thread.
///
///     let program = try Program(compiling: "input.count > 3")
///     let value = try program.evaluate(["input": Value(["count": 5])])  // .bool(true)
public struct Program: Sendable {
    private let code: any Code
    private let source: Source
    private let container: String
    private let slotCount: Int
    private let limits: Limits
    /// The tree, for printing and tests.
    let syntax: Syntax

    /// Every variable and the constant members selected from it, as far as they go:
    /// `steps.a.outputs.x == input["r"]` has `[["steps", "a", "outputs", "x"], ["input", "r"]]`. Variables of macros are
    /// none of them. In order of the text, repetitions included.
    public let references: [[String]]

    /// Parses an expression, expands its macros, checks its names and computes what is constant.
    /// - Parameters:
    ///   - source: the text.
    ///   - names: the variables there will be; nil to allow any and to find out when evaluating.
    ///   - limits: what the expression may take.
    ///   - container: the namespace in which names are looked up first: in `a.b`, `x` may mean `a.b.x` or `a.x`.
    ///   - deferringChecks: whether a call of an unknown function is an error of the evaluation only, where `||` can
    ///     absorb it, as the specification has it for expressions that nobody checked.
    /// - Throws: what is wrong, and where.
    public init(
        compiling source: String,
        declaring names: Set<String>? = nil,
        limits: Limits = Limits(),
        container: String = "",
        deferringChecks: Bool = false
    ) throws(CELError) {
        let source = Source(source)
        syntax = try Parser.parse(source, limits: limits)
        var compiler = Compiler(source: source, names: names, container: container, defersChecks: deferringChecks)
        code = try compiler.compile(syntax)
        self.source = source
        self.container = container
        self.limits = limits
        references = compiler.references
        slotCount = compiler.slotCount
    }

    /// The value of the expression.
    /// - Throws: the first error that is not absorbed, and where; a limit that was reached.
    public func evaluate(_ bindings: Bindings) throws(CELError) -> Value {
        var frame = Frame(bindings, source: source, container: container, cost: limits.cost, locals: slotCount)
        return try code.evaluate(&frame)
    }
}
