extension Value {
    /// How two values stand to each other, nil when one is not a number. Throws when values of these types have no order.
    func order(to other: Value) throws(CELError) -> Order? {
        switch (self, other) {
        case (.int(let left), .int(let right)): Order(left, right)
        case (.uint(let left), .uint(let right)): Order(left, right)
        case (.double(let left), .double(let right)): left.isNaN || right.isNaN ? nil : Order(left, right)
        case (.int(let left), .uint(let right)): left < 0 ? .ascending : Order(UInt64(left), right)
        case (.uint(let left), .int(let right)): right < 0 ? .descending : Order(left, UInt64(right))
        case (.int(let left), .double(let right)): Order(left, right)
        case (.double(let left), .int(let right)): Order(right, left)?.reversed
        case (.uint(let left), .double(let right)): Order(left, right)
        case (.double(let left), .uint(let right)): Order(right, left)?.reversed
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

    /// An integer and a double, compared without rounding either.
    init?<Integer: FixedWidthInteger>(_ left: Integer, _ right: Double) {
        guard !right.isNaN else { return nil }
        let whole = right.rounded(.down)
        if whole >= Double(sign: .plus, exponent: Integer.bitWidth - (Integer.isSigned ? 1 : 0), significand: 1) {
            self = .ascending
        } else if let floor = Integer(exactly: whole) {
            self = left == floor && right > whole ? .ascending : Order(left, floor)
        } else {
            self = .descending
        }
    }

    var reversed: Order {
        switch self {
        case .ascending: .descending
        case .same: .same
        case .descending: .ascending
        }
    }
}
