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
    package func request(defaults: ProcessDefaults, actions: ActionCatalog) throws(InvalidSpec) -> ProcessRequest {
        let spec = try validSpec()
        let definition = try Self.definition(of: spec)
        var violations = definition.violations(actions: actions).map { $0.inside("spec") }
        for (field, isUsed) in [
            ("dryRun", spec.dryRun == true), ("onFailure", spec.onFailure == .rollback),
            ("retry.retryWhen", spec.retry?.retryWhen != nil),
        ] where isUsed {
            violations.append(.init(path: "spec.\(field)", "is not supported by this version"))
        }
        guard violations.isEmpty else { throw InvalidSpec(violations) }
        return ProcessRequest(
            id: metadata.uid,
            namespace: metadata.namespace,
            name: metadata.name,
            user: spec.user,
            input: spec.input,
            definition: definition,
            timeout: spec.timeout.flatMap { Duration(text: $0) }
                ?? defaults.timeoutByType[definition.name] ?? defaults.timeout,
            retry: spec.retry ?? defaults.retry,
            rerunToken: spec.rerunToken
        )
    }

    private static func definition(of spec: HonuaProcessSpec) throws(InvalidSpec) -> WorkflowDefinition {
        if let steps = spec.steps { return WorkflowDefinition(name: "inline", steps: steps) }
        guard let type = spec.processType else {
            let message = "this version has no HonuaProcessTemplate; write the steps in spec.steps"
            throw InvalidSpec([.init(path: "spec.templateRef", message)])
        }
        guard let definition = ProcessType.definition(named: type) else {
            let known = ProcessType.shortNames.joined(separator: ", ")
            let message = "there is no process type \"\(type)\"; there are: \(known)"
            throw InvalidSpec([.init(path: "spec.processType", message)])
        }
        return definition
    }

    /// Whether the user wants no new steps. Readable even when the rest of the spec is not.
    var wantsSuspension: Bool { spec["suspend"]?.bool == true }

    /// How the user wants the process to end, if so. Readable even when the rest of the spec is not.
    var wantsCancellation: CancelMode? {
        guard let cancel = spec["cancel"], !cancel.isNull else { return nil }
        return cancel["mode"]?.string.flatMap(CancelMode.init(rawValue:)) ?? .graceful
    }

    var hasFinalizer: Bool { metadata.finalizers?.contains(Self.finalizer) ?? false }
    var isBeingDeleted: Bool { metadata.deletionTimestamp != nil }

    /// Whether the last run has ended.
    var isFinished: Bool {
        status?.conditions?.contains { $0.type == HonuaProcessCondition.completed && $0.status == .true } ?? false
    }

    /// Whether the user wants a finished process to run again.
    var wantsRerun: Bool {
        guard let token = spec["rerunToken"]?.string, !token.isEmpty else { return false }
        return token != status?.rerunToken
    }
}
