public import JSON

/// Runs another process as a step of this one: its definition is part of what is pinned at the start, its state is a
/// document of its own, and it belongs to whoever owns the process that it is a step of.
///
/// The child's id is the step's key. So a restart finds it again, and another attempt goes on where the child failed.
public struct SubprocessAction: Action {
    /// Has no settings.
    public init() {}

    public let name = Self.actionName
    public let about = "Runs another process as a step, and returns its outputs."
    public let isIdempotent = true
    public let outputs = "The outputs of the sub-process."

    static let actionName = "process"

    public var inputSchema: JSONSchema {
        let reference = JSONSchema(.object).with(\.properties, ["name": JSONSchema(.string).with(\.minLength, 1)])
            .with(\.required, ["name"]).with(\.description, "A HonuaProcessTemplate in the same namespace.")
        var timeout = JSONSchema(.string).with(\.description, "For the whole sub-process. Default: of its definition.")
        asDuration(&timeout)
        var schema = JSONSchema(.object)
        schema.properties = [
            "processType": JSONSchema(.string).with(\.minLength, 1)
                .with(\.description, "A process type that is part of the product."),
            "templateRef": reference,
            "input": JSONSchema(nil).with(\.preservesUnknownFields, true).with(\.description, "Its input."),
            "timeout": timeout,
        ]
        schema.rules = [
            JSONSchema.Rule(
                "has(self.processType) != has(self.templateRef)",
                message: "exactly one of processType and templateRef must be given",
                holds: { ($0["processType"] == nil) != ($0["templateRef"] == nil) }
            )
        ]
        return schema
    }

    /// What the steps of the sub-process would do.
    public func plan(_ inputs: JSONValue, _ context: StepContext) async throws -> JSONValue {
        try await context.runSubprocess(inputs)
    }

    /// - Returns: the outputs of the sub-process.
    public func perform(_ inputs: JSONValue, _ context: StepContext) async throws -> JSONValue {
        try await context.runSubprocess(inputs)
    }

    /// The name under which the definition is kept with that of the parent: `processType/Test`, `template/smoke`.
    public static func definitionName(_ inputs: JSONValue) -> String? {
        if let type = inputs["processType"]?.string { return "processType/\(ProcessType.longName(type))" }
        return inputs[path: "templateRef", "name"]?.string.map { "template/\($0)" }
    }
}
