public import JSON
public import Workflows

/// Returns what it is given: a place to compute, by expressions, what several later steps need.
public struct SetAction: Action {
    /// Has no settings.
    public init() {}

    public let name = "set"
    public let about = "Returns values that expressions have computed, for later steps."
    public let isIdempotent = true

    public var inputSchema: JSONSchema {
        var schema = JSONSchema(.object)
        schema.properties = ["outputs": .anyObject.with(\.description, "Names and values; the step's output.")]
        schema.required = ["outputs"]
        return schema
    }

    public let outputs = "The values of `outputs`, by name."

    /// - Returns: `outputs`, whose expressions the engine has evaluated.
    public func perform(_ inputs: JSONValue, _ context: StepContext) async throws -> JSONValue {
        inputs["outputs"] ?? [:]
    }

    /// The values as well: they cost nothing, and the plans of later steps get better by them.
    public func plan(_ inputs: JSONValue, _ context: StepContext) async throws -> JSONValue {
        inputs["outputs"] ?? [:]
    }
}
