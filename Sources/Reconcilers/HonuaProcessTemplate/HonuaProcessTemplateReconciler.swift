public import CRDs
internal import JSON
public import KubeClient
public import KubeRuntime
public import Workflows

/// Says in a template's status whether processes can use it, so that a mistake shows when it is applied and not when
/// the first process fails.
public final class HonuaProcessTemplateReconciler: Sendable {
    private let controller: Controller<HonuaProcessTemplate>
    private let actions: ActionCatalog

    /// Checks templates against the actions there are.
    public init(controller: Controller<HonuaProcessTemplate>, actions: ActionCatalog) {
        self.controller = controller
        self.actions = actions
    }

    /// What the operator's service account must be allowed, for `manifests/rbac`.
    public static let permissions = [
        Permission(group: "honua.io", resources: ["honuaprocesstemplates"], verbs: ["get", "list", "watch"]),
        Permission(group: "honua.io", resources: ["honuaprocesstemplates/status"], verbs: ["patch"]),
    ]

    /// One call of the controller.
    public func reconcile(_ key: ObjectKey) async throws -> Requeue {
        guard let template = controller.store.get(key) else { return .awaitChange }
        let status = status(of: template, now: Timestamp.now.wholeSeconds)
        let change = status.json().mergePatch(from: template.status?.json() ?? [:])
        guard change != [:] else { return .awaitChange }
        let metadata = template.metadata
        let patch: JSONValue = [
            "metadata": ["resourceVersion": .string(metadata.resourceVersion)], "status": change,
        ]
        let resources = controller.resources(namespace: metadata.namespace)
        _ = try await resources.patch(metadata.name, .merge(patch), subresource: .status)
        return .awaitChange
    }

    /// Templates that it runs as sub-processes are not looked at: they may come later.
    func status(of template: HonuaProcessTemplate, now: Timestamp) -> HonuaProcessTemplateStatus {
        var status = HonuaProcessTemplateStatus()
        status.observedGeneration = template.metadata.generation
        var condition: Condition
        do {
            let definition = try validDefinition(of: template)
            status.hash = definition.hash
            condition = Self.ready(.true, .valid, "\(definition.steps.count) steps")
        } catch {
            condition = Self.ready(.false, .invalidSpec, error.description)
        }
        let before = template.status?.conditions?.first { $0.type == condition.type }
        condition.lastTransitionTime = before?.status == condition.status ? before?.lastTransitionTime ?? now : now
        condition.observedGeneration = template.metadata.generation
        let foreign = (template.status?.conditions ?? []).filter {
            !HonuaProcessTemplateCondition.all.contains($0.type)
        }
        status.conditions = [condition] + foreign
        return status
    }

    private func validDefinition(of template: HonuaProcessTemplate) throws(InvalidSpec) -> WorkflowDefinition {
        let definition = try template.validSpec()
        let violations = definition.violations(actions: actions)
        guard violations.isEmpty else { throw InvalidSpec(violations.map { $0.inside("spec") }) }
        return definition
    }

    private static func ready(
        _ value: Condition.Value,
        _ reason: HonuaProcessTemplateReason,
        _ message: String
    ) -> Condition {
        Condition(HonuaProcessTemplateCondition.ready, value, reason.rawValue, message)
    }
}
