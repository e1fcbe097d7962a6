extension FunctionTable {
    mutating func addLists() {
        global("lists.range") { value, budget throws(CELError) in
            guard case .int(let count) = value else { throw Value.noOverload("lists.range", value) }
            guard count > 0 else { return .list([Value]()) }
            try budget.charge(Int(count))
            return .list((0..<count).map { .int($0) })
        }
        method("slice", 2...2, ListFunctions.slice)
        method("flatten") { value, budget throws(CELError) in try ListFunctions.flatten(value, depth: 1, &budget) }
        method("flatten") { value, depth, budget throws(CELError) in
            guard case .int(let depth) = depth else { throw Value.noOverload("flatten", value, depth) }
            guard depth >= 0 else { throw CELError("flatten() takes no negative depth") }
            return try ListFunctions.flatten(value, depth: Int(min(depth, 1024)), &budget)
        }
        method("distinct", ListFunctions.distinct)
        method("sort") { value, budget throws(CELError) in
            guard case .list(let list) = value else { throw Value.noOverload("sort", value) }
            let order = try ListFunctions.order(of: list.values, &budget)
            return .list(order.map { list[$0] })
        }
        method("reverse") { value, budget throws(CELError) in
            switch value {
            case .list(let list):
                try budget.charge(list.count)
                return .list(list.values.reversed())
            case .string(let text):
                try budget.charge(bytes: text.utf8.count * 4)
                return .string(String(String.UnicodeScalarView(text.unicodeScalars.reversed())))
            default: throw Value.noOverload("reverse", value)
            }
        }
        method("first") { value, _ throws(CELError) in
            guard case .list(let list) = value else { throw Value.noOverload("first", value) }
            return .optional(list.first)
        }
        method("last") { value, _ throws(CELError) in
            guard case .list(let list) = value else { throw Value.noOverload("last", value) }
            return .optional(list.last)
        }
        addAggregates()
    }

    /// The functions Kubernetes adds for lists.
    private mutating func addAggregates() {
        method("isSorted") { value, budget throws(CELError) in
            guard case .list(let list) = value else { throw Value.noOverload("isSorted", value) }
            try budget.charge(list.count)
            for index in list.indices.dropFirst()
            where try list[index - 1].order(to: list[index]) == .descending { return .bool(false) }
            return .bool(true)
        }
        method("sum") { value, budget throws(CELError) in
            guard case .list(let list) = value else { throw Value.noOverload("sum", value) }
            let add = Operators.function(.add)
            try budget.charge(list.count)
            var sum = list.first ?? .int(0)
            for element in list.dropFirst() { sum = try add(sum, element, &budget) }
            return sum
        }
        method("min") { value, budget throws(CELError) in
            try ListFunctions.extreme("min", value, .ascending, &budget)
        }
        method("max") { value, budget throws(CELError) in
            try ListFunctions.extreme("max", value, .descending, &budget)
        }
        method("indexOf") { value, part, budget throws(CELError) in
            if case .list(let list) = value {
                return .int(try ListFunctions.position(of: part, in: list, list.indices, &budget))
            }
            return try StringFunctions.indexOf([value, part], &budget)
        }
        method("lastIndexOf") { value, part, budget throws(CELError) in
            if case .list(let list) = value {
                return .int(try ListFunctions.position(of: part, in: list, list.indices.reversed(), &budget))
            }
            return try StringFunctions.lastIndexOf([value, part], &budget)
        }
    }
}

enum ListFunctions {
    @Sendable static func slice(_ arguments: [Value], _ budget: inout Budget) throws(CELError) -> Value {
        guard case .list(let list) = arguments[0], case .int(let start) = arguments[1],
            case .int(let end) = arguments[2]
        else { throw Value.noOverload("slice", arguments[0], arguments[1], arguments[2]) }
        guard start >= 0, start <= end, end <= list.count else {
            throw CELError("slice(\(start), \(end)) is out of range; the list has \(list.count) elements")
        }
        try budget.charge(Int(end - start))
        return .list((Int(start)..<Int(end)).map { list[$0] })
    }

    /// The elements of lists in the list in their place, `depth` levels down.
    static func flatten(_ value: Value, depth: Int, _ budget: inout Budget) throws(CELError) -> Value {
        guard case .list(let list) = value else { throw Value.noOverload("flatten", value) }
        var values: [Value] = []
        // What is being visited, outermost first: no recursion, values may nest deeply.
        var open: [(list: Value.List, next: Int)] = [(list, 0)]
        while let (list, next) = open.popLast() {
            guard next < list.count else { continue }
            try budget.charge(1)
            open.append((list, next + 1))
            if case .list(let inner) = list[next], open.count <= depth {
                open.append((inner, 0))
            } else {
                values.append(list[next])
            }
        }
        return .list(values)
    }

    /// The first of equal elements each.
    @Sendable static func distinct(_ value: Value, _ budget: inout Budget) throws(CELError) -> Value {
        guard case .list(let list) = value else { throw Value.noOverload("distinct", value) }
        try budget.charge(list.count)
        var values: [Value] = []
        var keys: Set<MapKey> = []
        // What cannot be a key is compared with its likes one by one.
        var others: [Value] = []
        next: for element in list {
            try budget.charge(reading: element)
            if let key = MapKey(looking: element) {
                guard keys.insert(key).inserted else { continue }
            } else {
                try budget.charge(others.count)
                for other in others where try other.equals(element, &budget) { continue next }
                others.append(element)
            }
            values.append(element)
        }
        return .list(values)
    }

    /// The indices of the keys in ascending order of the keys, equal ones as they stand.
    static func order(of keys: [Value], _ budget: inout Budget) throws(CELError) -> [Int] {
        guard let first = keys.first else { return [] }
        var weight = 0
        for key in keys {
            guard key.type == first.type else {
                throw CELError("only elements of one type can be sorted, not \(first.type.name) and \(key.type.name)")
            }
            if case .string(let text) = key { weight += text.utf8.count >> 4 }
        }
        // One comparison shows whether the type has an order at all.
        _ = try first.order(to: first)
        let comparisons = keys.count.bitWidth - keys.count.leadingZeroBitCount
        try budget.charge(keys.count * comparisons + weight * comparisons)
        return keys.indices.sorted { left, right in
            switch try? keys[left].order(to: keys[right]) {
            case .ascending: true
            case .descending: false
            case .same, nil: left < right
            }
        }
    }

    static func extreme(
        _ name: String,
        _ value: Value,
        _ wanted: Order,
        _ budget: inout Budget
    ) throws(CELError) -> Value {
        guard case .list(let list) = value else { throw Value.noOverload(name, value) }
        guard var result = list.first else { throw CELError("\(name)() of an empty list") }
        try budget.charge(list.count)
        for element in list.dropFirst() where try element.order(to: result) == wanted { result = element }
        return result
    }

    static func position(
        of element: Value,
        in list: Value.List,
        _ indices: some Sequence<Int>,
        _ budget: inout Budget
    ) throws(CELError) -> Int64 {
        try budget.charge(list.count)
        for index in indices where try list[index].equals(element, &budget) { return Int64(index) }
        return -1
    }
}
