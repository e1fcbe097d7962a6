internal import JSON

extension FunctionTable {
    mutating func addOptionals() {
        global("optional.of") { value, _ throws(CELError) in .optional(value) }
        global("optional.none", 0...0) { _, _ throws(CELError) in .optional(nil) }
        global("optional.ofNonZeroValue") { value, _ throws(CELError) in .optional(value.isZero ? nil : value) }
        global("optional.unwrap", Self.unwrap)
        method("unwrapOpt", Self.unwrap)
        method("hasValue") { value, _ throws(CELError) in
            guard case .optional(let content) = value else { throw Value.noOverload("hasValue", value) }
            return .bool(content != nil)
        }
        method("value") { value, _ throws(CELError) in
            guard case .optional(let content) = value else { throw Value.noOverload("value", value) }
            guard let content else { throw CELError("optional.none() has no value") }
            return content
        }
    }

    /// The values of a list of optionals that have one.
    @Sendable private static func unwrap(_ value: Value, _ budget: inout Budget) throws(CELError) -> Value {
        guard case .list(let list) = value else { throw Value.noOverload("optional.unwrap", value) }
        try budget.charge(list.count)
        var values: [Value] = []
        for element in list {
            guard case .optional(let content) = element else { throw Value.noOverload("optional.unwrap", element) }
            if let content { values.append(content) }
        }
        return .list(values)
    }
}

extension Value {
    /// Whether this is the value its type starts with: 0, "", an empty list.
    fileprivate var isZero: Bool {
        switch self {
        case .null: true
        case .bool(let value): !value
        case .int(let value): value == 0
        case .uint(let value): value == 0
        case .double(let value): value == 0
        case .string(let value): value.isEmpty
        case .bytes(let value): value.isEmpty
        case .list(let value): value.isEmpty
        case .map(let value): value.count == 0
        case .timestamp(let value): value.seconds == 0 && value.nanoseconds == 0
        case .duration(let value): value == .zero
        case .optional(let content): content == nil
        case .type, .other: false
        }
    }
}
