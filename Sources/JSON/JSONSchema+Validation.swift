extension JSONSchema {
    /// One way in which a value breaks a schema.
    public typealias Violation = JSONDecodingError

    /// How many steps a check may take: about a second of work. Schemas and values of users can ask for hours.
    ///
    /// A schema looking at a value is a step, and so is each allowed value, and each part of a pattern for each byte of
    /// a text.
    public static let maximumSteps = 100_000_000

    /// Everything wrong with `value`, in the order of the document's paths; empty when it is valid.
    ///
    /// Unknown members are violations unless the schema keeps them: a misspelt field must not be silently ignored. A
    /// value whose check would take more than `maximumSteps` is not valid either.
    public func violations(of value: JSONValue) -> [Violation] {
        var steps = Self.maximumSteps
        return violations(of: value, steps: &steps)
    }

    /// The same within the steps that are left of a larger task.
    func violations(of value: JSONValue, steps: inout Int) -> [Violation] {
        var findings = Findings(steps: steps)
        check(value, into: &findings)
        steps = findings.steps
        if findings.isExhausted {
            findings.append("there is too much to check; use shorter texts, lists or enums, or smaller patterns")
        }
        return findings.violations
    }

    private func check(_ value: JSONValue, into found: inout Findings) {
        guard found.take(1) else { return }
        guard matchesKind(value) else {
            if let kind { found.append(.expected(kind.rawValue, found: value)) }
            return
        }
        let before = found.violations.count
        if let allowedValues { checkIsOne(of: allowedValues, value, into: &found) }
        switch value {
        case .string(let text): check(text, into: &found)
        case .int, .double: checkLimits(of: value, into: &found)
        case .array(let elements): check(elements, into: &found)
        case .object(let members): check(members, into: &found)
        case .null, .bool: break
        }
        checkCombinations(value, into: &found)
        // A rule may rely on the types below it, so it is asked only where those are right.
        guard found.violations.count == before, !found.isExhausted else { return }
        for rule in rules where !rule.holds(value) { found.append(rule.message) }
    }

    private func matchesKind(_ value: JSONValue) -> Bool {
        if isNullable, value.isNull { return true }
        return switch kind {
        case nil: true
        case .string: value.string != nil
        case .integer: value.int != nil
        case .number: value.double != nil
        case .boolean: value.bool != nil
        case .array: value.array != nil
        case .object: value.object != nil
        }
    }

    private func checkIsOne(of allowed: [JSONValue], _ value: JSONValue, into found: inout Findings) {
        guard found.take(allowed.count) else { return }
        let wanted = value.normalized
        guard !allowed.contains(where: { $0.normalized == wanted }) else { return }
        let names = allowed.map { $0.string ?? $0.excerpt }.joined(separator: ", ")
        found.append(
            Violation(allowed.count == 1 ? "must be \(names)" : "\(value.excerpt) is not one of \(names)")
        )
    }

    private func check(_ text: String, into found: inout Findings) {
        if minLength != nil || maxLength != nil {
            let length = text.unicodeScalars.count
            if let minLength, length < minLength {
                found.append(
                    Violation(minLength == 1 ? "must not be empty" : "must have at least \(minLength) characters")
                )
            }
            if let maxLength, length > maxLength {
                found.append(Violation("has \(length) characters, at most \(maxLength) are allowed"))
            }
        }
        if let pattern, found.take(pattern.size * text.utf8.count), !pattern.matches(text) {
            found.append(Violation("\(JSONValue.string(text).excerpt) is not \(pattern.meaning)"))
        }
    }

    private func checkLimits(of number: JSONValue, into found: inout Findings) {
        if let minimum, !minimum.isBelow(number) {
            found.append(Violation("must be \(minimum.isExclusive ? "greater than" : "at least") \(minimum.number)"))
        }
        if let maximum, !maximum.isAbove(number) {
            found.append(Violation("must be \(maximum.isExclusive ? "less than" : "at most") \(maximum.number)"))
        }
    }

    private func check(_ elements: [JSONValue], into found: inout Findings) {
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
        if isSet { checkIsSet(elements, into: &found) }
        guard let listMapKey else { return }
        var seen: Set<JSONValue> = []
        for (index, element) in elements.enumerated() {
            guard let key = element[listMapKey], !seen.insert(key).inserted else { continue }
            found.append(Violation("the \(listMapKey) \(key) is used twice").inside("[\(index)]"))
        }
    }

    private func checkIsSet(_ elements: [JSONValue], into found: inout Findings) {
        var seen: [JSONValue: Int] = [:]
        for (index, element) in elements.enumerated() {
            let element = element.normalized
            if let first = seen[element] {
                found.append(Violation("is the same as element \(first)").inside("[\(index)]"))
            } else {
                seen[element] = index
            }
        }
    }

    private func check(_ members: [String: JSONValue], into found: inout Findings) {
        if let minProperties, members.count < minProperties {
            found.append(Violation("must have at least \(minProperties) member\(minProperties == 1 ? "" : "s")"))
        }
        if let maxProperties, members.count > maxProperties {
            found.append(Violation("has \(members.count) members, at most \(maxProperties) are allowed"))
        }
        for name in required where members[name] == nil {
            found.append(Violation("is required").inside(name))
        }
        for (name, member) in members.sorted(by: { $0.key < $1.key }) {
            if let schema = properties[name] ?? additionalProperties.first {
                if schema.takesForAbsent(member), !required.contains(name) { continue }
                checkMember(name, member, schema, into: &found)
            } else if !preservesUnknownFields {
                let known = properties.keys.sorted().joined(separator: ", ")
                found.append(
                    Violation("unknown field; \(known.isEmpty ? "there are none" : "known are: \(known)")")
                        .inside(name)
                )
            }
        }
    }

    /// Whether the value stands for an absent one, as for the API server, which prunes it.
    func takesForAbsent(_ value: JSONValue) -> Bool { value.isNull && kind != nil && !isNullable }

    private func checkMember(
        _ key: String,
        _ value: JSONValue,
        _ schema: JSONSchema,
        into found: inout Findings
    ) {
        let before = found.violations.count
        schema.check(value, into: &found)
        for index in before..<found.violations.count {
            found.violations[index] = found.violations[index].inside(key)
        }
    }

    private func checkCombinations(_ value: JSONValue, into found: inout Findings) {
        for schema in allOf { schema.check(value, into: &found) }
        checkAlternatives(anyOf, "anyOf", value, into: &found)
        let fitting = checkAlternatives(oneOf, "oneOf", value, into: &found)
        if fitting.count > 1 {
            let names = fitting.prefix(5).map { "oneOf[\($0)]" }.joined(separator: " and ")
            found.append(Violation("fits \(names), but may fit only one"))
        }
        if let schema = not.first, found.setAside({ schema.check(value, into: &$0) }).isEmpty, !found.isExhausted {
            found.append(Violation("fits what the schema's `not` forbids"))
        }
    }

    /// Finds it a violation if there are schemas but the value fits none.
    /// - Returns: the indices of those that it fits.
    @discardableResult
    private func checkAlternatives(
        _ schemas: [JSONSchema],
        _ word: String,
        _ value: JSONValue,
        into found: inout Findings
    ) -> [Int] {
        guard !schemas.isEmpty else { return [] }
        let results = schemas.map { schema in found.setAside { schema.check(value, into: &$0) } }
        guard !found.isExhausted else { return [] }
        let fitting = results.indices.filter { results[$0].isEmpty }
        if fitting.isEmpty {
            let reasons = results.prefix(5).compactMap(\.first?.description).joined(separator: "; or ")
            found.append(Violation("fits none of \(word): \(reasons)"))
        }
        return fitting
    }
}

/// What a check has found, and what it may still do.
private struct Findings {
    var violations: [JSONSchema.Violation] = []
    private(set) var steps: Int

    init(steps: Int) { self.steps = steps }

    /// The findings are incomplete.
    var isExhausted: Bool { steps < 0 }

    /// - Returns: whether as many steps may be done.
    mutating func take(_ count: Int) -> Bool {
        if steps >= 0 { steps -= count }
        return steps >= 0
    }

    mutating func append(_ violation: JSONSchema.Violation) { violations.append(violation) }

    mutating func append(_ message: String) { violations.append(.init(message)) }

    /// The violations that a part of the check finds; they do not become some of the whole.
    mutating func setAside(_ check: (inout Findings) -> Void) -> [JSONSchema.Violation] {
        let before = violations
        violations = []
        check(&self)
        defer { violations = before }
        return violations
    }
}

extension JSONSchema.Limit {
    /// Whether the number may stand above this lower limit.
    func isBelow(_ value: JSONValue) -> Bool {
        number.isLess(than: value) || !isExclusive && !value.isLess(than: number)
    }

    /// Whether the number may stand below this upper limit.
    func isAbove(_ value: JSONValue) -> Bool {
        value.isLess(than: number) || !isExclusive && !number.isLess(than: value)
    }
}

extension JSONValue {
    /// Compares two numbers; as doubles if one of them is a double.
    fileprivate func isLess(than other: JSONValue) -> Bool {
        if case .int(let left) = self, case .int(let right) = other { return left < right }
        guard let left = double, let right = other.double else { return false }
        return left < right
    }

    /// The same with every number that has no fraction as an integer: for schemas, 1 and 1.0 are equal.
    var normalized: JSONValue {
        switch self {
        case .double: int.map { .int($0) } ?? self
        case .array(let elements): .array(elements.map(\.normalized))
        case .object(let members): .object(members.mapValues(\.normalized))
        case .null, .bool, .int, .string: self
        }
    }

    /// The JSON text for a message, cut after 100 characters.
    var excerpt: String {
        // A string is cut first: it may be as long as the document, and most others are short.
        let text = string.map { JSONValue.string(String($0.unicodeScalars.prefix(101))).description } ?? description
        return text.count > 103 ? "\(text.prefix(100))…" : text
    }
}
