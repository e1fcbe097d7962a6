extension JSONSchema {
    /// How deeply schemas may lie in schemas.
    public static let maximumDepth = 64
    /// How many schemas one schema may be made of.
    public static let maximumSchemas = 1000
    /// The size of all patterns of a schema together, as `LinearPattern.maximumSize` counts: a few megabytes.
    public static let maximumPatternSize = 50_000

    /// Reads a schema that a user has written: the words of OpenAPI v3 (and `const` and numeric exclusive limits, as
    /// newer drafts of JSON Schema have them) that this type has.
    ///
    /// As JSON Schema has it, unknown members of objects are allowed unless `additionalProperties` says otherwise, and
    /// `format` is only a remark, like `title`, `example` and `examples`. A `pattern` is a `LinearPattern`.
    /// - Throws: names the path of a word that is unknown, or that is for another `type` than the one beside it (it
    ///   would have no effect), or that contradicts another, such as a default which the schema itself forbids; also
    ///   of what is too deep or too large.
    public init(json: JSONValue) throws(JSONDecodingError) {
        var reading = SchemaReading()
        self = try reading.readSchema(json)
    }

    /// The words that `init(json:)` knows, each with the types of value that it is for, or none for all types.
    static let words: [String: [Kind]] = [
        "type": [], "nullable": [], "description": [], "format": [], "title": [], "example": [], "examples": [],
        "default": [], "enum": [], "const": [], "allOf": [], "anyOf": [], "oneOf": [], "not": [],
        "minimum": [.integer, .number], "maximum": [.integer, .number],
        "exclusiveMinimum": [.integer, .number], "exclusiveMaximum": [.integer, .number],
        "minLength": [.string], "maxLength": [.string], "pattern": [.string],
        "items": [.array], "minItems": [.array], "maxItems": [.array], "uniqueItems": [.array],
        "properties": [.object], "required": [.object], "additionalProperties": [.object],
        "minProperties": [.object], "maxProperties": [.object],
    ]
}

/// One reading of a schema and all schemas inside.
private struct SchemaReading {
    private var depth = 0
    private var schemas = 0
    private var patternSize = 0
    private var steps = JSONSchema.maximumSteps
    /// An API server fills in no defaults within allOf, anyOf, oneOf and not.
    private var fillsDefaults = true

    mutating func readSchema(_ json: JSONValue) throws(JSONDecodingError) -> JSONSchema {
        guard case .object(let members) = json else { throw .expected("object", found: json) }
        depth += 1
        defer { depth -= 1 }
        schemas += 1
        guard depth <= JSONSchema.maximumDepth else {
            throw JSONDecodingError("schemas nest more than \(JSONSchema.maximumDepth) deep")
        }
        guard schemas <= JSONSchema.maximumSchemas else {
            throw JSONDecodingError("this is more than \(JSONSchema.maximumSchemas) schemas in one")
        }
        var schema = JSONSchema(nil)
        schema.preservesUnknownFields = true
        for (word, value) in members.sorted(by: { $0.key < $1.key }) {
            do {
                try checkUse(of: word, beside: members["type"])
                try read(word, value, of: members, into: &schema)
            } catch {
                throw error.inside(word)
            }
        }
        try schema.checkConsistency(of: members, steps: &steps)
        return schema
    }

    private func checkUse(of word: String, beside type: JSONValue?) throws(JSONDecodingError) {
        guard let kinds = JSONSchema.words[word] else {
            let known = JSONSchema.words.keys.sorted().joined(separator: ", ")
            throw JSONDecodingError("unknown word; known are: \(known)")
        }
        guard let kind = type?.string.flatMap(JSONSchema.Kind.init(rawValue:)), !kinds.isEmpty, !kinds.contains(kind)
        else { return }
        let names = kinds.map(\.rawValue).joined(separator: " or ")
        throw JSONDecodingError("is for the type \(names), but the type is \(kind.rawValue)")
    }

    private mutating func read(
        _ word: String,
        _ value: JSONValue,
        of members: [String: JSONValue],
        into schema: inout JSONSchema
    ) throws(JSONDecodingError) {
        switch word {
        case "type": schema.kind = try readKind(value)
        case "nullable": schema.isNullable = try Bool(json: value)
        case "description": schema.description = try String(json: value)
        case "format": schema.format = try String(json: value)
        case "default":
            guard fillsDefaults else {
                throw JSONDecodingError("is not filled in within allOf, anyOf, oneOf and not; write it outside of them")
            }
            schema.defaultValue = value
        case "const": schema.allowedValues = [value]
        // A const among the values leaves only itself.
        case "enum":
            let listed = try readList(value)
            schema.allowedValues = members["const"].map { [$0] } ?? listed
        case "minimum": schema.minimum = try readLimit(value, isExclusive: members["exclusiveMinimum"])
        case "maximum": schema.maximum = try readLimit(value, isExclusive: members["exclusiveMaximum"])
        case "exclusiveMinimum":
            if let limit = try readExclusiveLimit(value, beside: "minimum", of: members) { schema.minimum = limit }
        case "exclusiveMaximum":
            if let limit = try readExclusiveLimit(value, beside: "maximum", of: members) { schema.maximum = limit }
        case "minLength": schema.minLength = try readCount(value)
        case "maxLength": schema.maxLength = try readCount(value)
        case "pattern": schema.pattern = try readPattern(value)
        case "items": schema.items = [try readSchema(value)]
        case "minItems": schema.minItems = try readCount(value)
        case "maxItems": schema.maxItems = try readCount(value)
        case "uniqueItems": schema.isSet = try Bool(json: value)
        case "properties": schema.properties = try readProperties(value)
        case "required": schema.required = try [String](json: value)
        case "additionalProperties":
            if let allowed = value.bool {
                schema.preservesUnknownFields = allowed
            } else {
                schema.additionalProperties = [try readSchema(value)]
            }
        case "minProperties": schema.minProperties = try readCount(value)
        case "maxProperties": schema.maxProperties = try readCount(value)
        case "allOf": schema.allOf = try readCombined(value)
        case "anyOf": schema.anyOf = try readCombined(value)
        case "oneOf": schema.oneOf = try readCombined(value)
        case "not": schema.not = [try readWithoutDefaults(value)]
        // title, example, examples: remarks for people.
        default: break
        }
    }

    private func readKind(_ json: JSONValue) throws(JSONDecodingError) -> JSONSchema.Kind {
        guard let name = json.string else {
            throw JSONDecodingError("must be one word; for a type or null write nullable: true")
        }
        guard let kind = JSONSchema.Kind(rawValue: name) else {
            throw JSONDecodingError("\(json.excerpt) is not one of array, boolean, integer, number, object, string")
        }
        return kind
    }

    private func readList(_ json: JSONValue) throws(JSONDecodingError) -> [JSONValue] {
        let elements = try [JSONValue](json: json)
        guard !elements.isEmpty else { throw JSONDecodingError("must not be empty") }
        return elements
    }

    private func readCount(_ json: JSONValue) throws(JSONDecodingError) -> Int {
        let count = try Int(json: json)
        guard count >= 0 else { throw JSONDecodingError("must be at least 0") }
        return count
    }

    private func readLimit(_ json: JSONValue, isExclusive: JSONValue?) throws(JSONDecodingError) -> JSONSchema.Limit {
        guard json.double != nil else { throw .expected("number", found: json) }
        return JSONSchema.Limit(json, isExclusive: isExclusive?.bool == true)
    }

    /// - Returns: nil for a boolean, which only says how the limit beside it is meant.
    private func readExclusiveLimit(
        _ json: JSONValue,
        beside word: String,
        of members: [String: JSONValue]
    ) throws(JSONDecodingError) -> JSONSchema.Limit? {
        let isGiven = members[word] != nil
        if json.bool != nil {
            guard isGiven else { throw JSONDecodingError("says how \(word) is meant, but there is none") }
            return nil
        }
        guard !isGiven else { throw JSONDecodingError("must be a boolean beside \(word), or stand without it") }
        return try readLimit(json, isExclusive: true)
    }

    private mutating func readPattern(_ json: JSONValue) throws(JSONDecodingError) -> JSONSchema.Pattern {
        let expression = try String(json: json)
        let pattern: LinearPattern
        do { pattern = try LinearPattern(expression) } catch { throw JSONDecodingError(error.description) }
        patternSize += pattern.size
        guard patternSize <= JSONSchema.maximumPatternSize else {
            throw JSONDecodingError("the patterns of the schema are too large together; repeat less, or use maxLength")
        }
        let shown = expression.count > 100 ? "\(expression.prefix(100))…" : expression
        return JSONSchema.Pattern(
            expression,
            meaning: "a text that matches \(shown)",
            size: pattern.size,
            matches: pattern.matches
        )
    }

    private mutating func readProperties(_ json: JSONValue) throws(JSONDecodingError) -> [String: JSONSchema] {
        guard case .object(let members) = json else { throw .expected("object", found: json) }
        var properties: [String: JSONSchema] = [:]
        for (name, member) in members.sorted(by: { $0.key < $1.key }) {
            do { properties[name] = try readSchema(member) } catch { throw error.inside(name) }
        }
        return properties
    }

    private mutating func readCombined(_ json: JSONValue) throws(JSONDecodingError) -> [JSONSchema] {
        var combined: [JSONSchema] = []
        for (index, element) in try readList(json).enumerated() {
            do { combined.append(try readWithoutDefaults(element)) } catch { throw error.inside("[\(index)]") }
        }
        return combined
    }

    private mutating func readWithoutDefaults(_ json: JSONValue) throws(JSONDecodingError) -> JSONSchema {
        let before = fillsDefaults
        fillsDefaults = false
        defer { fillsDefaults = before }
        return try readSchema(json)
    }
}
