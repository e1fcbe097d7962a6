extension FunctionTable {
    mutating func addMath() {
        global("math.greatest", 1...Int.max - 1) { values, _ throws(CELError) in
            try Self.extreme("math.greatest", values, .descending)
        }
        global("math.least", 1...Int.max - 1) { values, _ throws(CELError) in
            try Self.extreme("math.least", values, .ascending)
        }
        addRounding("math.ceil", .up)
        addRounding("math.floor", .down)
        addRounding("math.round", .toNearestOrAwayFromZero)
        addRounding("math.trunc", .towardZero)
        addTest("math.isNaN", \.isNaN)
        addTest("math.isInf", \.isInfinite)
        addTest("math.isFinite", \.isFinite)
        global("math.sqrt") { value, _ throws(CELError) in
            .double(try Self.number("math.sqrt", value).squareRoot())
        }
        global("math.abs") { value, _ throws(CELError) in
            switch value {
            case .int(let number):
                guard number != .min else { throw CELError("integer overflow: math.abs(\(number))") }
                return .int(abs(number))
            case .uint: return value
            case .double(let number): return .double(number.magnitude)
            default: throw Value.noOverload("math.abs", value)
            }
        }
        global("math.sign") { value, _ throws(CELError) in
            switch value {
            case .int(let number): return .int(number.signum())
            case .uint(let number): return .uint(number.signum())
            case .double(let number): return .double(number.isNaN ? .nan : number > 0 ? 1 : number < 0 ? -1 : 0)
            default: throw Value.noOverload("math.sign", value)
            }
        }
        addBits()
    }

    private mutating func addBits() {
        addBits("math.bitAnd", { $0 & $1 }, { $0 & $1 })
        addBits("math.bitOr", { $0 | $1 }, { $0 | $1 })
        addBits("math.bitXor", { $0 ^ $1 }, { $0 ^ $1 })
        global("math.bitNot") { value, _ throws(CELError) in
            switch value {
            case .int(let bits): return .int(~bits)
            case .uint(let bits): return .uint(~bits)
            default: throw Value.noOverload("math.bitNot", value)
            }
        }
        // Bits move in from the outside as zeros, for negative numbers too.
        addShift("math.bitShiftLeft") { $0 << $1 }
        addShift("math.bitShiftRight") { $0 >> $1 }
    }

    private mutating func addBits(
        _ name: String,
        _ signed: @escaping @Sendable (Int64, Int64) -> Int64,
        _ unsigned: @escaping @Sendable (UInt64, UInt64) -> UInt64
    ) {
        global(name) { left, right, _ throws(CELError) in
            switch (left, right) {
            case (.int(let left), .int(let right)): return .int(signed(left, right))
            case (.uint(let left), .uint(let right)): return .uint(unsigned(left, right))
            default: throw Value.noOverload(name, left, right)
            }
        }
    }

    private mutating func addShift(_ name: String, _ shift: @escaping @Sendable (UInt64, Int64) -> UInt64) {
        global(name) { value, count, _ throws(CELError) in
            guard case .int(let count) = count else { throw Value.noOverload(name, value, count) }
            guard count >= 0 else { throw CELError("\(name)() takes no negative number of bits") }
            // From 64 bits on nothing is left.
            let places = Swift.min(count, 64)
            switch value {
            case .int(let bits): return .int(Int64(bitPattern: shift(UInt64(bitPattern: bits), places)))
            case .uint(let bits): return .uint(shift(bits, places))
            default: throw Value.noOverload(name, value, .int(count))
            }
        }
    }

    private mutating func addRounding(_ name: String, _ rule: FloatingPointRoundingRule) {
        global(name) { value, _ throws(CELError) in
            guard case .double(let number) = value else { throw Value.noOverload(name, value) }
            return .double(number.rounded(rule))
        }
    }

    private mutating func addTest(_ name: String, _ test: @escaping @Sendable (Double) -> Bool) {
        global(name) { value, _ throws(CELError) in
            guard case .double(let number) = value else { throw Value.noOverload(name, value) }
            return .bool(test(number))
        }
    }

    private static func number(_ name: String, _ value: Value) throws(CELError) -> Double {
        switch value {
        case .int(let number): return Double(number)
        case .uint(let number): return Double(number)
        case .double(let number): return number
        default: throw Value.noOverload(name, value)
        }
    }

    /// Of the arguments, or of the elements of a list that is the only one.
    private static func extreme(_ name: String, _ arguments: [Value], _ wanted: Order) throws(CELError) -> Value {
        var values = arguments
        if arguments.count == 1, case .list(let list) = arguments[0] { values = list.values }
        guard var result = values.first else { throw CELError("\(name)() of an empty list") }
        for value in values {
            switch value {
            case .int, .uint, .double: if try value.order(to: result) == wanted { result = value }
            default: throw Value.noOverload(name, value)
            }
        }
        return result
    }
}
