extension Value {
    /// How two values stand to each other, nil when one is not a number. Throws when values of these types have no order.
    ///
    /// An integer is rounded to a double when it meets one. That is what the conformance tests of the language ask for, and
    /// what an expression gives in a Kubernetes API server.
    func order(to other: Value) throws(CELError) -> Order? {
        switch (self, other) {
        case (.int(let left), .int(let right)): Order(left, right)
        case (.uint(let left), .uint(let right)): Order(left, right)
        case (.double(let left), .double(let right)): Order(numbers: left, right)
        case (.int(let left), .uint(let right)): left < 0 ? .ascending : Order(UInt64(left), right)
        case (.uint(let left), .int(let right)): right < 0 ? .descending : Order(left, UInt64(right))
        case (.int(let left), .double(let right)): Order(numbers: Double(left), right)
        case (.double(let left), .int(let right)): Order(numbers: left, Double(right))
        case (.uint(let left), .double(let right)): Order(numbers: Double(left), right)
        case (.double(let left), .uint(let right)): Order(numbers: left, Double(right))
        case (.string(let left), .string(let right)):
            left.isSame(as: right) ? .same : left.precedes(right) ? .ascending : .descending
        case (.bytes(let left), .bytes(let right)):
            left == right ? .same : left.lexicographicallyPrecedes(right) ? .ascending : .descending
        case (.bool(let left), .bool(let right)): Order(left ? 1 : 0, right ? 1 : 0)
        case (.timestamp(let left), .timestamp(let right)): Order(left, right)
        case (.duration(let left), .duration(let right)): Order(left, right)
        default: throw CELError("no such overload: \(type.name) and \(other.type.name) have no order")
        }
    }
}

/// How the first of two values stands to the second.
enum Order {
    case ascending
    case same
    case descending

    init<Element: Comparable>(_ left: Element, _ right: Element) {
        self = left < right ? .ascending : left == right ? .same : .descending
    }

    /// Two doubles, nil when one is not a number.
    init?(numbers left: Double, _ right: Double) {
        guard !left.isNaN, !right.isNaN else { return nil }
        self.init(left, right)
    }
}
