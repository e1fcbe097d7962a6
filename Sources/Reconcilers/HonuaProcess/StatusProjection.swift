internal import CRDs
internal import JSON
internal import KubeClient
internal import Workflows

/// Makes a resource's status out of what the engine knows. Pure: the same input gives the same status.
struct StatusProjection {
    /// The resource as last seen.
    let process: HonuaProcess
    /// As it appears in `status.state.store`.
    let storeName: String
    let now: Timestamp

    private var previous: HonuaProcessStatus { process.status ?? HonuaProcessStatus() }

    /// The status of a process that has a state.
    func status(of state: ProcessSummary, heldBecause: String?, isDefinitionChanged: Bool) -> HonuaProcessStatus {
        var status = previous
        status.processId = state.processId
        status.phase = state.status
        status.currentStep = state.currentStep
        status.completionPercentage = state.completionPercentage
        status.startTime = state.startTime
        status.endTime = state.endTime
        status.errorMessage = state.errorMessage
        status.createdResources = state.createdResources
        status.cleanedUp = state.cleanedUp
        status.steps = state.steps.map(Self.summary)
        status.definition = DefinitionReference(state)
        status.state = StateReference(store: storeName, state)
        status.rerun = state.rerun
        status.rerunToken = state.rerunToken
        status.plan = state.plan
        let marks = ProcessOutlook.Marks(
            isSuspended: state.status == .paused && state.incompatibility == nil,
            isDefinitionChanged: isDefinitionChanged,
            waitsForApproval: state.undecided?.message,
            isRolledBack: state.rolledBack && state.status.isFinished
        )
        return finished(status, ProcessOutlook(state, heldBecause: heldBecause), marks)
    }

    /// The status of a process without a state of its own to show.
    /// - Parameter phase: nil leaves the phase as it is.
    func status(
        _ outlook: ProcessOutlook,
        phase: ProcessPhase?,
        isSuspended: Bool = false,
        isDefinitionChanged: Bool = false
    ) -> HonuaProcessStatus {
        var status = previous
        status.processId = process.metadata.uid
        status.phase = phase ?? status.phase
        if case .failed(let reason, let message) = outlook {
            status.endTime = status.endTime ?? now
            status.errorMessage = reason == .cancelled ? nil : message
        }
        if case .refused(let message) = outlook { status.errorMessage = "Invalid configuration: \(message)" }
        let marks = ProcessOutlook.Marks(isSuspended: isSuspended, isDefinitionChanged: isDefinitionChanged)
        return finished(status, outlook, marks)
    }

    private func finished(
        _ status: HonuaProcessStatus,
        _ outlook: ProcessOutlook,
        _ marks: ProcessOutlook.Marks
    ) -> HonuaProcessStatus {
        var status = status
        status.observedGeneration = process.metadata.generation
        status.conditions = outlook.conditions(
            previous: previous.conditions ?? [],
            marks,
            generation: process.metadata.generation,
            now: now
        )
        return status
    }

    private static func summary(_ step: StepState) -> StepSummary {
        var summary = StepSummary()
        summary.name = step.name
        summary.phase = step.status
        summary.attempt = step.execution.attempt
        summary.key = step.execution.key
        summary.startTime = step.execution.startTime
        summary.endTime = step.execution.endTime
        // A hundred steps with long messages must still fit into an object.
        summary.message = step.execution.message.map { String($0.prefix(256)) }
        summary.outputDigest = step.outputPart?.digest ?? step.output.map { Digest.sha256($0.serialized()) }
        let undoing = step.compensation?.execution.status
        summary.compensation = undoing == .pending ? nil : undoing
        return summary
    }
}

extension DefinitionReference {
    init(_ state: ProcessSummary) {
        self.init()
        name = state.processType
        hash = state.definitionHash
    }
}

extension StateReference {
    /// A state of which nothing is known but where it is.
    init(in store: String) {
        self.init()
        self.store = store
    }

    init(store: String, _ state: ProcessSummary) {
        self.init()
        self.store = store
        version = state.version
        epoch = state.epoch
        owner = state.owner
    }
}

extension JSONValue {
    /// The merge patch (RFC 7396) that turns `old` into this object at its top level: members that are gone are removed,
    /// equal ones left out. Nested objects are replaced member by member as the patch format demands.
    func mergePatch(from old: JSONValue) -> JSONValue {
        guard case .object(let new) = self, case .object(let before) = old else { return self }
        var patch: [String: JSONValue] = [:]
        for (key, value) in new where before[key] != value {
            patch[key] = before[key].map { value.mergePatch(from: $0) } ?? value
        }
        for key in before.keys where new[key] == nil { patch[key] = .null }
        return .object(patch)
    }
}
