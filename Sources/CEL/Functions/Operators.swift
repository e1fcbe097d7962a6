internal import JSON

/// What the operators between two operands do, logic and equality aside.
enum Operators {
    static func function(_ op: BinaryOperator) -> Function.Binary {
        switch op {
        case .add: add
        case .subtract: subtract
        case .multiply: { left, right, _ throws(CELError) in try multiply(left, right) }
        case .divide: { left, right, _ throws(CELError) in try divide(left, right) }
        case .remainder: { left, right, _ throws(CELError) in try remainder(left, right) }
        case .less: { left, right, budget throws(CELError) in .bool(try order(left, right, &budget) == .ascending) }
        case .greater: { left, right, budget throws(CELError) in .bool(try order(left, right, &budget) == .descending) }
        case .lessOrEqual:
            { left, right, budget throws(CELError) in
                let order = try order(left, right, &budget)
                return .bool(order == .ascending || order == .same)
            }
        case .greaterOrEqual:
            { left, right, budget throws(CELError) in
                let order = try order(left, right, &budget)
                return .bool(order == .descending || order == .same)
            }
        case .in: contains
        case .equal, .notEqual, .and, .or:
            // Have nodes of their own.
            { left, right, budget throws(CELError) in .bool(try left.equals(right, &budget)) }
        }
    }

    private static func order(_ left: Value, _ right: Value, _ budget: inout Budget) throws(CELError) -> Order? {
        try budget.charge(reading: left)
        return try left.order(to: right)
    }

    @Sendable static func negate(_ value: Value, _: inout Budget) throws(CELError) -> Value {
        switch value {
        case .int(let value): return .int(try whole((0 as Int64).subtractingReportingOverflow(value)))
        case .double(let value): return .double(-value)
        default: throw mismatch("-", value)
        }
    }

    @Sendable static func not(_ value: Value, _: inout Budget) throws(CELError) -> Value {
        guard case .bool(let value) = value else { throw mismatch("!", value) }
        return .bool(!value)
    }

    @Sendable
    private static func add(_ left: Value, _ right: Value, _ budget: inout Budget) throws(CELError) -> Value {
        switch (left, right) {
        case (.int(let left), .int(let right)): return .int(try whole(left.addingReportingOverflow(right)))
        case (.uint(let left), .uint(let right)): return .uint(try whole(left.addingReportingOverflow(right)))
        case (.double(let left), .double(let right)): return .double(left + right)
        case (.string(let left), .string(let right)):
            try budget.charge(bytes: left.utf8.count + right.utf8.count)
            return .string(left + right)
        case (.bytes(let left), .bytes(let right)):
            try budget.charge(bytes: left.count + right.count)
            return .bytes(left + right)
        case (.list(let left), .list(let right)):
            if left.isEmpty { return .list(right) }
            if right.isEmpty { return .list(left) }
            try budget.charge(left.count + right.count)
            return .list(left.values + right.values)
        case (.timestamp(let time), .duration(let duration)), (.duration(let duration), .timestamp(let time)):
            return try .time(time, plus: duration)
        case (.duration(let left), .duration(let right)): return try .length(left + right)
        default: throw mismatch("+", left, right)
        }
    }

    @Sendable
    private static func subtract(_ left: Value, _ right: Value, _: inout Budget) throws(CELError) -> Value {
        switch (left, right) {
        case (.int(let left), .int(let right)): return .int(try whole(left.subtractingReportingOverflow(right)))
        case (.uint(let left), .uint(let right)): return .uint(try whole(left.subtractingReportingOverflow(right)))
        case (.double(let left), .double(let right)): return .double(left - right)
        case (.timestamp(let left), .timestamp(let right)): return try .length(left.duration(since: right))
        case (.timestamp(let time), .duration(let duration)): return try .time(time, plus: .zero - duration)
        case (.duration(let left), .duration(let right)): return try .length(left - right)
        default: throw mismatch("-", left, right)
        }
    }

    private static func multiply(_ left: Value, _ right: Value) throws(CELError) -> Value {
        switch (left, right) {
        case (.int(let left), .int(let right)): return .int(try whole(left.multipliedReportingOverflow(by: right)))
        case (.uint(let left), .uint(let right)): return .uint(try whole(left.multipliedReportingOverflow(by: right)))
        case (.double(let left), .double(let right)): return .double(left * right)
        default: throw mismatch("*", left, right)
        }
    }

    private static func divide(_ left: Value, _ right: Value) throws(CELError) -> Value {
        switch (left, right) {
        case (.int(let left), .int(let right)):
            guard right != 0 else { throw CELError("division by zero") }
            return .int(try whole(left.dividedReportingOverflow(by: right)))
        case (.uint(let left), .uint(let right)):
            guard right != 0 else { throw CELError("division by zero") }
            return .uint(left / right)
        case (.double(let left), .double(let right)): return .double(left / right)
        default: throw mismatch("/", left, right)
        }
    }

    private static func remainder(_ left: Value, _ right: Value) throws(CELError) -> Value {
        switch (left, right) {
        case (.int(let left), .int(let right)):
            guard right != 0 else { throw CELError("modulus by zero") }
            return .int(try whole(left.remainderReportingOverflow(dividingBy: right)))
        case (.uint(let left), .uint(let right)):
            guard right != 0 else { throw CELError("modulus by zero") }
            return .uint(left % right)
        default: throw mismatch("%", left, right)
        }
    }

    @Sendable
    private static func contains(_ element: Value, _ range: Value, _ budget: inout Budget) throws(CELError) -> Value {
        switch range {
        case .list(let list):
            try budget.charge(list.count >> 2)
            for candidate in list where try element.equals(candidate, &budget) { return .bool(true) }
            return .bool(false)
        case .map(let map):
            try budget.charge(reading: element)
            return .bool(map[element] != nil)
        default: throw mismatch("in", element, range)
        }
    }

    private static func whole<Integer: FixedWidthInteger>(
        _ result: (partialValue: Integer, overflow: Bool)
    ) throws(CELError) -> Integer {
        guard !result.overflow else {
            throw CELError("integer overflow: the result does not fit \(Integer.isSigned ? "int" : "uint")")
        }
        return result.partialValue
    }

    private static func mismatch(_ op: String, _ operands: Value...) -> CELError {
        let types = operands.map(\.type.name)
        return CELError("no such overload: " + (types.count == 1 ? op + types[0] : types.joined(separator: " \(op) ")))
    }
}
