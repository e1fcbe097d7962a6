import JSON
import Testing

@testable import Workflows

@Suite struct ParameterTests {
    private func definition(_ parameters: JSONValue?) -> WorkflowDefinition {
        var definition = workflow("a")
        definition.parameters = parameters
        return definition
    }

    private let parameters: JSONValue = [
        "type": "object", "required": ["city"],
        "properties": [
            "city": ["type": "string", "minLength": 1], "tiles": ["type": "integer", "default": 4, "maximum": 16],
            "options": ["type": "object", "properties": ["deep": ["type": "boolean", "default": true]]],
        ],
    ]

    @Test func `defaults are filled in, at every depth`() throws {
        let input = try definition(parameters).resolvedInput(["city": "Ulm", "options": [:]])
        #expect(input == ["city": "Ulm", "tiles": 4, "options": ["deep": true]])
    }

    @Test func `every violation is named with a path that begins at the input`() {
        let error = #expect(throws: InvalidInput.self) {
            try definition(parameters).resolvedInput(["city": "", "tiles": 17])
        }
        #expect(error?.violations.map(\.path).sorted() == ["input.city", "input.tiles"])
        let missing = #expect(throws: InvalidInput.self) { try definition(parameters).resolvedInput(nil) }
        #expect(missing?.violations.map(\.description) == ["input.city: is required"])
        let wrong = #expect(throws: InvalidInput.self) { try definition(parameters).resolvedInput("text") }
        #expect(wrong?.violations.map(\.path) == ["input"])
    }

    @Test func `without parameters any input is taken as it is`() throws {
        for input in [JSONValue.null, "text", ["any": 1]] { #expect(try definition(nil).resolvedInput(input) == input) }
        #expect(try definition(nil).resolvedInput(nil) == nil)
    }

    @Test func `parameters with nothing required make an empty input whole`() throws {
        let parameters: JSONValue = ["type": "object", "properties": ["n": ["type": "integer", "default": 1]]]
        #expect(try definition(parameters).resolvedInput(nil) == ["n": 1])
    }

    @Test func `parameters that are no schema are a fault of the definition`() {
        let found = definition(["type": "object", "properties": ["n": ["type": "number?"]]]).violations(
            actions: .planned
        )
        #expect(found.map(\.path) == ["parameters.properties.n.type"])
    }
}
