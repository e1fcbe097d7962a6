internal import JSON

extension ProcessMachine {
    /// An owner has loaded the state. What is recorded as started may have been cut off anywhere.
    mutating func recover() {
        isChanged = true
        dropStrayClaims()
        for (holder, claims) in claimsByHolder() { effects.append(.acquire(holder, claims)) }
        for id in running { recover(id) }
        followFailures()
    }

    /// The state was written by somebody else. What it says is started and does not run here has an unknown outcome.
    /// - Parameter here: the starts whose actions run here, or whose results are about to be taken.
    mutating func adopt(running here: [ExecutionID: Int], at moment: Moment) -> Turn {
        effects = []
        isChanged = false
        now = moment.time
        for id in running where here[id] != execution(id).start { recover(id) }
        followFailures()
        if state.ending != nil { for id in running where isMain(id) { effects.append(.interrupt(id)) } }
        dropStrayClaims()
        for (holder, claims) in claimsByHolder() { effects.append(.acquire(holder, claims)) }
        return Turn(effects: effects, isChanged: isChanged)
    }

    /// Something is recorded as started and does not run here.
    mutating func recover(_ id: ExecutionID) {
        let step = planned(id)
        guard state.ending == nil || !isMain(id) else {
            // A sub-process has work of its own to wind down.
            if step.definition.action == SubprocessAction.actionName { return windDownSubprocess(id) }
            return abandon(id)
        }
        let policy = id.isCompensation ? step.compensationOnUnknown : step.onUnknown
        let execution = execution(id)
        let request: ExecutionRequest
        do {
            request = try self.request(id, start: execution.start, attempt: execution.attempt)
        } catch {
            if !id.isCompensation { self[id].hasUnknownEffect = true }
            return giveUp(id, error)
        }
        let action = environment.actions[request.action]
        // Planning again does no harm.
        if state.isDryRun { return runAgain(id, request) }
        switch policy {
        case .verify: effects.append(.verify(request))
        case .retryIfIdempotent where action?.isIdempotent ?? false: runAgain(id, request)
        case .retryIfIdempotent, .askHuman: ask(id)
        }
    }

    private mutating func windDownSubprocess(_ id: ExecutionID) {
        let execution = execution(id)
        guard let request = try? request(id, start: execution.start, attempt: execution.attempt) else {
            return abandon(id)
        }
        runAgain(id, request)
        effects.append(.interrupt(id))
    }

    /// The outcome of an effect whose result was lost.
    mutating func settleUnknown(_ id: ExecutionID, _ outcome: StepOutcome) {
        switch outcome {
        case .happened(let output): succeed(id, output)
        // Nothing begins again in a process that winds down.
        case .didNotHappen where state.ending != nil && isMain(id): settle(id, .cancelled, nil)
        case .unknown where state.ending != nil && isMain(id): abandon(id)
        case .didNotHappen:
            let execution = execution(id)
            guard let request = try? request(id, start: execution.start, attempt: execution.attempt) else {
                return ask(id)
            }
            runAgain(id, request)
        case .unknown: ask(id)
        }
    }

    /// Under the same key, as the same attempt.
    private mutating func runAgain(_ id: ExecutionID, _ request: ExecutionRequest) {
        // Should this run fail for good, there may be something of the former one to undo.
        if !id.isCompensation { self[id].hasUnknownEffect = true }
        change(id) { $0.interruptions += 1 }
        var request = request
        request.isRecovery = true
        effects.append(.run(request))
    }

    private mutating func ask(_ id: ExecutionID) {
        leaveRunning(id)
        undecided.insert(id)
        if !id.isCompensation { self[id].hasUnknownEffect = true }
        change(id) {
            $0.status = .undecided
            $0.message = "the operator was cut off while it ran: nobody knows whether it has had its effect"
        }
    }

    /// Gives back what is claimed for something that does not run or wait: somebody has settled or reset it by hand.
    private mutating func dropStrayClaims() {
        var holders: [ExecutionID] = []
        for claim in state.locks where !claim.step.isEmpty {
            let holder = ExecutionID(claim.step, item: claim.item)
            let status = isKnown(holder) ? execution(holder).status : .omitted
            guard status.isSettled || status == .pending, !holders.contains(holder) else { continue }
            holders.append(holder)
        }
        for holder in holders { release(holder) }
    }

    private func claimsByHolder() -> [(ExecutionID?, [LockClaim])] {
        var groups: [(ExecutionID?, [LockClaim])] = []
        for claim in state.locks {
            let holder = claim.step.isEmpty ? nil : ExecutionID(claim.step, item: claim.item)
            if let last = groups.indices.last, groups[last].0 == holder {
                groups[last].1.append(claim)
            } else {
                groups.append((holder, [claim]))
            }
        }
        return groups
    }
}

/// What planted faults do; see `PlantedFault`.
extension ProcessMachine {
    mutating func forgetCompleted() {
        for position in state.steps.indices where state.steps[position].status == .completed {
            state.steps[position] = StepState(name: state.steps[position].name)
        }
        index()
    }

    mutating func forgetTimers() {
        let clock = state.clockMilliseconds
        for id in timed { change(id) { $0.dueAt = clock } }
    }
}
