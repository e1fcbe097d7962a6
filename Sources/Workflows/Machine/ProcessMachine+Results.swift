internal import JSON

extension ProcessMachine {
    /// What a process or a step says that has more to store than it may.
    static let tooLargeMessage = "State too large"

    mutating func succeed(_ id: ExecutionID, _ output: JSONValue, _ part: PartReference? = nil) {
        if id.isCompensation { return settle(id, .completed, nil) }
        var part = part
        let bytes = part?.bytes ?? store(output, &part)
        guard state.outputBytes + bytes <= environment.limits.outputBytes else {
            let limit = environment.limits.outputBytes >> 10
            let detail = "the outputs of this process would measure more than \(limit) KiB"
            self[id].hasUnknownEffect = true
            return giveUp(id, StepError(.permanent, Self.tooLargeMessage, detail: detail))
        }
        state.outputBytes += bytes
        self[id].output = output
        self[id].outputPart = part
        self[id].hasUnknownEffect = false
        // Once more, because now it may refer to the outputs.
        recordCompensation(id)
        settle(id, .completed, nil)
    }

    /// A large output that comes from a person, say, is stored with the next commit.
    /// - Returns: what the output measures.
    private mutating func store(_ output: JSONValue, _ part: inout PartReference?) -> Int {
        let bytes = output.serialized()
        guard bytes.count > Self.inlineBytes else { return bytes.count }
        let reference = PartReference(of: bytes)
        newParts.append((reference.digest, bytes))
        part = reference
        return bytes.count
    }

    /// An action failed: it is tried again, or the step gives up.
    mutating func fail(_ id: ExecutionID, _ error: StepError) {
        if error.errorClass != .permanent || error.hasHadEffect, !id.isCompensation { self[id].hasUnknownEffect = true }
        let isWindingDown = state.ending != nil && isMain(id)
        guard !isWindingDown, let delay = retryDelay(id, error) else { return giveUp(id, error) }
        leaveRunning(id)
        let (now, clock) = (now, state.clockMilliseconds)
        change(id) {
            $0.status = .waiting
            $0.message = error.description
            $0.endTime = now
            $0.dueAt = clock + delay.onClock
        }
        timed.insert(id)
    }

    /// How long to wait before the next attempt; nil when there is none.
    private func retryDelay(_ id: ExecutionID, _ error: StepError) -> Duration? {
        let step = planned(id)
        let own = id.isCompensation ? step.definition.compensate?.retry : step.definition.retry
        let policy = own ?? state.retry
        guard (policy.on ?? [.transient, .timeout]).contains(error.errorClass) else { return nil }
        let execution = execution(id)
        guard execution.attempt <= policy.limit else { return nil }
        if let source = policy.retryWhen {
            // A condition that cannot be evaluated does not hold: trying again could do harm.
            guard let condition = try? retryCondition(source),
                (try? holds(condition, id, ["error": error.value])) == true
            else { return nil }
        }
        let delay = (policy.backoff ?? RetryBackoff()).delay(afterAttempt: execution.attempt, seed: execution.key ?? "")
        return max(delay, error.retryAfter ?? .zero)
    }

    /// Compiled when it is needed: the policy of the process is not part of the plan.
    private func retryCondition(_ source: String) throws(ExpressionError) -> any Expression {
        try environment.language.compile(source, names: PlanCompiler.retryNames)
    }

    /// No more attempts.
    mutating func giveUp(_ id: ExecutionID, _ error: StepError) {
        settle(id, .failed, error.description)
        guard !id.isCompensation else { return }
        let message = "step \(id.step): \(error.summary)"
        if isFinal(id) {
            // What the process was made for has failed already, or fails by this.
            guard state.ending?.status == .completed else { return }
            state.ending?.status = .failed
            state.ending?.errorMessage = message
        } else {
            followPolicy(message)
        }
    }

    /// A step has failed: the process does what its policy says.
    mutating func followPolicy(_ message: String) {
        guard state.ending == nil else { return }
        switch state.onFailure {
        case .stop: beginEnding(Ending(.failed, message))
        case .rollback: beginEnding(Ending(.failed, message, rollsBack: true))
        case .continue: state.errorMessage = state.errorMessage ?? message
        }
    }

    /// An action stopped because it was told to.
    mutating func stop(_ id: ExecutionID) {
        if restarting.remove(id) != nil, state.ending == nil || !isMain(id) {
            leaveRunning(id)
            if !id.isCompensation { self[id].hasUnknownEffect = true }
            let clock = state.clockMilliseconds
            change(id) {
                $0.status = .waiting
                $0.message = "started again on request"
                $0.dueAt = clock
            }
            due.append(id)
        } else if state.ending != nil, isMain(id) {
            abandon(id)
        } else {
            // The wish is gone, by an edit for example, and so is what ran.
            recover(id)
        }
    }

    /// Gives up an execution whose effect may have happened.
    mutating func abandon(_ id: ExecutionID) {
        self[id].hasUnknownEffect = true
        settle(id, .cancelled, execution(id).message)
    }

    // MARK: Settling

    /// Records that nothing more happens to an execution, and what follows for others.
    mutating func settle(_ id: ExecutionID, _ phase: StepPhase, _ message: String?) {
        leaveRunning(id)
        timed.remove(id)
        undecided.remove(id)
        if !due.isEmpty { due.removeAll { $0 == id } }
        let now = now
        change(id) {
            $0.status = phase
            $0.message = message
            $0.endTime = now
            $0.dueAt = nil
        }
        guard !id.isCompensation else { return }
        release(id)
        guard let position = plan.index[id.step] else { return }
        guard id.item != nil else { return settled(position) }
        lists[position]?.open -= 1
        lists[position]?.active -= 1
        if phase == .failed, state.onFailure != .continue, state.ending == nil, !isFinal(id) {
            // The list as a whole has failed by this; the others are interrupted with everything else.
            return settleStep(position, .failed, "element \(id.item ?? 0): \(message ?? "")")
        }
        if lists[position]?.open == 0 { settleList(position) }
    }

    /// Every element of a list is settled.
    mutating func settleList(_ position: Int) {
        let items = state.steps[position].items?.states ?? []
        if let failed = items.first(where: { $0.status == .failed }) {
            let message = "element \(failed.item ?? 0): \(failed.execution.message ?? "")"
            settleStep(position, .failed, message)
        } else {
            let isWhole = items.allSatisfy(\.status.satisfiesNeeds)
            settleStep(position, isWhole ? .completed : .cancelled, nil)
        }
    }

    private mutating func settleStep(_ position: Int, _ phase: StepPhase, _ message: String?) {
        guard !state.steps[position].status.isSettled else { return }
        let id = ExecutionID(state.steps[position].name)
        self[id].execution.status = phase
        self[id].execution.message = message
        self[id].execution.endTime = now
        settled(position)
    }

    /// A step is settled: those that need it may be ready, or will never be.
    private mutating func settled(_ position: Int) {
        countSettled(position)
        passOn(position)
    }

    private mutating func countSettled(_ position: Int) {
        lists[position] = nil
        if plan.isFinal(position) { openSteps.final -= 1 } else { openSteps.main -= 1 }
        if state.steps[position].status.satisfiesNeeds, !plan.isFinal(position) { completedMain += 1 }
    }

    /// Tells those that need a settled step, unless something that it needs itself is to run anew.
    private mutating func passOn(_ position: Int) {
        var open = openNeeds[position] == 0 ? [position] : []
        while let position = open.popLast() {
            for dependent in plan.steps[position].dependents {
                openNeeds[dependent] -= 1
                guard openNeeds[dependent] == 0 else { continue }
                if state.steps[dependent].status == .pending { decideReady(dependent) }
                if state.steps[dependent].status.isSettled { open.append(dependent) }
            }
        }
    }

    /// All that a pending step needs is settled: it is ready, or omitted.
    private mutating func decideReady(_ position: Int) {
        guard let failed = failedNeed(of: position) else { return insertReady(position) }
        // Only where others go on; the rest of a process that winds down stays pending.
        guard state.onFailure == .continue || plan.isFinal(position) else { return }
        let id = ExecutionID(state.steps[position].name)
        self[id].status = .omitted
        self[id].execution.message = "needs \(state.steps[failed].name), which is not completed"
        countSettled(position)
    }

    /// A repair by hand may say that steps have failed: what follows from that follows now.
    mutating func followFailures() {
        guard state.ending == nil else { return }
        for position in 0..<plan.mainCount {
            let step = state.steps[position]
            guard step.status.isSettled, !step.status.satisfiesNeeds, step.status != .omitted else { continue }
            followPolicy("step \(step.name): \(step.execution.message ?? "marked as \(step.status.rawValue)")")
        }
        for position in state.steps.indices
        where state.steps[position].status == .pending && openNeeds[position] == 0
            && failedNeed(of: position) != nil
        {
            decideReady(position)
            if state.steps[position].status.isSettled { passOn(position) }
        }
    }

    private mutating func insertReady(_ position: Int) {
        var (low, high) = (0, ready.count)
        while low < high {
            let middle = (low + high) / 2
            if ready[middle] < position { low = middle + 1 } else { high = middle }
        }
        ready.insert(position, at: low)
    }

    mutating func leaveRunning(_ id: ExecutionID) {
        restarting.remove(id)
        if let position = running.firstIndex(of: id) { running.remove(at: position) }
    }
}
