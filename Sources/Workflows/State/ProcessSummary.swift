public import JSON

/// What is shown of a process: bounded, however many steps it has.
public struct ProcessSummary: Sendable, Hashable {
    public var processId = ""
    public var processType = ""
    public var version = 0
    public var epoch = 0
    /// The replica that works on it; nil when it was released for another one.
    public var owner: String?
    public var rerun = 0
    public var rerunToken: String?
    public var status = ProcessPhase.running
    /// What the process is winding down to; nil while it is not.
    public var ending: ProcessPhase?
    public var currentStep: String?
    public var completionPercentage = 0
    public var startTime: Timestamp?
    public var endTime: Timestamp?
    public var errorMessage: String?
    public var createdResources: [String] = []
    public var cleanedUp = false
    public var rolledBack = false
    public var incompatibility: String?
    public var definitionHash = ""
    /// SHA-256 of the input.
    public var inputDigest: String?
    /// How many steps there are, and how many have come to an end that lets others run.
    public var stepCount = 0
    public var completedSteps = 0
    /// Something that waits for another attempt.
    public var waiting: Waiting?
    /// Something that waits for locks.
    public var blocked: Waiting?
    /// Something that waits for a decision.
    public var undecided: Waiting?
    /// Compensations that have not succeeded.
    public var notUndone: [String] = []
    /// The steps; of a large process those at work, those that failed, and the latest. Elements of lists are left out.
    public var steps: [StepState] = []
    public var outputs: JSONValue?
    /// What a dry run has found, once it has ended.
    public var plan: ProcessPlan?
    /// The ids of the latest commands from the inbox.
    public var appliedCommands: [String] = []

    /// An execution that waits.
    public struct Waiting: Sendable, Hashable {
        public let execution: ExecutionID
        public let attempt: Int
        public let message: String
    }

    /// How many steps a summary lists.
    public static let maximumSteps = 100
}

extension ProcessMachine {
    /// What is shown of the state.
    var summary: ProcessSummary {
        var summary = ProcessSummary()
        summary.processId = state.processId
        summary.processType = state.processType
        summary.version = state.version
        summary.epoch = state.epoch
        summary.owner = state.owner
        summary.appliedCommands = state.appliedCommands
        summary.rerun = state.rerun
        summary.rerunToken = state.rerunToken
        summary.status = state.status
        summary.ending = state.ending?.status
        summary.currentStep = state.currentStep
        summary.completionPercentage = state.completionPercentage
        summary.startTime = state.startTime
        summary.endTime = state.endTime
        summary.errorMessage = state.errorMessage
        summary.createdResources = state.createdResources
        summary.cleanedUp = state.cleanedUp
        summary.rolledBack = state.rolledBack
        summary.incompatibility = state.incompatibility
        summary.definitionHash = plan.hash
        summary.inputDigest = inputDigest
        summary.stepCount = plan.mainCount
        summary.completedSteps = completedMain
        summary.outputs = state.outputs
        summary.waiting = first(timed) { execution($0).status == .waiting }
        summary.blocked = first(timed) { execution($0).status == .blocked }
        summary.undecided = first(undecided) { _ in true }
        if state.rolledBack, state.status.isFinished { summary.notUndone = notUndone }
        summary.steps = shownSteps
        if state.isDryRun, state.status.isFinished {
            summary.plan = ProcessPlan(of: zip(state.steps, plan.steps).map { ($0, $1.definition.action) })
        }
        return summary
    }

    private func first(
        _ candidates: Set<ExecutionID>,
        _ isWanted: (ExecutionID) -> Bool
    ) -> ProcessSummary.Waiting? {
        guard !candidates.isEmpty else { return nil }
        let id = candidates.filter(isWanted).min { $0.description < $1.description }
        guard let id else { return nil }
        let execution = execution(id)
        return .init(execution: id, attempt: execution.attempt, message: execution.message ?? "")
    }

    private var shownSteps: [StepState] {
        guard state.steps.count > ProcessSummary.maximumSteps else { return state.steps.map(\.shown) }
        // As a buffer, because looking at a step in an array copies it.
        let ranks = state.steps.withUnsafeBufferPointer { steps in
            unfolded.steps.map { position in
                (isOfInterest: steps[position].isOfInterest ? 1 : 0, start: steps[position].execution.start, position)
            }
        }
        let chosen = ranks.sorted { $0 > $1 }.prefix(ProcessSummary.maximumSteps)
        return chosen.map(\.2).sorted().map { state.steps[$0].shown }
    }

    /// Compensations of what has had an effect that have not succeeded, at most ten.
    private var notUndone: [String] {
        var found: [String] = []
        for step in state.steps.prefix(plan.mainCount) {
            for record in step.items?.states ?? [step] {
                guard found.count < 10 else { return found }
                guard let compensation = record.compensation, record.status == .completed || record.hasUnknownEffect,
                    compensation.execution.status != .completed
                else { continue }
                found.append(ExecutionID(step.name, item: record.item).description)
            }
        }
        return found
    }
}

extension StepState {
    fileprivate var isOfInterest: Bool { !status.isSettled || status == .failed }

    /// Without elements; what a list has come to is its message.
    fileprivate var shown: StepState {
        var copy = self
        if let states = items?.states {
            copy.items = nil
            let done = states.count { $0.status.isSettled }
            copy.execution.message = copy.execution.message ?? "\(done) of \(states.count) elements"
        }
        return copy
    }
}
