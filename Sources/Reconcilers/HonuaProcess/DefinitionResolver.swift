package import CRDs
internal import JSON
package import Workflows

/// The template of a name in a namespace; nil when there is none.
package typealias TemplateLookup = @Sendable (_ namespace: String?, _ name: String) -> HonuaProcessTemplate?

/// Finds the definition that a spec asks for, and those of its sub-processes: all that a run is pinned to.
struct DefinitionResolver {
    let namespace: String?
    let actions: ActionCatalog
    let templates: TemplateLookup

    /// How deep sub-processes may lie in each other.
    static let maximumDepth = 8

    /// The definition with everything it refers to; valid.
    /// - Throws: every fault, with its path.
    func definition(of spec: HonuaProcessSpec) throws(InvalidSpec) -> WorkflowDefinition {
        var definition = try source(of: spec)
        let path = spec.steps == nil ? "spec.\(spec.templateRef == nil ? "processType" : "templateRef")" : "spec"
        if let locks = spec.locks { definition.locks = (definition.locks ?? []) + locks }
        definition = try withSubprocesses(definition, path, [definition.name])
        let violations = definition.violations(actions: actions)
        guard violations.isEmpty else { throw InvalidSpec(violations.map { $0.inside(path) }) }
        return definition
    }

    private func source(of spec: HonuaProcessSpec) throws(InvalidSpec) -> WorkflowDefinition {
        if let type = spec.processType { return try builtIn(type, "spec.processType") }
        if let reference = spec.templateRef { return try template(reference.name, "spec.templateRef.name") }
        var definition = WorkflowDefinition(name: "inline", steps: spec.steps ?? [], finally: spec.finally)
        definition.outputs = spec.outputs
        definition.parameters = spec.parameters
        return definition
    }

    private func builtIn(_ type: String, _ path: String) throws(InvalidSpec) -> WorkflowDefinition {
        if let definition = ProcessType.definition(named: type) { return definition }
        let known = ProcessType.shortNames.joined(separator: ", ")
        throw InvalidSpec([.init(path: path, "there is no process type \"\(type)\"; there are: \(known)")])
    }

    private func template(_ name: String, _ path: String) throws(InvalidSpec) -> WorkflowDefinition {
        guard let template = templates(namespace, name) else {
            let place = namespace.map { " in namespace \($0)" } ?? ""
            throw InvalidSpec([.init(path: path, "there is no HonuaProcessTemplate \"\(name)\"\(place)")])
        }
        do {
            return try template.validSpec()
        } catch {
            throw InvalidSpec(error.violations.map { $0.inside("\(path): template \(name)") })
        }
    }

    /// Adds the definitions of all sub-processes.
    /// - Parameter path: the names of the definitions in which this one lies.
    private func withSubprocesses(
        _ definition: WorkflowDefinition,
        _ path: String,
        _ ancestors: [String]
    ) throws(InvalidSpec) -> WorkflowDefinition {
        var subprocesses: [String: JSONValue] = [:]
        for step in definition.steps + (definition.finally ?? []) where step.action == SubprocessAction().name {
            guard let inputs = step.with, let name = SubprocessAction.definitionName(inputs),
                subprocesses[name] == nil
            else { continue }
            let path = "\(path): step \(step.name)"
            guard !ancestors.contains(name), ancestors.count < Self.maximumDepth else {
                let chain = (ancestors + [name]).joined(separator: " -> ")
                throw InvalidSpec([.init(path: path, "sub-processes lie too deep in each other: \(chain)")])
            }
            let source =
                if let type = inputs["processType"]?.string {
                    try builtIn(type, "\(path).with.processType")
                } else {
                    try template(inputs[path: "templateRef", "name"]?.string ?? "", "\(path).with.templateRef.name")
                }
            subprocesses[name] = try withSubprocesses(source, path, ancestors + [name]).json()
        }
        var definition = definition
        definition.subprocesses = subprocesses.isEmpty ? nil : .object(subprocesses)
        return definition
    }
}
