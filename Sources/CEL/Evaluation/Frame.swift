/// The state of one evaluation.
struct Frame {
    let bindings: Bindings
    let source: Source
    let container: String
    var budget: Budget
    /// The variables of macros, by slot.
    var locals: [Value]
    /// Why variables that `cel.bind` introduces have no value, by slot: an error counts where the variable is used.
    var failures: [Int: CELError] = [:]
    private var cache: [(name: String, value: Value)] = []

    init(_ bindings: Bindings, source: Source, container: String, cost: Int, locals: Int) {
        self.bindings = bindings
        self.source = source
        self.container = container
        budget = Budget(cost)
        self.locals = locals == 0 ? [] : Array(repeating: .null, count: locals)
    }

    /// The value of a variable, or nil.
    @inline(__always)
    mutating func variable(_ name: String) -> Value? { bindings.value(of: name, &cache) }
}

/// A compiled node. Evaluation recurses over nodes; their depth was limited when they were parsed.
protocol Code: AnyObject, Sendable {
    func evaluate(_ frame: inout Frame) throws(CELError) -> Value
}

extension Code {
    /// The value when it does not depend on anything.
    var constant: Value? { (self as? Constant)?.value }
}

/// A value known when the expression was compiled.
final class Constant: Code {
    let value: Value

    init(_ value: Value) { self.value = value }

    func evaluate(_ frame: inout Frame) throws(CELError) -> Value { value }
}

/// What can only fail, at a place known when the expression was compiled.
final class Failure: Code {
    let error: CELError

    init(_ error: CELError) { self.error = error }

    func evaluate(_ frame: inout Frame) throws(CELError) -> Value { throw error }
}
