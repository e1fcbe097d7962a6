public import JSON

extension WorkflowDefinition {
    /// Everything wrong with the definition beyond its schema, with paths such as `steps[2].needs[0]`.
    public func violations(
        actions: ActionCatalog,
        language: any ExpressionLanguage = CELExpressions()
    ) -> [JSONSchema.Violation] {
        let actions = actions.adding(SubprocessAction())
        let environment = MachineEnvironment(actions: actions, language: language, limits: ProcessLimits())
        return Plan(self, environment: environment).violations
    }

    /// The input as the process sees it: checked against `parameters`, with defaults filled in.
    /// - Throws: every violation, with paths that begin at `input`.
    public func resolvedInput(_ input: JSONValue?) throws(InvalidInput) -> JSONValue? {
        guard let parameters, let schema = try? JSONSchema(json: parameters) else { return input }
        let complete: JSONValue
        do {
            complete = try schema.applyingDefaults(to: input ?? [:])
        } catch {
            throw InvalidInput(violations: [error.inside("input")])
        }
        let violations = schema.violations(of: complete)
        guard violations.isEmpty else { throw InvalidInput(violations: violations.map { $0.inside("input") }) }
        return complete
    }
}

/// An input that does not satisfy the parameters of a definition.
public struct InvalidInput: Error, Sendable {
    /// Each with its path.
    public let violations: [JSONSchema.Violation]
}
