internal import JSON
internal import Workflows

/// What an action is, for people who write steps.
struct ActionExplanation {
    private let action: any Action
    private static let width = 100

    init(_ action: any Action) { self.action = action }

    /// Several paragraphs, with a line break at the end.
    var text: String {
        var lines = ["\(action.name): \(action.about)", ""]
        lines.append("Repetition:       \(repetition)")
        lines.append("Unknown outcome:  \(unknownOutcome)")
        lines.append("Undone by:        \(action.undoneBy ?? "nothing, unless the step says compensate")")
        lines.append("Cluster:          \(cluster)")
        lines += ["", "INPUTS"]
        let schema = action.inputSchema
        lines += schema.properties.isEmpty ? ["  none"] : SchemaTree.lines(of: schema, indent: 2)
        lines += ["", "OUTPUT"] + TextWrap.lines(action.outputs, indent: 2, width: Self.width)
        if !action.failures.isEmpty {
            lines += ["", "ERRORS"]
            let rows = action.failures.map { [$0.summary, $0.errorClass.rawValue, $0.when] }
            lines += TextTable(rows).description.split(separator: "\n").map { "  \($0)" }
        }
        return lines.joined(separator: "\n") + "\n"
    }

    private var cluster: String {
        if action.touchesCluster { return "acts as the process's service account" }
        let readsSecrets = action.inputSchema.openAPI.description.contains("secretKeyRef")
        return readsSecrets ? "only Secrets are read, as the process's service account" : "not touched"
    }

    private var repetition: String {
        action.isIdempotent
            ? "does no harm: the same key has one effect" : "has another effect: the target does not know the key"
    }

    private var unknownOutcome: String {
        let policy = action.defaultUnknownOutcomePolicy
        let meaning =
            switch policy {
            case .verify: "the action looks at its target"
            case .retryIfIdempotent: "the action runs again under the same key"
            case .askHuman: "the step waits until somebody decides"
            }
        return "\(policy.rawValue): \(meaning)"
    }
}

/// The fields of a schema, one after the other, with those inside them.
enum SchemaTree {
    private static let width = 100

    /// Each field with its type, whether it must be there, and what is said about it.
    static func lines(of schema: JSONSchema, indent: Int) -> [String] {
        var lines: [String] = []
        let names = schema.properties.keys.sorted { left, right in
            let isLeftRequired = schema.required.contains(left)
            return isLeftRequired == schema.required.contains(right) ? left < right : isLeftRequired
        }
        for name in names {
            guard let field = schema.properties[name] else { continue }
            var notes = [type(of: field)]
            if schema.required.contains(name) { notes.append("required") }
            if let range = range(of: field) { notes.append(range) }
            if let value = field.defaultValue { notes.append("default \(value)") }
            lines.append(String(repeating: " ", count: indent) + "\(name) <\(notes.joined(separator: ", "))>")
            if let description = field.description {
                lines += TextWrap.lines(description, indent: indent + 4, width: width)
            }
            lines += Self.lines(of: inner(field), indent: indent + 2)
        }
        for rule in schema.rules { lines += TextWrap.lines("Rule: \(rule.message).", indent: indent, width: width) }
        return lines
    }

    /// The schema of what a list or a map holds, as far as it has fields.
    private static func inner(_ schema: JSONSchema) -> JSONSchema {
        guard let element = schema.items.first ?? schema.additionalProperties.first else { return schema }
        var inner = inner(element)
        inner.rules += schema.rules
        return inner
    }

    private static func type(of schema: JSONSchema) -> String {
        if !schema.anyOf.isEmpty { return schema.anyOf.map(alternative).joined(separator: " or ") }
        if let values = schema.allowedValues {
            return values.map { $0.string ?? $0.description }.joined(separator: " | ")
        }
        switch schema.kind {
        case nil: return "any"
        case .string: return schema.pattern?.meaning ?? "string"
        case .array: return "list of \(schema.items.first.map(type) ?? "any")"
        case .object:
            if let element = schema.additionalProperties.first { return "map of \(type(of: element))" }
            return "object"
        case .some(let kind): return kind.rawValue
        }
    }

    /// An object is named by what tells it from the others, its one field.
    private static func alternative(_ schema: JSONSchema) -> String {
        schema.properties.count == 1 ? schema.properties.keys.first ?? "" : type(of: schema)
    }

    private static func range(of schema: JSONSchema) -> String? {
        switch (schema.openAPI["minimum"], schema.openAPI["maximum"]) {
        case (let minimum?, let maximum?): "\(minimum) to \(maximum)"
        case (let minimum?, nil): "at least \(minimum)"
        case (nil, let maximum?): "at most \(maximum)"
        case (nil, nil): nil
        }
    }
}

/// Text in lines that fit a terminal.
enum TextWrap {
    /// Breaks at blanks; a word that is longer than a line has one of its own.
    static func lines(_ text: String, indent: Int, width: Int) -> [String] {
        let margin = String(repeating: " ", count: indent)
        var lines: [String] = []
        var line = ""
        for word in text.split(whereSeparator: \.isWhitespace) {
            if !line.isEmpty, indent + line.count + 1 + word.count > width {
                lines.append(margin + line)
                line = ""
            }
            line += line.isEmpty ? String(word) : " \(word)"
        }
        return line.isEmpty ? lines : lines + [margin + line]
    }
}
