/// `[a, ?b]`
final class ListLiteral: Code {
    let elements: [any Code]
    let optional: Set<Int>
    let span: Span

    init(_ elements: [any Code], optional: Set<Int>, _ span: Span) {
        self.elements = elements
        self.optional = optional
        self.span = span
    }

    func evaluate(_ frame: inout Frame) throws(CELError) -> Value {
        var values: [Value] = []
        values.reserveCapacity(elements.count)
        for (index, element) in elements.enumerated() {
            let value = try element.evaluate(&frame)
            if optional.contains(index) {
                guard case .optional(let content) = value else {
                    throw CELError("an element after ? must be optional").located(span, in: frame.source)
                }
                if let content { values.append(content) }
            } else {
                values.append(value)
            }
        }
        return .list(values)
    }
}

/// `{key: value, ?key: optional}`
final class MapLiteral: Code {
    struct Entry: Sendable {
        let key: any Code
        let value: any Code
        let isOptional: Bool
        let span: Span
    }
    let entries: [Entry]

    init(_ entries: [Entry]) { self.entries = entries }

    func evaluate(_ frame: inout Frame) throws(CELError) -> Value {
        var builder = MapBuilder()
        for entry in entries {
            let keyValue = try entry.key.evaluate(&frame)
            var value = try entry.value.evaluate(&frame)
            do throws(CELError) {
                try frame.budget.charge(reading: keyValue)
                guard let key = MapKey(keyValue) else {
                    throw CELError("a value of type \(keyValue.type.name) cannot be a key of a map")
                }
                if entry.isOptional {
                    guard case .optional(let content) = value else {
                        throw CELError("an entry after ? must be optional")
                    }
                    guard let content else { continue }
                    value = content
                }
                guard builder.insert(key, value) else { throw CELError("the key \(keyValue.summary) is repeated") }
            } catch {
                throw error.located(entry.span, in: frame.source)
            }
        }
        return .map(builder.map)
    }
}
