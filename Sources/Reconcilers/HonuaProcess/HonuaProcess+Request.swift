package import CRDs
internal import JSON
internal import KubeClient
public import Workflows

/// What applies to a process that says nothing of it.
public struct ProcessDefaults: Sendable {
    /// For the whole run.
    public var timeout: Duration = .seconds(60 * 60)
    /// By long type name; beats `timeout`.
    public var timeoutByType: [String: Duration] = [:]
    /// For steps without their own.
    public var retry = RetryPolicy()

    /// An hour, and three retries five seconds apart.
    public init() {}
}

extension HonuaProcess {
    /// What the engine is to run, or everything that stands in its way.
    package func request(
        defaults: ProcessDefaults,
        actions: ActionCatalog,
        templates: @escaping TemplateLookup
    ) throws(InvalidSpec) -> ProcessRequest {
        let spec = try validSpec()
        let resolver = DefinitionResolver(namespace: metadata.namespace, actions: actions, templates: templates)
        let definition = try resolver.definition(of: spec)
        try checkAccount(spec.serviceAccountName, definition, actions)
        let input = try Self.input(spec.input, for: definition)
        return ProcessRequest(
            id: metadata.uid,
            namespace: metadata.namespace,
            name: metadata.name,
            user: spec.user,
            input: input,
            definition: definition,
            timeout: (spec.timeout ?? definition.timeout).flatMap { Duration(text: $0) }
                ?? defaults.timeoutByType[definition.name] ?? defaults.timeout,
            retry: spec.retry ?? definition.retry ?? defaults.retry,
            onFailure: spec.onFailure ?? definition.onFailure ?? .stop,
            rerunToken: spec.rerunToken,
            priority: spec.priority ?? 0,
            pendingTimeout: spec.pendingTimeout.flatMap { Duration(text: $0) },
            serviceAccountName: spec.serviceAccountName,
            isDryRun: spec.dryRun ?? false
        )
    }

    /// A step that touches the cluster does so as somebody.
    private func checkAccount(
        _ account: String?,
        _ definition: WorkflowDefinition,
        _ actions: ActionCatalog
    ) throws(InvalidSpec) {
        guard account ?? "" == "" else { return }
        for step in definition.allSteps {
            let names = [step.action, step.compensate?.action].compactMap(\.self)
            guard let name = names.first(where: { actions[$0]?.touchesCluster ?? false }) else { continue }
            let reason =
                "is missing; step \"\(step.name)\" does \"\(name)\" in the cluster and needs an account to act as"
            throw InvalidSpec([.init(path: "spec.serviceAccountName", reason)])
        }
        for (_, json) in (definition.subprocesses?.object ?? [:]).sorted(by: { $0.key < $1.key }) {
            // What cannot be read is refused where it is resolved.
            guard let subprocess = try? WorkflowDefinition(json: json) else { continue }
            try checkAccount(account, subprocess, actions)
        }
    }

    private static func input(
        _ input: JSONValue?,
        for definition: WorkflowDefinition
    ) throws(InvalidSpec) -> JSONValue? {
        do {
            return try definition.resolvedInput(input)
        } catch {
            throw InvalidSpec(error.violations.map { $0.inside("spec") })
        }
    }

    /// Whether the user wants no new steps. Readable even when the rest of the spec is not.
    var wantsSuspension: Bool { spec["suspend"]?.bool == true }

    /// How the user wants the process to end, if so. Readable even when the rest of the spec is not.
    var wantsCancellation: CancelMode? {
        guard let cancel = spec["cancel"], !cancel.isNull else { return nil }
        return cancel["mode"]?.string.flatMap(CancelMode.init(rawValue:)) ?? .graceful
    }

    /// What is to happen when the definition changes during a run.
    var definitionPolicy: DefinitionPolicy {
        spec["definitionPolicy"]?.string.flatMap(DefinitionPolicy.init(rawValue:)) ?? .pin
    }

    /// The process that the resource was started as, if that is not itself: it was restored or copied.
    var formerID: String? {
        guard let label = metadata.labels?[Self.processIDLabel], label != metadata.uid else { return nil }
        return label
    }

    /// What somebody has decided about a restored resource; nil when nobody has. A process that has begun as itself has a
    /// state of its own and takes no other.
    var adoption: Adoption? {
        guard metadata.labels?[Self.processIDLabel] != metadata.uid else { return nil }
        return switch metadata.annotations?[Self.adoptAnnotation] {
        case nil: nil
        case metadata.uid: nil
        case HonuaProcess.adoptAnew: .anew
        case let id?: .of(id)
        }
    }

    /// What becomes of a restored resource.
    enum Adoption: Equatable {
        /// It goes on from the state of a process.
        case of(String)
        /// It is run as a new process.
        case anew
    }

    var hasFinalizer: Bool { metadata.finalizers?.contains(Self.finalizer) ?? false }
    var isBeingDeleted: Bool { metadata.deletionTimestamp != nil }

    /// Whether the last run has ended.
    package var isFinished: Bool {
        status?.conditions?.contains { $0.type == HonuaProcessCondition.completed && $0.status == .true } ?? false
    }

    /// Whether the user wants a finished process to run again.
    package var wantsRerun: Bool {
        guard let token = spec["rerunToken"]?.string, !token.isEmpty else { return false }
        return token != status?.rerunToken
    }
}

extension JSONValue {
    /// Whether a spec refers to a template: itself, or by a step that runs a sub-process.
    var usesTemplates: Bool {
        if let reference = self["templateRef"], !reference.isNull { return true }
        let steps = (self["steps"]?.array ?? []) + (self["finally"]?.array ?? [])
        return steps.contains { $0[path: "with", "templateRef"] != nil }
    }
}
