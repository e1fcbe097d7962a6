internal import JSON

/// The state machine of one process: what an event makes of the state, and what is to be done once that is committed.
///
/// Pure: the same state, event and moment give the same result; no clock, no input or output, no chance. An event that
/// means nothing in this state (a late result, a repeated command) changes nothing but the clock.
///
/// Beside the state it keeps what follows from the state, so that an event costs no more in a process of ten thousand
/// steps than in one of three.
struct ProcessMachine: Sendable {
    var state: ProcessState
    var plan: Plan
    let environment: MachineEnvironment

    // What follows from the state; `index()` makes it anew.

    /// Of each step, how many of those it needs are not settled.
    var openNeeds: [Int] = []
    /// Pending steps whose needs are settled, in the order of the definition.
    var ready: [Int] = []
    /// Executions recorded as started.
    var running: [ExecutionID] = []
    /// Executions that wait for the process's clock.
    var timed: Set<ExecutionID> = []
    /// Executions that wait for a decision.
    var undecided: Set<ExecutionID> = []
    /// Executions that may start again as soon as there is room, in the order in which they fell due.
    var due: [ExecutionID] = []
    /// Steps whose lists are being worked through.
    var lists: [Int: ListProgress] = [:]
    /// The lists themselves. They follow from the definition and what it refers to, so they are not stored.
    var listValues: [Int: JSONValue] = [:]
    /// What the next document has to hold itself.
    var unfolded = Unfolded()
    /// How many of the segments are listed in `segmentsPart`.
    var segmentsInPart = 0
    /// How many steps, and how many final ones, are not settled.
    var openSteps = (main: 0, final: 0)
    var completedMain = 0
    /// What is still to be undone, the last first; nil until that begins.
    var undoing: [Undoing]?
    /// SHA-256 of the input; nil without one.
    private(set) var inputDigest: String?
    /// Whether the input is stored apart from the document.
    private(set) var isInputLarge = false
    /// Executions that are interrupted to be started again.
    var restarting: Set<ExecutionID> = []
    /// Whether nothing that the process was made for may begin: it is about to be handed over.
    var holdsStarts = false
    /// What the document measured when it was last made.
    var documentBytes = 0

    // What the event at hand has led to.

    var effects: [ProcessEffect] = []
    /// Whether more than the clock has changed.
    var isChanged = false
    var now = Timestamp(seconds: 0)
    /// Large outputs that nobody has stored apart yet, by digest.
    var newParts: [(digest: String, bytes: [UInt8])] = []

    /// How far a step's list has come.
    struct ListProgress: Sendable {
        /// The first element that has not been looked at.
        var next = 0
        /// Elements that are not settled.
        var open: Int
        /// Elements that are started or wait.
        var active = 0
    }

    /// The compensations of one step: of the step itself or of the elements of its list.
    struct Undoing: Sendable {
        let executions: [ExecutionID]
        /// Whether they have been put up to be started.
        var isBegun = false
    }

    /// What an event has led to.
    struct Turn: Sendable {
        let effects: [ProcessEffect]
        /// Whether more than the clock has changed, so that a commit is due.
        let isChanged: Bool
    }

    init(_ state: ProcessState, plan: Plan, environment: MachineEnvironment) {
        self.state = state
        self.plan = plan
        self.environment = environment
        measureInput()
        index()
        unfolded = Unfolded(everythingIn: state)
    }

    /// Once for each input, which may be large.
    mutating func measureInput() {
        let bytes = state.input?.serialized()
        inputDigest = bytes.map { Digest.sha256($0) }
        isInputLarge = (bytes?.count ?? 0) > Self.inlineBytes
    }

    /// Whether the process can be handed over without interrupting anything.
    var isIdle: Bool { running.isEmpty && state.ending == nil && !state.status.isFinished }

    /// Takes one event.
    mutating func apply(_ event: ProcessEvent, at moment: Moment) -> Turn {
        effects = []
        isChanged = false
        now = moment.time
        if state.status.isFinished {
            reopen(event)
        } else {
            spend(moment.elapsed)
            take(event)
            fallDue()
        }
        failIfTooLarge()
        if !state.status.isFinished { advance() }
        return Turn(effects: effects, isChanged: isChanged)
    }

    private mutating func take(_ event: ProcessEvent) {
        switch event {
        case .begin:
            isChanged = true
            claimProcessLocks()
        case .recover: recover()
        case .tick: break
        case .succeeded(let id, let start, let output, let part):
            if isCurrent(id, start) { succeed(id, output, part) }
        case .failed(let id, let start, let error):
            if isCurrent(id, start) { fail(id, error) }
        case .interrupted(let id, let start):
            if isCurrent(id, start) { stop(id) }
        case .verified(let id, let start, let outcome):
            if isCurrent(id, start) { settleUnknown(id, outcome) }
        case .recorded(let resource): record(resource)
        case .undoRecorded(let id, let start, let inputs, let part):
            if isCurrent(id, start) { recordUndo(id, inputs, part) }
        case .acquired(let holder): acquired(holder)
        case .command(let command, let id): if isNew(id) { obey(command) }
        }
    }

    /// What grows is stored whole once; then the process ends, because nothing may be cut off it.
    private mutating func failIfTooLarge() {
        let limit = environment.limits.documentBytes
        guard documentBytes > limit, state.ending == nil, !state.status.isFinished else { return }
        let message =
            "\(Self.tooLargeMessage): the state document measures \(documentBytes >> 10) KiB, more than the "
            + "\(limit >> 10) KiB that MaxStateSizeKB allows"
        beginEnding(Ending(.failed, message, rollsBack: state.onFailure == .rollback))
    }

    // MARK: Records

    /// Where an execution is recorded.
    func isKnown(_ id: ExecutionID) -> Bool {
        guard let step = plan.index[id.step], step < state.steps.count else { return false }
        guard let item = id.item else { return true }
        return state.steps[step].items?.states.indices.contains(item) ?? false
    }

    /// The record of a step or element. Only for a known execution.
    subscript(id: ExecutionID) -> StepState {
        get {
            let step = state.steps[plan.index[id.step] ?? 0]
            guard let item = id.item, let items = step.items else { return step }
            return items.states[item]
        }
        _modify {
            isChanged = true
            let step = plan.index[id.step] ?? 0
            unfolded.insert(step, id.item)
            if let item = id.item, state.steps[step].items != nil {
                // Taken out and put back, so that changing one element does not copy the list.
                var items = state.steps[step].items ?? StepItems([])
                state.steps[step].items = StepItems([])
                yield &items.states[item]
                state.steps[step].items = items
            } else {
                yield &state.steps[step]
            }
        }
    }

    /// The attempts of an execution.
    func execution(_ id: ExecutionID) -> Execution {
        let record = self[id]
        return id.isCompensation ? record.compensation?.execution ?? Execution() : record.execution
    }

    mutating func change(_ id: ExecutionID, _ change: (inout Execution) -> Void) {
        if id.isCompensation {
            var compensation = self[id].compensation ?? CompensationState()
            change(&compensation.execution)
            self[id].compensation = compensation
        } else {
            change(&self[id].execution)
        }
    }

    func planned(_ id: ExecutionID) -> PlannedStep { plan.steps[plan.index[id.step] ?? 0] }

    /// Whether a result belongs to the start that is recorded.
    func isCurrent(_ id: ExecutionID, _ start: Int) -> Bool {
        // A step with a list is never started itself.
        guard start > 0, isKnown(id) else { return false }
        let execution = execution(id)
        return execution.status == .started && execution.start == start
    }

    func isFinal(_ id: ExecutionID) -> Bool { plan.index[id.step].map(plan.isFinal) ?? false }

    /// Whether it belongs to what the process was made for, not to its winding down.
    func isMain(_ id: ExecutionID) -> Bool { !id.isCompensation && !isFinal(id) }

    private mutating func record(_ resource: String) {
        guard !state.createdResources.contains(resource) else { return }
        state.createdResources.append(resource)
        isChanged = true
    }
}
