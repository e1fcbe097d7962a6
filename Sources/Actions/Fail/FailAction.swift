public import JSON
public import Workflows

/// Fails on purpose: to test what happens then, or to end a process that has taken a wrong branch.
public struct FailAction: Action {
    /// Has no settings.
    public init() {}

    public let name = "fail"
    public let about = "Fails with a message."
    public let isIdempotent = true

    public var inputSchema: JSONSchema {
        var schema = JSONSchema(.object)
        schema.properties = [
            "message": JSONSchema(.string).with(\.description, "Becomes the step's error."),
            "class": StepError.Class.schema.with(\.description, "Transient failures are retried. Default Permanent."),
        ]
        schema.required = ["message"]
        return schema
    }

    /// Always throws.
    public func perform(_ inputs: JSONValue, _ context: StepContext) async throws -> JSONValue {
        let errorClass = inputs["class"]?.string.flatMap(StepError.Class.init(rawValue:)) ?? .permanent
        throw StepError(errorClass, inputs["message"]?.string ?? "failed on purpose")
    }
}
