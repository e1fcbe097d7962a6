extension JSONSchema {
    /// Finds what this schema, read from `words`, can never fulfil. The schemas inside were looked at before.
    func checkConsistency(of words: [String: JSONValue], steps: inout Int) throws(JSONDecodingError) {
        try checkOrder("minLength", minLength, "maxLength", maxLength)
        try checkOrder("minItems", minItems, "maxItems", maxItems)
        try checkOrder("minProperties", minProperties, "maxProperties", maxProperties)
        if let minimum, let maximum, !minimum.isBelow(maximum.number) || !maximum.isAbove(minimum.number) {
            let word = words["minimum"] == nil ? "exclusiveMinimum" : "minimum"
            throw JSONDecodingError(path: word, "no number is above \(minimum.number) and below \(maximum.number)")
        }
        try checkRequired()
        try checkAllowedValues(of: words, steps: &steps)
        guard let defaultValue else { return }
        do throws(JSONDecodingError) {
            let filled = try applyingDefaults(to: defaultValue)
            if let violation = violations(of: filled, steps: &steps).first { throw violation }
        } catch {
            throw error.inside("default")
        }
    }

    private func checkOrder(
        _ lowerWord: String,
        _ lower: Int?,
        _ upperWord: String,
        _ upper: Int?
    ) throws(JSONDecodingError) {
        guard let lower, let upper, lower > upper else { return }
        throw JSONDecodingError(path: lowerWord, "\(lower) is more than the \(upperWord) \(upper)")
    }

    private func checkRequired() throws(JSONDecodingError) {
        let isClosed = !preservesUnknownFields && additionalProperties.isEmpty
        var seen: Set<String> = []
        for (index, name) in required.enumerated() {
            guard seen.insert(name).inserted else {
                throw JSONDecodingError(path: "required[\(index)]", "\(name) is named twice")
            }
            if isClosed, properties[name] == nil {
                throw JSONDecodingError(
                    path: "required[\(index)]",
                    "\(name) is not among the properties, and additionalProperties forbids others"
                )
            }
        }
        if let maxProperties, maxProperties < required.count {
            throw JSONDecodingError(path: "maxProperties", "\(maxProperties) is less than are required")
        }
        if let minProperties, isClosed, minProperties > properties.count {
            throw JSONDecodingError(
                path: "minProperties",
                "\(minProperties) is more than there are properties, and additionalProperties forbids others"
            )
        }
    }

    private func checkAllowedValues(
        of words: [String: JSONValue],
        steps: inout Int
    ) throws(JSONDecodingError) {
        var withoutList = self
        withoutList.allowedValues = nil
        let listed = words["enum"]?.array ?? []
        for (index, value) in listed.enumerated() {
            guard let violation = withoutList.violations(of: value, steps: &steps).first else { continue }
            throw violation.inside("enum[\(index)]")
        }
        guard let constant = words["const"] else { return }
        if !listed.isEmpty, !listed.contains(where: { $0.normalized == constant.normalized }) {
            throw JSONDecodingError(path: "const", "is not among the values of enum")
        }
        if let violation = withoutList.violations(of: constant, steps: &steps).first { throw violation.inside("const") }
    }
}
