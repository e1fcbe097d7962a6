internal import JSON

extension ProcessMachine {
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
        let limit = Int(patience.milliseconds)
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
        guard case .command(let command) = event else { return }
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
        guard state.status == .failed else { return }
        resetRun()
        state.errorMessage = nil
        for position in state.steps.indices {
            let isFinal = plan.isFinal(position)
            if let count = state.steps[position].items?.states.count {
                for item in 0..<count {
                    state.steps[position].items?.states[item].makeReady(anew: isFinal)
                }
                guard let items = state.steps[position].items?.states else { continue }
                let isDone = items.allSatisfy(\.status.satisfiesNeeds)
                state.steps[position].status = isDone ? .completed : .started
                state.steps[position].execution.message = nil
            } else {
                state.steps[position].makeReady(anew: isFinal)
            }
        }
        state.rolledBack = false
        index()
        unfoldAll()
        claimProcessLocks()
    }

    private mutating func resetRun() {
        isChanged = true
        state.status = .running
        state.endTime = nil
        state.cleanedUp = false
        state.remainingMilliseconds = state.timeoutMilliseconds
    }
}

extension StepState {
    /// Makes a settled record ready for another run within the same process, unless it is completed and still in force.
    fileprivate mutating func makeReady(anew: Bool) {
        let wasUndone = compensation.map { $0.execution.status != .pending } ?? false
        if status.satisfiesNeeds, !wasUndone, !anew { return }
        let key = execution.key
        let (name, item, rerun) = (name, item, rerun)
        let former = self
        self = StepState(name: name)
        self.item = item
        if wasUndone || anew && former.status != .pending {
            self.rerun = rerun + 1
        } else {
            // The effect may have happened: the same key lets the target recognise it.
            self.rerun = rerun
            execution.key = key
            hasUnknownEffect = former.hasUnknownEffect
            compensation = former.compensation
        }
    }
}
