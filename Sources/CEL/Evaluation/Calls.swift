/// A call of a function with one argument.
final class UnaryCall: Code {
    let function: Function.Unary
    let argument: any Code
    let span: Span

    init(_ function: @escaping Function.Unary, _ argument: any Code, _ span: Span) {
        self.function = function
        self.argument = argument
        self.span = span
    }

    func evaluate(_ frame: inout Frame) throws(CELError) -> Value {
        let value = try argument.evaluate(&frame)
        do throws(CELError) {
            return try function(value, &frame.budget)
        } catch {
            throw error.located(span, in: frame.source)
        }
    }
}

/// A call of a function with two arguments; operators too.
final class BinaryCall: Code {
    let function: Function.Binary
    let first: any Code
    let second: any Code
    let span: Span

    init(_ function: @escaping Function.Binary, _ first: any Code, _ second: any Code, _ span: Span) {
        self.function = function
        self.first = first
        self.second = second
        self.span = span
    }

    func evaluate(_ frame: inout Frame) throws(CELError) -> Value {
        let first = try first.evaluate(&frame)
        let second = try second.evaluate(&frame)
        do throws(CELError) {
            return try function(first, second, &frame.budget)
        } catch {
            throw error.located(span, in: frame.source)
        }
    }
}

/// A call of a function with any number of arguments.
final class Call: Code {
    let function: Function.Variadic
    let arguments: [any Code]
    let span: Span

    init(_ function: @escaping Function.Variadic, _ arguments: [any Code], _ span: Span) {
        self.function = function
        self.arguments = arguments
        self.span = span
    }

    func evaluate(_ frame: inout Frame) throws(CELError) -> Value {
        var values: [Value] = []
        values.reserveCapacity(arguments.count)
        for argument in arguments { values.append(try argument.evaluate(&frame)) }
        do throws(CELError) {
            return try function(values, &frame.budget)
        } catch {
            throw error.located(span, in: frame.source)
        }
    }
}

/// `optional.or(other)` and `optional.orValue(other)`: the other is evaluated only when it is needed.
final class Alternative: Code {
    let optional: any Code
    let other: any Code
    let unwraps: Bool
    let span: Span

    init(_ optional: any Code, _ other: any Code, unwraps: Bool, _ span: Span) {
        self.optional = optional
        self.other = other
        self.unwraps = unwraps
        self.span = span
    }

    func evaluate(_ frame: inout Frame) throws(CELError) -> Value {
        let value = try optional.evaluate(&frame)
        guard case .optional(let content) = value else {
            throw CELError("no such overload: \(value.type.name).\(unwraps ? "orValue" : "or")")
                .located(span, in: frame.source)
        }
        if let content { return unwraps ? content : value }
        let other = try other.evaluate(&frame)
        if !unwraps, other.type != .optional {
            throw CELError("no such overload: optional.or(\(other.type.name))").located(span, in: frame.source)
        }
        return other
    }
}
