import JSON
import Testing

@Suite(.timeLimit(.minutes(4))) struct UserSchemaTests {
    /// What a template might ask for.
    private static let deployment: JSONValue = [
        "type": "object", "title": "Deployment",
        "required": ["name"],
        "properties": [
            "name": ["type": "string", "pattern": "^[a-z][a-z0-9-]*$", "minLength": 2, "maxLength": 10],
            "tier": ["type": "string", "enum": ["dev", "prod"], "default": "dev"],
            "replicas": ["type": "integer", "minimum": 1, "maximum": 9, "default": 3],
            "ratio": ["type": "number", "exclusiveMinimum": 0, "maximum": 0.75],
            "regions": [
                "type": "array", "minItems": 1, "maxItems": 3, "uniqueItems": true,
                "items": ["type": "string", "minLength": 1],
            ],
            "labels": [
                "type": "object", "maxProperties": 2, "additionalProperties": ["type": "string", "nullable": true],
            ],
            "store": [
                "type": "object", "additionalProperties": false, "required": ["size"],
                "properties": ["size": ["type": "integer", "default": 5], "class": ["type": "string"]],
                "default": [:],
            ],
        ],
    ]

    @Test(
        arguments: [
            (["name": "web"], []),
            (["name": "web", "unknown": 1], []),
            (["name": "web", "ratio": 0.75, "regions": ["eu", "us"], "labels": ["a": "b", "c": .null]], []),
            (["name": "web", "replicas": 2.0, "tier": .null], []),
            ([:], ["name: is required"]),
            (["name": .null], ["name: expected a string, found null"]),
            (["name": "W"], ["name: must have at least 2 characters", "name: \"W\" is not \(Self.namePattern)"]),
            (["name": "abcdefghijk"], ["name: has 11 characters, at most 10 are allowed"]),
            (["name": "web", "tier": "test"], ["tier: \"test\" is not one of dev, prod"]),
            (["name": "web", "replicas": 0], ["replicas: must be at least 1"]),
            (["name": "web", "replicas": 9.5], ["replicas: expected an integer, found a number"]),
            (["name": "web", "ratio": 0], ["ratio: must be greater than 0"]),
            (["name": "web", "ratio": 0.76], ["ratio: must be at most 0.75"]),
            (["name": "web", "ratio": 1], ["ratio: must be at most 0.75"]),
            (["name": "web", "regions": []], ["regions: must have at least 1 element"]),
            (
                ["name": "web", "regions": ["eu", "", "eu", 7]],
                [
                    "regions: has 4 elements, at most 3 are allowed", "regions[1]: must not be empty",
                    "regions[3]: expected a string, found an integer", "regions[2]: is the same as element 0",
                ]
            ),
            (
                ["name": "web", "labels": ["a": "1", "b": "2", "c": 3]],
                ["labels: has 3 members, at most 2 are allowed", "labels.c: expected a string, found an integer"]
            ),
            (["name": "web", "store": [:]], ["store.size: is required"]),
            (["name": "web", "store": ["size": 1, "sise": 1]], ["store.sise: unknown field; known are: class, size"]),
            (["web"], ["expected an object, found an array"]),
        ] as [(JSONValue, [String])]
    )
    func `every violation of a user's schema is found and named by its path`(
        value: JSONValue,
        messages: [String]
    ) throws {
        let schema = try JSONSchema(json: Self.deployment)
        #expect(schema.violations(of: value).map(\.description) == messages)
    }

    private static let namePattern = "a text that matches ^[a-z][a-z0-9-]*$"

    @Test(
        arguments: [
            ([:], [1, "x", .null, [:]], []),
            (["const": ["a": 1]], [["a": 1], ["a": 1.0]], [["a": 2], 1]),
            (["enum": [1, "a", .null, [true]]], [1, 1.0, "a", .null, [true]], [2, "b", [false], [:]]),
            (["enum": [1, 2], "const": 2], [2], [1]),
            (["type": "string", "nullable": true], ["a", .null], [1]),
            (["type": "string", "nullable": true, "enum": ["a"]], ["a"], [.null, "b"]),
            (["type": "boolean"], [true], [1, .null]),
            (["minimum": 1.5], [1.5, 2, "x"], [1, 1.4]),
            // As doubles the two are equal.
            (["maximum": 9_007_199_254_740_992], [9_007_199_254_740_992], [9_007_199_254_740_993]),
            (["minimum": 1, "exclusiveMinimum": true], [2, 1.1], [1, 0]),
            (["maximum": 1, "exclusiveMaximum": true], [0, 0.9], [1, 2]),
            (["minimum": 1, "exclusiveMinimum": false], [1], [0]),
            (["exclusiveMaximum": 1.5], [1], [1.5, 2]),
            (["uniqueItems": true], [[1, 2], [], [[1], [2]]], [[1, 1.0], [["a": 1], ["a": 1]]]),
            (["minProperties": 1], [["a": 1], 1], [[:]]),
            (["minLength": 2, "maxLength": 2], ["ab", "e\u{301}"], ["é", "abc"]),
            (["pattern": "b+"], ["abc", 1], ["ac"]),
            (["required": ["a"]], [["a": .null], 1], [[:]]),
            (["additionalProperties": false], [[:], 1], [["a": 1]]),
            (["additionalProperties": true], [["a": 1]], []),
            (
                ["properties": ["a": [:]], "additionalProperties": ["type": "string"]], [["a": 1, "b": "x"]], [["b": 1]]
            ),
            (["allOf": [["minimum": 1], ["maximum": 3]]], [1, 3], [0, 4]),
            (["anyOf": [["type": "string"], ["minimum": 3, "type": "integer"]]], ["a", 3], [2, true]),
            (["oneOf": [["minimum": 1], ["maximum": 3]]], [0, 4], [1, 2, "x"]),
            (["not": ["type": "string"]], [1], ["a"]),
            (["format": "date-time", "example": 1, "examples": [1], "title": "t", "description": "d"], ["soon"], []),
        ] as [(JSONValue, [JSONValue], [JSONValue])]
    )
    func `each word means what JSON Schema says`(json: JSONValue, valid: [JSONValue], invalid: [JSONValue]) throws {
        let schema = try JSONSchema(json: json)
        for value in valid { #expect(schema.violations(of: value) == []) }
        for value in invalid { #expect(schema.violations(of: value) != [], "\(value)") }
    }

    @Test func `alternatives that do not fit are explained`() throws {
        let schema = try JSONSchema(json: [
            "properties": [
                "any": ["anyOf": [["type": "string"], ["required": ["a"], "type": "object"]]],
                "one": ["oneOf": [["minimum": 1], ["maximum": 3], ["const": 2]]],
                "never": ["not": ["const": 1]],
                "fixed": ["const": "x"],
                "nothing": ["additionalProperties": false],
            ]
        ])
        let value: JSONValue = ["any": [:], "one": 2, "never": 1, "fixed": "y", "nothing": ["a": 1]]
        #expect(
            schema.violations(of: value).map(\.description) == [
                "any: fits none of anyOf: expected a string, found an object; or a: is required",
                "fixed: must be x",
                "never: fits what the schema's `not` forbids",
                "nothing.a: unknown field; there are none",
                "one: fits oneOf[0] and oneOf[1] and oneOf[2], but may fit only one",
            ]
        )
    }

    @Test(
        arguments: [
            (1, "expected an object, found an integer"),
            (["type": "strin"], "type: \"strin\" is not one of array, boolean, integer, number, object, string"),
            (["type": ["string"]], "type: must be one word; for a type or null write nullable: true"),
            (["properties": ["a": true]], "properties.a: expected an object, found a boolean"),
            (["properties": [["a": [:]]]], "properties: expected an object, found an array"),
            (["items": ["minItems": -1]], "items.minItems: must be at least 0"),
            (["items": ["maxItems": "1"]], "items.maxItems: expected an integer, found a string"),
            (["maximum": "1"], "maximum: expected a number, found a string"),
            (["required": "a"], "required: expected an array, found a string"),
            (["required": ["a", 1]], "required[1]: expected a string, found an integer"),
            (["required": ["a", "a"]], "required[1]: a is named twice"),
            (
                ["required": ["a"], "additionalProperties": false, "properties": ["b": [:]]],
                "required[0]: a is not among the properties, and additionalProperties forbids others"
            ),
            (["required": ["a", "b"], "maxProperties": 1], "maxProperties: 1 is less than are required"),
            (
                ["minProperties": 1, "additionalProperties": false],
                "minProperties: 1 is more than there are properties, and additionalProperties forbids others"
            ),
            (["enum": []], "enum: must not be empty"),
            (["enum": "a"], "enum: expected an array, found a string"),
            (["type": "string", "enum": ["a", 1]], "enum[1]: expected a string, found an integer"),
            (["enum": ["a"], "const": "b"], "const: is not among the values of enum"),
            (["const": 1, "minimum": 2], "const: must be at least 2"),
            (["type": "string", "const": .null], "const: expected a string, found null"),
            (["minimum": 5, "maximum": 3], "minimum: no number is above 5 and below 3"),
            (["exclusiveMinimum": 3, "maximum": 3], "exclusiveMinimum: no number is above 3 and below 3"),
            (["exclusiveMinimum": true], "exclusiveMinimum: says how minimum is meant, but there is none"),
            (
                ["exclusiveMaximum": 1, "maximum": 2],
                "exclusiveMaximum: must be a boolean beside maximum, or stand without it"
            ),
            (["minLength": 2, "maxLength": 1], "minLength: 2 is more than the maxLength 1"),
            (["minItems": 2, "maxItems": 1], "minItems: 2 is more than the maxItems 1"),
            (["minProperties": 2, "maxProperties": 1], "minProperties: 2 is more than the maxProperties 1"),
            (["pattern": "a("], "pattern: column 2: this group has no end; write \\( for a parenthesis"),
            (
                ["properties": ["a": ["type": "integer", "default": "x"]]],
                "properties.a.default: expected an integer, found a string"
            ),
            (
                ["default": ["a": ["b": 1]], "properties": ["a": ["properties": ["b": ["type": "string"]]]]],
                "default.a.b: expected a string, found an integer"
            ),
            (["type": "integer", "minLength": 1], "minLength: is for the type string, but the type is integer"),
            (["type": "string", "minimum": 1], "minimum: is for the type integer or number, but the type is string"),
            (["anyOf": []], "anyOf: must not be empty"),
            (
                ["allOf": [[:], ["properties": ["a": ["default": 1]]]]],
                "allOf[1].properties.a.default: is not filled in within allOf, anyOf, oneOf and not; "
                    + "write it outside of them"
            ),
            (["not": ["not": ["type": 1]]], "not.not.type: must be one word; for a type or null write nullable: true"),
        ] as [(JSONValue, String)]
    )
    func `a schema that is wrong or contradicts itself is refused, with the path`(json: JSONValue, message: String) {
        let error = #expect(throws: JSONDecodingError.self) { try JSONSchema(json: json) }
        #expect(error?.description == message)
    }

    @Test(
        arguments: [
            ("minimun", ["properties": ["a": ["minimun": 1]]], "properties.a.minimun"),
            ("$ref", ["items": ["$ref": "#"]], "items.$ref"),
            ("multipleOf", ["multipleOf": 2], "multipleOf"),
            (
                "x-kubernetes-list-type", ["oneOf": [["x-kubernetes-list-type": "set"]]],
                "oneOf[0].x-kubernetes-list-type"
            ),
        ] as [(String, JSONValue, String)]
    )
    func `an unknown word is never ignored`(word: String, json: JSONValue, path: String) {
        let error = #expect(throws: JSONDecodingError.self) { try JSONSchema(json: json) }
        #expect(error?.path == path)
        #expect(error?.message.hasPrefix("unknown word; known are: additionalProperties, allOf, anyOf,") == true)
    }

    @Test func `no word is known but not read`() {
        let remarks: Set = ["title", "example", "examples"]
        let anything: Set = ["default", "const", "enum"]
        // The words as the refusal of an unknown one lists them.
        let error = #expect(throws: JSONDecodingError.self) { try JSONSchema(json: ["?": 1]) }
        let words = error?.message.split(separator: ": ").last?.split(separator: ", ").map(String.init) ?? []
        #expect(words.count == 30)
        for word in words where !remarks.contains(word) && !anything.contains(word) {
            #expect(throws: JSONDecodingError.self, "\(word)") { try JSONSchema(json: [word: [[.null]]]) }
        }
    }

    @Test func `schemas may nest 64 deep, and deeper ones are refused without harm`() async throws {
        func nested(_ depth: Int) -> JSONValue {
            (1..<depth).reduce(["type": "integer"]) { schema, _ in ["type": "array", "items": schema] }
        }
        // On a thread of the pool, whose stack may be smaller than that of the main thread.
        try await Task {
            let schema = try JSONSchema(json: nested(64))
            let value = (1..<64).reduce("x" as JSONValue) { value, _ in [value] }
            let path = String(repeating: "[0]", count: 63)
            #expect(
                schema.violations(of: value).map(\.description) == ["\(path): expected an integer, found a string"]
            )
            #expect(try schema.applyingDefaults(to: value) == value)
            for depth in [65, 500] {
                let error = #expect(throws: JSONDecodingError.self) { try JSONSchema(json: nested(depth)) }
                #expect(error?.message == "schemas nest more than 64 deep")
                #expect(error?.path == Array(repeating: "items", count: 64).joined(separator: "."))
            }
        }.value
    }

    @Test func `a schema of too many schemas or too much pattern is refused`() throws {
        let many = Dictionary(uniqueKeysWithValues: (0..<999).map { ("p\($0)", [:] as JSONValue) })
        _ = try JSONSchema(json: ["properties": .object(many)])
        #expect(throws: JSONDecodingError.self) { try JSONSchema(json: ["not": [:], "properties": .object(many)]) }

        let large: JSONValue = ["pattern": "^[a-z]{0,1000}$"]
        _ = try JSONSchema(json: ["allOf": .array(Array(repeating: large, count: 10))])
        let error = #expect(throws: JSONDecodingError.self) {
            try JSONSchema(json: ["allOf": .array(Array(repeating: large, count: 20))])
        }
        #expect(error?.path == "allOf[12].pattern")
    }

    @Test func `a check that would take hours is given up`() throws {
        let tooMuch = "there is too much to check; use shorter texts, lists or enums, or smaller patterns"
        // Few steps in truth, as the first character decides; but what counts is what there might be.
        let long = JSONValue.string(String(repeating: "x", count: 50_000))
        let short = JSONValue.string(String(repeating: "x", count: 5000))
        let pattern: JSONValue = ["pattern": "^(a?){900}b"]
        let matching = try JSONSchema(json: pattern)
        #expect(matching.violations(of: long).map(\.description) == [tooMuch])
        #expect(
            matching.violations(of: short).first?.description.hasSuffix("is not a text that matches ^(a?){900}b")
                == true
        )
        let list = try JSONSchema(json: ["items": pattern])
        #expect(list.violations(of: .array(Array(repeating: short, count: 20))).last?.description == tooMuch)
        // What was not checked must not look like what does not fit.
        let negated = try JSONSchema(json: ["not": pattern])
        #expect(negated.violations(of: long).map(\.description) == [tooMuch])

        let values = JSONValue.array((0..<20_000).map { ["\($0)"] })
        let among = try JSONSchema(json: ["items": ["enum": values]])
        #expect(among.violations(of: .array(Array(repeating: ["0"], count: 20_000))).map(\.description) == [tooMuch])

        let error = #expect(throws: JSONDecodingError.self) {
            try JSONSchema(json: ["properties": ["a": ["pattern": "(a?){900}", "enum": [long]]]])
        }
        #expect(error?.description == "properties.a.enum[0]: \(tooMuch)")
    }

    @Test(
        arguments: [
            (["name": "web"], ["name": "web", "tier": "dev", "replicas": 3, "store": ["size": 5]]),
            (
                ["tier": .null, "ratio": .null, "replicas": 1, "name": .null, "labels": ["a": .null]],
                ["tier": "dev", "replicas": 1, "name": .null, "labels": ["a": .null], "store": ["size": 5]]
            ),
            (
                ["store": ["class": .null, "other": .null], "tier": 7, "more": [1]],
                ["store": ["size": 5, "other": .null], "tier": 7, "more": [1], "replicas": 3]
            ),
            ("text", "text"),
        ] as [(JSONValue, JSONValue)]
    )
    func `missing members are filled in by their defaults at every depth`(given: JSONValue, filled: JSONValue) throws {
        #expect(try JSONSchema(json: Self.deployment).applyingDefaults(to: given) == filled)
    }

    @Test func `defaults reach into lists and maps`() throws {
        let inner: JSONValue = ["type": "object", "properties": ["a": ["default": 1]], "default": ["b": 2]]
        let schema = try JSONSchema(json: [
            "properties": [
                "list": ["type": "array", "items": inner],
                "map": ["type": "object", "additionalProperties": inner],
                "strings": ["additionalProperties": ["type": "string"]],
            ]
        ])
        let given: JSONValue = [
            "list": [[:], .null, ["a": 3]], "map": ["x": [:], "y": .null], "strings": ["k": .null, "l": "m"],
        ]
        #expect(
            try schema.applyingDefaults(to: given) == [
                "list": [["a": 1], ["a": 1, "b": 2], ["a": 3]], "map": ["x": ["a": 1], "y": ["a": 1, "b": 2]],
                "strings": ["l": "m"],
            ]
        )
    }

    @Test func `defaults that would grow without measure are refused`() throws {
        let long = JSONValue.string(String(repeating: "x", count: 100_000))
        let schema = try JSONSchema(json: ["properties": ["l": ["items": ["properties": ["a": ["default": long]]]]]])
        let ten: JSONValue = ["l": .array(Array(repeating: [:], count: 10))]
        #expect(try schema.applyingDefaults(to: ten)["l"]?[9]?["a"] == long)
        let error = #expect(throws: JSONDecodingError.self) {
            try schema.applyingDefaults(to: ["l": .array(Array(repeating: [:], count: 20))])
        }
        #expect(error?.path == "l[15].a")
    }

    @Test func `the OpenAPI form of a user's schema carries what was read`() throws {
        let schema = try JSONSchema(json: [
            "type": "object", "minProperties": 1, "maxProperties": 5,
            "properties": [
                "a": ["type": "number", "exclusiveMinimum": 0.5, "maximum": 2, "nullable": true],
                "b": ["anyOf": [["const": 1], ["type": "string"]], "not": ["enum": ["x", 2]]],
                "c": ["type": "string", "pattern": "^a+$", "default": "a"],
            ],
        ])
        let printed = schema.openAPI
        #expect(printed["minProperties"] == 1)
        #expect(printed["maxProperties"] == 5)
        #expect(printed["x-kubernetes-preserve-unknown-fields"] == true)
        #expect(
            printed[path: "properties", "a"]?.merging(["x-kubernetes-preserve-unknown-fields": .null]) == [
                "type": "number", "minimum": 0.5, "exclusiveMinimum": true, "maximum": 2, "nullable": true,
            ]
        )
        #expect(printed[path: "properties", "b", "anyOf"]?[0]?["enum"] == [1])
        #expect(printed[path: "properties", "b", "anyOf"]?[1]?["type"] == "string")
        #expect(printed[path: "properties", "b", "not", "enum"] == ["x", 2])
        #expect(printed[path: "properties", "c", "pattern"] == "^a+$")
    }
}
