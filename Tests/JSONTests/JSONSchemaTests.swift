import JSON
import Testing

private struct Wheel: Described, Hashable {
    var name = ""
    var size: Int?
    var limit = "5s"
    var tags: [String]?

    static let about = "A wheel."
    static let fields: [Field<Wheel>] = [
        Field("name", \.name, "Its name.", isRequired: true) { $0.minLength = 1 },
        Field("size", \.size, "In inches.") {
            $0.minimum = 1
            $0.maximum = 30
        },
        Field("limit", \.limit, "A duration.") {
            $0.pattern = .duration
        },
        Field("tags", \.tags, "Words."),
    ]
    static let rules = [
        JSONSchema.Rule("self.size != 13", message: "13 is bad luck", holds: { $0["size"] != 13 })
    ]
}

@Suite struct JSONSchemaTests {
    @Test(
        arguments: [
            (["name": "a"], []),
            (["name": "a", "size": 30, "limit": "1h30m", "tags": ["x"]], []),
            ([:], ["name: is required"]),
            (["name": ""], ["name: must not be empty"]),
            (["name": 1], ["name: expected a string, found an integer"]),
            (["name": "a", "size": 31], ["size: must be at most 30"]),
            (["name": "a", "limit": "soon"], ["limit: \"soon\" is not a duration such as 90s or 1h30m"]),
            (["name": "a", "tags": ["x", 2]], ["tags[1]: expected a string, found an integer"]),
            (["name": "a", "colour": 1], ["colour: unknown field; known are: limit, name, size, tags"]),
            (["name": "a", "size": .null], []),
            (["name": "a", "size": 13], ["13 is bad luck"]),
            (["name": 1, "size": 0], ["name: expected a string, found an integer", "size: must be at least 1"]),
            ([1], ["expected an object, found an array"]),
        ] as [(JSONValue, [String])]
    )
    func `every violation is found and named by its path`(value: JSONValue, messages: [String]) {
        #expect(Wheel.schema.violations(of: value).map(\.description) == messages)
    }

    @Test func `a described type reads, keeps defaults, and writes only what is there`() throws {
        let wheel = try Wheel(json: ["name": "a", "tags": ["x"], "unknown": 1])
        #expect(wheel.limit == "5s")
        #expect(wheel.json() == ["name": "a", "limit": "5s", "tags": ["x"]])
        #expect(try Wheel(json: wheel.json()) == wheel)
    }

    @Test func `a fault deep inside names its path`() {
        let error = #expect(throws: JSONDecodingError.self) {
            try [String: [Wheel]](json: ["front": [["name": "a"], ["name": "b", "size": "big"]]])
        }
        #expect(error?.description == "front[1].size: expected an integer, found a string")
    }

    @Test func `the OpenAPI form carries types, limits, descriptions and rules`() {
        let schema = Wheel.schema.openAPI
        #expect(schema["type"] == "object")
        #expect(schema["required"] == ["name"])
        #expect(
            schema[path: "properties", "size"] == [
                "type": "integer", "format": "int64", "minimum": 1, "maximum": 30, "description": "In inches.",
            ]
        )
        #expect(schema["x-kubernetes-validations"] == [["rule": "self.size != 13", "message": "13 is bad luck"]])
    }
}
