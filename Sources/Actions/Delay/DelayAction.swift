public import JSON
internal import Logging
public import Workflows

/// Waits. After a restart it waits from the beginning.
public struct DelayAction: Action {
    /// Has no settings.
    public init() {}

    public let name = "delay"
    public let about = "Waits for a duration."
    public let isIdempotent = true

    public var inputSchema: JSONSchema {
        var duration = JSONSchema(.string).with(\.description, "For example 90s or 1h30m.")
        asDuration(&duration)
        var schema = JSONSchema(.object)
        schema.properties = ["duration": duration]
        schema.required = ["duration"]
        return schema
    }

    /// - Returns: `{}`
    public func perform(_ inputs: JSONValue, _ context: StepContext) async throws -> JSONValue {
        guard let text = inputs["duration"]?.string, let duration = Duration(text: text) else {
            throw StepError(.permanent, "Invalid configuration", detail: "with.duration is not a duration")
        }
        context.logger.info("Process \(context.processID) step \(context.step) waiting: \(text)")
        try await context.time.sleep(for: duration)
        return [:]
    }
}
