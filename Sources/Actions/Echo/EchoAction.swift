public import JSON
internal import Logging
public import Workflows

/// Logs a message and returns it.
public struct EchoAction: Action {
    /// Has no settings.
    public init() {}

    public let name = "echo"
    public let about = "Logs a message and returns it as the step's output."
    public let isIdempotent = true
    public let outputs = "`message` as it was given."

    public var inputSchema: JSONSchema {
        var schema = JSONSchema(.object)
        schema.properties = [
            "message": JSONSchema(nil).with(\.description, "Any value; strings are logged.")
                .with(\.preservesUnknownFields, true)
        ]
        schema.required = ["message"]
        return schema
    }

    /// - Returns: `{"message": …}`
    public func perform(_ inputs: JSONValue, _ context: StepContext) async throws -> JSONValue {
        let message = inputs["message"] ?? .null
        context.logger.info(
            "Process \(context.processID) step \(context.step): \(message.string ?? message.description)"
        )
        return ["message": message]
    }
}
