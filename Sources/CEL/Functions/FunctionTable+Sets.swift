extension FunctionTable {
    mutating func addSets() {
        global("sets.contains") { list, part, budget throws(CELError) in
            let (list, part) = try Self.lists("sets.contains", list, part)
            for element in part where try !Self.contains(list, element, &budget) { return .bool(false) }
            return .bool(true)
        }
        global("sets.equivalent") { first, second, budget throws(CELError) in
            let (first, second) = try Self.lists("sets.equivalent", first, second)
            for element in first where try !Self.contains(second, element, &budget) { return .bool(false) }
            for element in second where try !Self.contains(first, element, &budget) { return .bool(false) }
            return .bool(true)
        }
        global("sets.intersects") { first, second, budget throws(CELError) in
            let (first, second) = try Self.lists("sets.intersects", first, second)
            for element in first where try Self.contains(second, element, &budget) { return .bool(true) }
            return .bool(false)
        }
    }

    private static func lists(
        _ name: String,
        _ first: Value,
        _ second: Value
    ) throws(CELError) -> (Value.List, Value.List) {
        guard case .list(let one) = first, case .list(let other) = second else {
            throw Value.noOverload(name, first, second)
        }
        return (one, other)
    }

    private static func contains(
        _ list: Value.List,
        _ element: Value,
        _ budget: inout Budget
    ) throws(CELError) -> Bool {
        for candidate in list {
            try budget.charge(1)
            if try candidate.equals(element, &budget) { return true }
        }
        return false
    }
}
