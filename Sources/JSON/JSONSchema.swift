/// The part of JSON Schema that Kubernetes calls a structural schema (OpenAPI v3), with what CRDs add to it.
///
/// It is written as a value, printed into CRDs by `openAPI`, and enforced by `violations(of:)`, so that what the API
/// server checks and what the operator checks cannot differ. Users write their own in JSON, which `init(json:)` reads.
public struct JSONSchema: Sendable {
    /// The JSON type of a value.
    public enum Kind: String, Sendable {
        /// A string.
        case string
        /// A number without a fraction.
        case integer
        /// Any number.
        case number
        /// `true` or `false`.
        case boolean
        /// A list.
        case array
        /// A map from strings.
        case object
    }

    /// A rule that types cannot express. Newer API servers evaluate the CEL expression, every operator the closure.
    public struct Rule: Sendable {
        /// CEL over `self`, as in `x-kubernetes-validations`.
        public let expression: String
        /// Told to the user when the rule is broken.
        public let message: String
        /// The same rule in Swift; gets the value that carries the rule.
        public let holds: @Sendable (JSONValue) -> Bool

        /// A rule in both its forms.
        public init(_ expression: String, message: String, holds: @escaping @Sendable (JSONValue) -> Bool) {
            self.expression = expression
            self.message = message
            self.holds = holds
        }
    }

    /// What a string must look like. API servers match the regular expression, every operator asks the closure, which
    /// is far cheaper than compiling an expression for each value.
    public struct Pattern: Sendable {
        /// A regular expression over the whole string, with `^` and `$`.
        public let expression: String
        /// What it stands for, for the error message: "a duration such as 90s or 1h30m".
        public let meaning: String
        /// The same demand in Swift.
        public let matches: @Sendable (String) -> Bool
        /// How much of it `matches` may look at for each byte of a text; nothing worth counting when written in Swift.
        let size: Int

        /// A pattern in both its forms.
        public init(_ expression: String, meaning: String, matches: @escaping @Sendable (String) -> Bool) {
            self.init(expression, meaning: meaning, size: 0, matches: matches)
        }

        init(_ expression: String, meaning: String, size: Int, matches: @escaping @Sendable (String) -> Bool) {
            self.expression = expression
            self.meaning = meaning
            self.size = size
            self.matches = matches
        }

        /// A duration as `Duration(text:)` reads it.
        public static let duration = Pattern(
            "^([0-9]+(\\.[0-9]+)?(ms|s|m|h))+$",
            meaning: "a duration such as 90s or 1h30m",
            matches: { Duration(text: $0) != nil }
        )
    }

    /// An end of a range of numbers.
    public struct Limit: Sendable, Hashable, ExpressibleByIntegerLiteral, ExpressibleByFloatLiteral {
        /// An integer or a double.
        let number: JSONValue
        /// Whether the number itself lies outside.
        let isExclusive: Bool

        init(_ number: JSONValue, isExclusive: Bool = false) {
            self.number = number
            self.isExclusive = isExclusive
        }

        /// The integer is inside.
        public init(integerLiteral value: Int64) { self.init(.int(value)) }
        /// The number is inside.
        public init(floatLiteral value: Double) { self.init(.double(value)) }
    }

    /// nil: any JSON value.
    public var kind: Kind?
    /// `null` is a value too. Without it, a `null` where a member of a known type may stand counts as absent.
    public var isNullable = false
    /// Shown by `kubectl explain`.
    public var description: String?
    /// For example `int64` or `date-time`. Informational.
    public var format: String?
    /// Filled in by the API server when the field is missing.
    public var defaultValue: JSONValue?
    /// The allowed values, when limited.
    public var allowedValues: [JSONValue]?
    /// Where the allowed numbers begin.
    public var minimum: Limit?
    /// Where the allowed numbers end.
    public var maximum: Limit?
    /// In Unicode scalars, as API servers count.
    public var minLength: Int?
    /// In Unicode scalars, as API servers count.
    public var maxLength: Int?
    /// What a string must look like.
    public var pattern: Pattern?
    /// Fewest elements allowed.
    public var minItems: Int?
    /// Most elements allowed.
    public var maxItems: Int?
    /// Fewest members allowed.
    public var minProperties: Int?
    /// Most members allowed.
    public var maxProperties: Int?
    /// Of an object, by name.
    public var properties: [String: JSONSchema] = [:]
    /// Names of members that must be there.
    public var required: [String] = []
    /// Of every element of an array. A box, because a struct cannot hold itself.
    public var items: [JSONSchema] = []
    /// Of every member of a map with free keys; at most one.
    public var additionalProperties: [JSONSchema] = []
    /// Members not listed in `properties` are kept.
    public var preservesUnknownFields = false
    /// For arrays: the member that identifies an element (`listType: map`).
    public var listMapKey: String?
    /// Whether the list is a set (`listType: set`): no two elements are equal.
    public var isSet = false
    /// A value must fit every one of these as well.
    public var allOf: [JSONSchema] = []
    /// A value must fit one of these at least, unless there are none.
    public var anyOf: [JSONSchema] = []
    /// A value must fit exactly one of these, unless there are none.
    public var oneOf: [JSONSchema] = []
    /// What a value must not fit; at most one.
    public var not: [JSONSchema] = []
    /// See `Rule`.
    public var rules: [Rule] = []

    /// A schema of one type, everything else open.
    public init(_ kind: Kind?, format: String? = nil) {
        self.kind = kind
        self.format = format
    }

    /// Any JSON object.
    public static var anyObject: JSONSchema {
        var schema = JSONSchema(.object)
        schema.preservesUnknownFields = true
        return schema
    }

    /// This schema with one change; reads well in a list of fields.
    public func with<Value>(_ path: WritableKeyPath<JSONSchema, Value>, _ value: Value) -> JSONSchema {
        var copy = self
        copy[keyPath: path] = value
        return copy
    }
}

extension JSONSchema {
    /// The OpenAPI v3 form for a CRD, or for anyone who wants to read the schema.
    public var openAPI: JSONValue {
        var result: JSONValue = [:]
        result["type"] = kind.map { .string($0.rawValue) }
        result["description"] = description.map { .string($0) }
        result["format"] = format.map { .string($0) }
        result["default"] = defaultValue
        if isNullable { result["nullable"] = true }
        result["enum"] = allowedValues.map { .array($0) }
        result["minimum"] = minimum?.number
        if minimum?.isExclusive == true { result["exclusiveMinimum"] = true }
        result["maximum"] = maximum?.number
        if maximum?.isExclusive == true { result["exclusiveMaximum"] = true }
        result["minLength"] = minLength.map { .int(Int64($0)) }
        result["maxLength"] = maxLength.map { .int(Int64($0)) }
        result["pattern"] = pattern.map { .string($0.expression) }
        result["minItems"] = minItems.map { .int(Int64($0)) }
        result["maxItems"] = maxItems.map { .int(Int64($0)) }
        result["minProperties"] = minProperties.map { .int(Int64($0)) }
        result["maxProperties"] = maxProperties.map { .int(Int64($0)) }
        if !properties.isEmpty { result["properties"] = .object(properties.mapValues(\.openAPI)) }
        if !required.isEmpty { result["required"] = .array(required.sorted().map { .string($0) }) }
        result["items"] = items.first?.openAPI
        result["additionalProperties"] = additionalProperties.first?.openAPI
        if preservesUnknownFields { result["x-kubernetes-preserve-unknown-fields"] = true }
        if let listMapKey {
            result["x-kubernetes-list-type"] = "map"
            result["x-kubernetes-list-map-keys"] = [.string(listMapKey)]
        } else if isSet {
            result["x-kubernetes-list-type"] = "set"
        }
        for (word, schemas) in [("allOf", allOf), ("anyOf", anyOf), ("oneOf", oneOf)] where !schemas.isEmpty {
            result[word] = .array(schemas.map(\.openAPI))
        }
        result["not"] = not.first?.openAPI
        if !rules.isEmpty {
            result["x-kubernetes-validations"] = .array(
                rules.map { ["rule": .string($0.expression), "message": .string($0.message)] }
            )
        }
        return result
    }
}
