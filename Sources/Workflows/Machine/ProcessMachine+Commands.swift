internal import JSON

extension ProcessMachine {
    /// Enough for any command that may still lie in an inbox.
    private static let rememberedCommands = 64

    /// Notes that a command is obeyed; false when it was before.
    mutating func isNew(_ id: String?) -> Bool {
        guard let id else { return true }
        guard !state.appliedCommands.contains(id) else { return false }
        if state.appliedCommands.count >= Self.rememberedCommands { state.appliedCommands.removeFirst() }
        state.appliedCommands.append(id)
        isChanged = true
        return true
    }

    /// A command to a process that is not finished.
    mutating func obey(_ command: ProcessCommand) {
        switch command {
        case .pause:
            guard state.status == .running, state.ending == nil else { return }
            state.status = .paused
            isChanged = true
        case .resume:
            guard state.status == .paused, state.incompatibility == nil else { return }
            state.status = .running
            isChanged = true
        case .cancel(.graceful): cancel()
        case .cancel(.force):
            state.ending = Ending(.cancelled)
            isChanged = true
            endNow()
        case .retryCurrentStep: retryCurrentStep()
        case .decide(let id, let decision): decide(id, decision)
        case .restart(let request): restart(with: request)
        case .migrate(let definition): migrate(to: definition)
        case .retry, .rollBack, .markCleanedUp: return
        }
    }

    private mutating func cancel() {
        guard state.ending?.status != .cancelled else { return }
        let patience: Duration = environment.fault == .deafCancel ? .seconds(86400) : environment.limits.cancellation
        let limit = patience.onClock
        let clock = state.clockMilliseconds
        var ending = Ending(.cancelled, nil, rollsBack: true)
        ending.endsAt = clock + limit
        let hasMore = openSteps.final > 0 || plan.definition.steps.contains { $0.compensate != nil }
        ending.interruptUntil = clock + (hasMore ? limit / 2 : limit)
        ending.skipsFinally = state.ending?.skipsFinally ?? false
        state.status = .cancelling
        if state.ending == nil {
            beginEnding(ending)
        } else {
            state.ending = ending
            isChanged = true
            // Steps that were told to stop before have had their time.
            if running.contains(where: isMain) { interruptAgain() }
        }
    }

    private mutating func interruptAgain() {
        for id in running where isMain(id) { effects.append(.interrupt(id)) }
    }

    private mutating func retryCurrentStep() {
        for id in running where restarting.insert(id).inserted { effects.append(.interrupt(id)) }
        for id in timed where execution(id).status == .waiting {
            timed.remove(id)
            due.append(id)
            isChanged = true
        }
        for id in undecided.sorted(by: { $0.description < $1.description }) { decide(id, .retry) }
    }

    private mutating func decide(_ id: ExecutionID?, _ decision: Decision) {
        guard let id = id ?? (undecided.count == 1 ? undecided.first : nil), undecided.remove(id) != nil else { return }
        switch decision {
        case .retry:
            let clock = state.clockMilliseconds
            change(id) {
                $0.status = .waiting
                $0.message = nil
                $0.dueAt = clock
            }
            due.append(id)
        case .complete(let output): succeed(id, output)
        case .fail: giveUp(id, StepError(.permanent, "decided to count as failed"))
        }
    }

    // MARK: Finished processes

    /// A command to a finished process.
    mutating func reopen(_ event: ProcessEvent) {
        guard case .command(let command, let id) = event, isNew(id) else { return }
        switch command {
        case .markCleanedUp:
            guard !state.cleanedUp else { return }
            state.cleanedUp = true
            isChanged = true
        case .retry: retry()
        case .rollBack:
            guard state.status != .cancelled, !state.rolledBack else { return }
            let message = state.errorMessage ?? "rolled back on request"
            resetRun()
            var ending = Ending(.failed, message, rollsBack: true)
            ending.skipsFinally = true
            index()
            beginEnding(ending)
        default: return
        }
    }

    /// What is completed stays; what was undone is done anew, under another key; the final steps run again.
    private mutating func retry() {
        // A sub-process is cancelled when its step is started again, or runs out of time.
        guard state.status == .failed || state.status == .cancelled && state.parent != nil else { return }
        resetRun()
        state.errorMessage = nil
        for position in state.steps.indices { makeReady(position) }
        state.rolledBack = false
        index()
        // A list that comes from what is to run anew may be another one then.
        for position in state.steps.indices where openNeeds[position] > 0 && state.steps[position].status == .started {
            state.steps[position].beginAnew()
        }
        state.outputBytes = state.steps.reduce(0) { $0 + $1.outputBytes }
        index()
        unfoldAll()
        claimProcessLocks()
    }

    private mutating func makeReady(_ position: Int) {
        guard !plan.isFinal(position) else {
            if state.steps[position].status != .pending { state.steps[position].beginAnew() }
            return
        }
        guard let items = state.steps[position].items?.states else { return state.steps[position].makeReady() }
        if !items.isEmpty, items.allSatisfy({ $0.wasUndone || $0.isBlank }) { return state.steps[position].beginAnew() }
        for item in items.indices { state.steps[position].items?.states[item].makeReady() }
        let isDone = state.steps[position].items?.states.allSatisfy(\.status.satisfiesNeeds) ?? true
        state.steps[position].status = isDone ? .completed : .started
        state.steps[position].execution.message = nil
    }

    private mutating func resetRun() {
        isChanged = true
        state.status = .running
        state.endTime = nil
        state.cleanedUp = false
        state.outputs = nil
        state.outputsPart = nil
        state.remainingMilliseconds = state.timeoutMilliseconds
    }
}

extension StepState {
    /// Makes a settled record ready for another run within the same process, unless it is completed and still in force.
    fileprivate mutating func makeReady() {
        if wasUndone { return beginAnew() }
        if status.satisfiesNeeds { return }
        let former = self
        self = StepState(name: former.name)
        item = former.item
        rerun = former.rerun
        // The effect may have happened: the same key lets the target recognise it.
        execution.key = former.execution.key
        hasUnknownEffect = former.hasUnknownEffect
        compensation = former.compensation
    }

    /// Forgets what has become of it, and of its elements: whatever it does from now on has other keys.
    fileprivate mutating func beginAnew() {
        let latest = rerun + (items?.states.map(\.rerun).max() ?? 0)
        let (name, item) = (name, item)
        self = StepState(name: name)
        self.item = item
        rerun = latest + 1
    }

    /// Whether its effect was undone, or somebody has tried to.
    fileprivate var wasUndone: Bool { compensation.map { $0.execution.status != .pending } ?? false }

    /// What its outputs measure.
    fileprivate var outputBytes: Int {
        if let items { return items.states.reduce(0) { $0 + $1.outputBytes } }
        return outputPart?.bytes ?? output?.serialized().count ?? 0
    }
}
