/// What a call of a function does. Targets of methods come first among the arguments.
enum Function: Sendable {
    typealias Unary = @Sendable (Value, inout Budget) throws(CELError) -> Value
    typealias Binary = @Sendable (Value, Value, inout Budget) throws(CELError) -> Value
    typealias Variadic = @Sendable ([Value], inout Budget) throws(CELError) -> Value

    case unary(Unary)
    case binary(Binary)
    case variadic(Variadic)
}

/// All functions, by name, style and number of arguments.
struct FunctionTable: Sendable {
    private struct Overloads {
        var byCount: [Int: Function] = [:]
        var variadic: (counts: ClosedRange<Int>, function: Function)?

        subscript(count: Int) -> Function? {
            if let function = byCount[count] { return function }
            guard let variadic, variadic.counts.contains(count) else { return nil }
            return variadic.function
        }
    }

    private var globals: [String: Overloads] = [:]
    private var methods: [String: Overloads] = [:]

    /// The functions of the language and of its extensions.
    static let standard: FunctionTable = {
        var table = FunctionTable()
        table.addConversions()
        table.addStrings()
        table.addTimes()
        table.addOptionals()
        table.addLists()
        table.addMath()
        table.addStringExtensions()
        table.addSets()
        table.addEncoders()
        table.addRegularExpressions()
        table.addKubernetes()
        return table
    }()

    /// Whether there is a function of this name, called without a target.
    func contains(_ name: String) -> Bool { globals[name] != nil }

    /// The function `name(…)`. Throws when there is none or none with that many arguments.
    func global(_ name: String, count: Int) throws(CELError) -> Function {
        guard let overloads = globals[name] else {
            throw CELError("there is no function \(name)()" + (methods[name] == nil ? "" : ", but a method"))
        }
        guard let function = overloads[count] else { throw CELError("\(name)() does not take \(count) arguments") }
        return function
    }

    /// The function `target.name(…)`, the target not counted. Throws when there is none.
    func method(_ name: String, count: Int) throws(CELError) -> Function {
        guard let overloads = methods[name] else {
            throw CELError("there is no method \(name)()" + (globals[name] == nil ? "" : ", but a function"))
        }
        guard let function = overloads[count + 1] else { throw CELError(".\(name)() does not take \(count) arguments") }
        return function
    }

    mutating func global(_ name: String, _ function: @escaping Function.Unary) {
        globals[name, default: Overloads()].byCount[1] = .unary(function)
    }

    mutating func global(_ name: String, _ function: @escaping Function.Binary) {
        globals[name, default: Overloads()].byCount[2] = .binary(function)
    }

    mutating func global(_ name: String, _ counts: ClosedRange<Int>, _ function: @escaping Function.Variadic) {
        globals[name, default: Overloads()].variadic = (counts, .variadic(function))
    }

    mutating func method(_ name: String, _ function: @escaping Function.Unary) {
        methods[name, default: Overloads()].byCount[1] = .unary(function)
    }

    mutating func method(_ name: String, _ function: @escaping Function.Binary) {
        methods[name, default: Overloads()].byCount[2] = .binary(function)
    }

    /// A method with optional arguments; `counts` does not count the target, the arguments do hold it.
    mutating func method(_ name: String, _ counts: ClosedRange<Int>, _ function: @escaping Function.Variadic) {
        let all = (counts.lowerBound + 1)...(counts.upperBound + 1)
        methods[name, default: Overloads()].variadic = (all, .variadic(function))
    }
}

extension Value {
    /// The error for arguments of types that a function is not made for.
    static func noOverload(_ name: String, _ arguments: Value...) -> CELError {
        CELError("no such overload: \(name)(\(arguments.map(\.type.name).joined(separator: ", ")))")
    }
}
