extension Value {
    /// Whether both are equal in the language: numbers by their value whatever their type, lists and maps by their
    /// elements, values of different types never. Not a number equals nothing. An integer is rounded to a double when it
    /// meets one.
    public func equals(_ other: Value) -> Bool {
        var budget = Budget(.max)
        return (try? equals(other, &budget)) ?? false
    }

    /// As above; what is compared is charged.
    @inline(__always)
    func equals(_ other: Value, _ budget: inout Budget) throws(CELError) -> Bool {
        switch (self, other) {
        case (.int(let left), .int(let right)): left == right
        case (.string(let left), .string(let right)):
            try Self.areSame(left, right, &budget)
        case (.bool(let left), .bool(let right)): left == right
        case (.bytes(let left), .bytes(let right)):
            try Self.areSame(left, right, &budget)
        case (.list, .list), (.map, .map), (.optional, .optional): try Self.equal(self, other, &budget)
        default: isSameScalar(as: other)
        }
    }

    @inline(__always)
    private static func areSame(_ left: String, _ right: String, _ budget: inout Budget) throws(CELError) -> Bool {
        try budget.charge(bytes: left.utf8.count)
        return left.isSame(as: right)
    }

    private static func areSame(_ left: [UInt8], _ right: [UInt8], _ budget: inout Budget) throws(CELError) -> Bool {
        try budget.charge(bytes: left.count)
        return left == right
    }

    /// Compares with a list of what is still to do instead of a recursion: values may nest deeply.
    private static func equal(_ left: Value, _ right: Value, _ budget: inout Budget) throws(CELError) -> Bool {
        var pending = [(left, right)]
        while let (left, right) = pending.popLast() {
            try budget.charge(1)
            switch (left, right) {
            case (.list(let left), .list(let right)):
                guard left.count == right.count else { return false }
                try budget.charge(left.count)
                // The first elements are looked at first.
                for index in (0..<left.count).reversed() { pending.append((left[index], right[index])) }
            case (.map(let left), .map(let right)):
                guard left.count == right.count else { return false }
                try budget.charge(left.count)
                for key in left.keys {
                    try budget.charge(reading: key)
                    guard let first = left[key], let second = right[key] else { return false }
                    pending.append((first, second))
                }
            case (.optional(let left), .optional(let right)):
                if let left, let right {
                    pending.append((left, right))
                } else if (left == nil) != (right == nil) {
                    return false
                }
            default:
                try budget.charge(reading: left)
                guard left.isSameScalar(as: right) else { return false }
            }
        }
        return true
    }

    private func isSameScalar(as other: Value) -> Bool {
        switch (self, other) {
        case (.null, .null): true
        case (.bool(let left), .bool(let right)): left == right
        case (.int(let left), .int(let right)): left == right
        case (.uint(let left), .uint(let right)): left == right
        case (.double(let left), .double(let right)): left == right
        case (.int(let int), .uint(let uint)), (.uint(let uint), .int(let int)): UInt64(exactly: int) == uint
        // As they are ordered: of two numbers one is less, or they are equal.
        case (.int(let int), .double(let double)), (.double(let double), .int(let int)): Double(int) == double
        case (.uint(let uint), .double(let double)), (.double(let double), .uint(let uint)): Double(uint) == double
        case (.string(let left), .string(let right)): left.isSame(as: right)
        case (.bytes(let left), .bytes(let right)): left == right
        case (.timestamp(let left), .timestamp(let right)): left == right
        case (.duration(let left), .duration(let right)): left == right
        case (.type(let left), .type(let right)): left == right
        case (.other(let left), .other(let right)): left.equals(right)
        default: false
        }
    }
}

extension Value: Equatable {
    /// Whether both have the same type and the same value, elements included. Not a number equals itself here.
    public static func == (left: Value, right: Value) -> Bool {
        switch (left, right) {
        case (.double(let left), .double(let right)): left == right || left.isNaN && right.isNaN
        case (.list(let left), .list(let right)): left.elementsEqual(right)
        case (.map(let left), .map(let right)):
            left.count == right.count && left.keys.allSatisfy { left[$0] == right[$0] }
        case (.optional(let left), .optional(let right)): left == right
        default: left.type == right.type && left.isSameScalar(as: right)
        }
    }
}
