extension JSONSchema {
    /// One way in which a value breaks a schema.
    public typealias Violation = JSONDecodingError

    /// Everything wrong with `value`, in the order of the document's paths; empty when it is valid.
    ///
    /// Unknown members are violations unless the schema keeps them: a misspelt field must not be silently ignored.
    public func violations(of value: JSONValue) -> [Violation] {
        var found: [Violation] = []
        check(value, into: &found)
        return found
    }

    private func check(_ value: JSONValue, into found: inout [Violation]) {
        guard matchesKind(value) else {
            if let kind { found.append(.expected(kind.rawValue, found: value)) }
            return
        }
        let before = found.count
        switch value {
        case .string(let text): check(text, into: &found)
        case .int(let number): check(number, into: &found)
        case .array(let elements): check(elements, into: &found)
        case .object(let members): check(members, into: &found)
        case .null, .bool, .double: break
        }
        // A rule may rely on the types below it, so it is asked only where those are right.
        guard found.count == before else { return }
        for rule in rules where !rule.holds(value) { found.append(Violation(rule.message)) }
    }

    private func matchesKind(_ value: JSONValue) -> Bool {
        switch kind {
        case nil: true
        case .string: value.string != nil
        case .integer: value.int != nil
        case .number: value.double != nil
        case .boolean: value.bool != nil
        case .array: value.array != nil
        case .object: value.object != nil
        }
    }

    private func check(_ text: String, into found: inout [Violation]) {
        if let allowedValues, !allowedValues.contains(text) {
            found.append(Violation("\"\(text)\" is not one of \(allowedValues.joined(separator: ", "))"))
        }
        if let minLength, text.count < minLength {
            found.append(
                Violation(minLength == 1 ? "must not be empty" : "must have at least \(minLength) characters")
            )
        }
        if let maxLength, text.count > maxLength {
            found.append(Violation("has \(text.count) characters, at most \(maxLength) are allowed"))
        }
        if let pattern, !pattern.matches(text) {
            found.append(Violation("\"\(text)\" is not \(pattern.meaning)"))
        }
    }

    private func check(_ number: Int64, into found: inout [Violation]) {
        if let minimum, number < minimum { found.append(Violation("must be at least \(minimum)")) }
        if let maximum, number > maximum { found.append(Violation("must be at most \(maximum)")) }
    }

    private func check(_ elements: [JSONValue], into found: inout [Violation]) {
        if let minItems, elements.count < minItems {
            found.append(Violation("must have at least \(minItems) element\(minItems == 1 ? "" : "s")"))
        }
        if let maxItems, elements.count > maxItems {
            found.append(Violation("has \(elements.count) elements, at most \(maxItems) are allowed"))
        }
        if let items = items.first {
            for (index, element) in elements.enumerated() {
                checkMember("[\(index)]", element, items, into: &found)
            }
        }
        guard let listMapKey else { return }
        var seen: Set<JSONValue> = []
        for (index, element) in elements.enumerated() {
            guard let key = element[listMapKey], !seen.insert(key).inserted else { continue }
            found.append(Violation("the \(listMapKey) \(key) is used twice").inside("[\(index)]"))
        }
    }

    private func check(_ members: [String: JSONValue], into found: inout [Violation]) {
        for name in required where members[name] == nil {
            found.append(Violation("is required").inside(name))
        }
        for (name, member) in members.sorted(by: { $0.key < $1.key }) {
            if let schema = properties[name] ?? additionalProperties.first {
                // null stands for an absent optional member, as the API server prunes it.
                if member.isNull, schema.kind != nil, !required.contains(name) { continue }
                checkMember(name, member, schema, into: &found)
            } else if !preservesUnknownFields {
                let known = properties.keys.sorted().joined(separator: ", ")
                found.append(Violation("unknown field; known are: \(known)").inside(name))
            }
        }
    }

    private func checkMember(
        _ key: String,
        _ value: JSONValue,
        _ schema: JSONSchema,
        into found: inout [Violation]
    ) {
        var inner: [Violation] = []
        schema.check(value, into: &inner)
        found.append(contentsOf: inner.map { $0.inside(key) })
    }
}
