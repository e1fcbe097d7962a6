/// The variable of a macro.
final class Local: Code {
    let slot: Int

    init(_ slot: Int) { self.slot = slot }

    func evaluate(_ frame: inout Frame) throws(CELError) -> Value {
        if !frame.failures.isEmpty, let failure = frame.failures[slot] { throw failure }
        return frame.locals[slot]
    }
}

/// `cel.bind(variable, value, body)` and `cel.block([value, …], body)`
final class Binding: Code {
    let slots: [Int]
    let values: [any Code]
    let body: any Code

    init(_ slots: [Int], _ values: [any Code], _ body: any Code) {
        self.slots = slots
        self.values = values
        self.body = body
    }

    func evaluate(_ frame: inout Frame) throws(CELError) -> Value {
        // The slots are others' again afterwards.
        defer { for slot in slots { frame.failures[slot] = nil } }
        for (slot, value) in zip(slots, values) {
            do throws(CELError) {
                frame.locals[slot] = try value.evaluate(&frame)
            } catch {
                if error.isLimit { throw error }
                frame.failures[slot] = error
            }
        }
        return try body.evaluate(&frame)
    }
}

/// `optional.optMap(variable, body)` and `optional.optFlatMap(variable, body)`
final class OptionalMap: Code {
    let slot: Int
    let optional: any Code
    let body: any Code
    let isFlat: Bool
    let span: Span

    init(_ slot: Int, _ optional: any Code, _ body: any Code, isFlat: Bool, _ span: Span) {
        self.slot = slot
        self.optional = optional
        self.body = body
        self.isFlat = isFlat
        self.span = span
    }

    func evaluate(_ frame: inout Frame) throws(CELError) -> Value {
        let value = try optional.evaluate(&frame)
        guard case .optional(let content) = value else {
            throw CELError("no such overload: \(value.type.name).\(isFlat ? "optFlatMap" : "optMap")")
                .located(span, in: frame.source)
        }
        guard let content else { return value }
        frame.locals[slot] = content
        let result = try body.evaluate(&frame)
        guard isFlat else { return .optional(result) }
        guard case .optional = result else {
            throw CELError("the body of optFlatMap() must be optional").located(span, in: frame.source)
        }
        return result
    }
}

/// What the macros over lists and maps share: the range, the slots of the variables, the cost of a step.
struct Loop: Sendable {
    let range: any Code
    /// One slot: elements of a list, keys of a map. Two: index and element, key and value.
    let slots: [Int]
    /// The bodies' weight, charged for each step.
    let weight: Int
    let span: Span
    /// Of each body.
    let bodySpans: [Span]

    /// Visits all elements until `body` answers false.
    func run(
        _ frame: inout Frame,
        _ body: (inout Frame) throws(CELError) -> Bool
    ) throws(CELError) {
        switch try range.evaluate(&frame) {
        case .list(let list):
            for index in 0..<list.count {
                try charge(&frame)
                if slots.count == 2 { frame.locals[slots[0]] = .int(Int64(index)) }
                frame.locals[slots[slots.count - 1]] = list[index]
                guard try body(&frame) else { return }
            }
        case .map(let map):
            try charge(&frame, map.count)
            for key in map.keys {
                try charge(&frame)
                try frame.budget.charge(reading: key)
                frame.locals[slots[0]] = key
                if slots.count == 2, let value = map[key] { frame.locals[slots[1]] = value }
                guard try body(&frame) else { return }
            }
        case let other:
            throw CELError("no such overload: a value of type \(other.type.name) is neither a list nor a map")
                .located(span, in: frame.source)
        }
    }

    private func charge(_ frame: inout Frame, _ units: Int? = nil) throws(CELError) {
        do throws(CELError) {
            try frame.budget.charge(units ?? weight)
        } catch {
            throw error.located(span, in: frame.source)
        }
    }

    func condition(_ code: any Code, _ frame: inout Frame) throws(CELError) -> Bool {
        guard case .bool(let value) = try code.evaluate(&frame) else {
            throw CELError("the condition of a macro must be a boolean").located(bodySpans[0], in: frame.source)
        }
        return value
    }
}

/// `all`, `exists` and `exists_one`
final class Quantifier: Code {
    let loop: Loop
    let macro: Macro
    let body: any Code

    init(_ macro: Macro, _ loop: Loop, _ body: any Code) {
        self.loop = loop
        self.macro = macro
        self.body = body
    }

    func evaluate(_ frame: inout Frame) throws(CELError) -> Value {
        macro == .existsOne ? try countOne(&frame) : try decide(macro == .exists, &frame)
    }

    /// As with `&&` and `||`, an element that decides hides errors of others.
    private func decide(_ deciding: Bool, _ frame: inout Frame) throws(CELError) -> Value {
        var failure: CELError?
        var result = !deciding
        try loop.run(&frame) { (frame) throws(CELError) in
            do throws(CELError) {
                if try loop.condition(body, &frame) == deciding {
                    result = deciding
                    return false
                }
            } catch {
                if error.isLimit { throw error }
                if failure == nil { failure = error }
            }
            return true
        }
        if let failure, result != deciding { throw failure }
        return .bool(result)
    }

    private func countOne(_ frame: inout Frame) throws(CELError) -> Value {
        var count = 0
        try loop.run(&frame) { (frame) throws(CELError) in
            if try loop.condition(body, &frame) { count += 1 }
            return true
        }
        return .bool(count == 1)
    }
}

/// `map`, `filter` and `transformList`
final class ListComprehension: Code {
    let loop: Loop
    let filter: (any Code)?
    /// Nil to take the element itself.
    let transform: (any Code)?

    init(_ loop: Loop, filter: (any Code)?, transform: (any Code)?) {
        self.loop = loop
        self.filter = filter
        self.transform = transform
    }

    func evaluate(_ frame: inout Frame) throws(CELError) -> Value {
        var values: [Value] = []
        try loop.run(&frame) { (frame) throws(CELError) in
            if let filter, try !loop.condition(filter, &frame) { return true }
            values.append(try transform?.evaluate(&frame) ?? frame.locals[loop.slots[0]])
            return true
        }
        return .list(values)
    }
}

/// `transformMap` and `transformMapEntry`
final class MapComprehension: Code {
    let loop: Loop
    let filter: (any Code)?
    let transform: any Code
    /// Whether `transform` makes a map of entries rather than the value for the key at hand.
    let makesEntries: Bool

    init(_ loop: Loop, filter: (any Code)?, transform: any Code, makesEntries: Bool) {
        self.loop = loop
        self.filter = filter
        self.transform = transform
        self.makesEntries = makesEntries
    }

    func evaluate(_ frame: inout Frame) throws(CELError) -> Value {
        var builder = MapBuilder()
        try loop.run(&frame) { (frame) throws(CELError) in
            if let filter, try !loop.condition(filter, &frame) { return true }
            let value = try transform.evaluate(&frame)
            do throws(CELError) {
                if makesEntries {
                    try insertEntries(of: value, into: &builder, &frame)
                } else if let key = MapKey(frame.locals[loop.slots[0]]) {
                    _ = builder.insert(key, value)
                }
            } catch {
                throw error.located(loop.span, in: frame.source)
            }
            return true
        }
        return .map(builder.map)
    }

    private func insertEntries(
        of value: Value,
        into builder: inout MapBuilder,
        _ frame: inout Frame
    ) throws(CELError) {
        guard case .map(let entries) = value else { throw CELError("transformMapEntry() needs a map of entries") }
        try frame.budget.charge(entries.count)
        for key in entries.keys {
            try frame.budget.charge(reading: key)
            guard let mapKey = MapKey(key), let entry = entries[key] else { continue }
            guard builder.insert(mapKey, entry) else { throw CELError("the key \(key.summary) is repeated") }
        }
    }
}

/// `list.sortBy(variable, key)`
final class SortBy: Code {
    let loop: Loop
    let key: any Code

    init(_ loop: Loop, _ key: any Code) {
        self.loop = loop
        self.key = key
    }

    func evaluate(_ frame: inout Frame) throws(CELError) -> Value {
        var pairs: [(key: Value, element: Value)] = []
        try loop.run(&frame) { (frame) throws(CELError) in
            pairs.append((try key.evaluate(&frame), frame.locals[loop.slots[0]]))
            return true
        }
        do throws(CELError) {
            let order = try ListFunctions.order(of: pairs.map(\.key), &frame.budget)
            return .list(order.map { pairs[$0].element })
        } catch {
            throw error.located(loop.span, in: frame.source)
        }
    }
}
