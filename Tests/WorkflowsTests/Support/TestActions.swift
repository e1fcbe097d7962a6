import JSON
import Workflows

/// An action that the machine can plan with; nothing runs it.
struct PlannedAction: Action {
    let name: String
    var isIdempotent = false
    var canVerify = false
    var undoneBy: String?
    var inputSchema: JSONSchema = .anyObject

    var about: String { "For tests." }

    func perform(_ inputs: JSONValue, _ context: StepContext) async throws -> JSONValue { .null }
}

extension ActionCatalog {
    /// `work` asks somebody when its outcome is unknown, `repeat` runs again, `look` verifies; `undo` undoes, `count`
    /// wants an integer `n`, and `change` records what `undo` undoes it with.
    static let planned = ActionCatalog([
        PlannedAction(name: "work"), PlannedAction(name: "repeat", isIdempotent: true),
        PlannedAction(name: "look", canVerify: true), PlannedAction(name: "undo", isIdempotent: true),
        PlannedAction(name: "count", isIdempotent: true, inputSchema: count),
        PlannedAction(name: "change", isIdempotent: true, undoneBy: "undo"),
    ])

    private static var count: JSONSchema {
        var schema = JSONSchema(.object)
        schema.properties = ["n": JSONSchema(.integer)]
        schema.required = ["n"]
        return schema
    }
}
