internal import JSON

extension ProcessMachine {
    /// Everything the process was made for is settled.
    mutating func finishMain() {
        if let message = state.errorMessage { return beginEnding(Ending(.failed, message)) }
        var ending = Ending(.completed)
        if let outputs = plan.outputs {
            do {
                state.outputs = try outputs.evaluate(scope(outputs.references))
            } catch {
                ending = Ending(.failed, "\(StepError.invalidConfiguration): outputs: \(error.description)")
            }
        }
        beginEnding(ending)
    }

    /// Winds the process down: what waits is given up, what runs is interrupted.
    mutating func beginEnding(_ ending: Ending) {
        isChanged = true
        var ending = ending
        let limit = environment.limits.cancellation.onClock
        ending.interruptUntil = ending.interruptUntil ?? state.clockMilliseconds + limit
        if ending.status == .failed, ending.endsAt == nil, ending.rollsBack || openSteps.final > 0 {
            // Rollback and final steps get the time of a whole run.
            ending.endsAt = state.clockMilliseconds + state.timeoutMilliseconds + limit
        }
        state.ending = ending
        if ending.status != .cancelled { state.status = .running }
        interruptMain()
    }

    /// Tells running steps to stop, and gives up what waits.
    private mutating func interruptMain() {
        for position in lists.keys.sorted() where !plan.isFinal(position) {
            lists[position] = nil
            let id = ExecutionID(state.steps[position].name)
            guard !self[id].status.isSettled else { continue }
            self[id].status = .cancelled
            self[id].execution.endTime = now
            openSteps.main -= 1
        }
        for id in waitingMain() { settle(id, .cancelled, execution(id).message) }
        for id in running where isMain(id) { effects.append(.interrupt(id)) }
    }

    /// What is neither running nor settled, but has begun.
    private func waitingMain() -> [ExecutionID] {
        var found: [ExecutionID] = []
        for (position, step) in state.steps.prefix(plan.mainCount).enumerated() {
            if let items = step.items?.states {
                for (index, item) in items.enumerated() where Self.waits(item.status) {
                    found.append(ExecutionID(step.name, item: index))
                }
            } else if Self.waits(step.status) {
                found.append(ExecutionID(plan.steps[position].definition.name))
            }
        }
        return found
    }

    private static func waits(_ status: StepPhase) -> Bool {
        status == .waiting || status == .blocked || status == .undecided
    }

    /// Gives up running steps that have not stopped in time.
    mutating func abandonMain() {
        state.ending?.interruptUntil = nil
        for id in running where isMain(id) { abandon(id) }
    }

    /// First what runs, then what is to be undone, then the final steps.
    mutating func unwind() {
        guard let ending = state.ending else { return }
        guard !running.contains(where: isMain) else { return }
        if ending.rollsBack, !undo() { return }
        if !ending.skipsFinally, ending.next == nil, openSteps.final > 0 {
            startReady(final: true)
            guard openSteps.final == 0 else { return }
        }
        finish()
    }

    // MARK: Undoing

    /// - Returns: whether nothing is left to undo.
    private mutating func undo() -> Bool {
        if undoing == nil { undoing = undoable() }
        while let step = undoing?.last {
            if !step.isBegun {
                undoing?.removeLast()
                undoing?.append(Undoing(executions: step.executions, isBegun: true))
                due += step.executions.filter { execution($0).status == .pending }
            }
            startDueCompensations()
            let isOver = step.executions.allSatisfy { execution($0).status.isSettled }
            guard isOver else { return false }
            undoing?.removeLast()
        }
        return true
    }

    private mutating func startDueCompensations() {
        while running.count < environment.limits.stepParallelism,
            let position = due.firstIndex(where: \.isCompensation)
        {
            let id = due.remove(at: position)
            guard !execution(id).status.isSettled, execution(id).status != .started else { continue }
            state.rolledBack = true
            start(id)
        }
    }

    /// What has had an effect, or may have had one, and can be undone: by step, what was started last at the end.
    private func undoable() -> [Undoing] {
        var found: [(start: Int, undoing: Undoing)] = []
        for step in state.steps.prefix(plan.mainCount) {
            let candidates =
                step.items?.states.enumerated().map { ($1, ExecutionID(step.name, item: $0)) }
                ?? [(step, ExecutionID(step.name))]
            let wanted = candidates.filter { record, _ in
                record.compensation != nil && (record.status == .completed || record.hasUnknownEffect)
            }
            let open = wanted.filter { !($0.0.compensation?.execution.status.isSettled ?? true) }
            // What is undone already counts: a step keeps its turn when another owner goes on in the middle of it.
            guard !open.isEmpty, let last = wanted.map({ $0.0.execution.start }).max() else { continue }
            let executions = open.sorted { $0.0.execution.start > $1.0.execution.start }.map(\.1.compensation)
            found.append((last, Undoing(executions: executions)))
        }
        if environment.fault == .compensationInOrder { return found.sorted { $0.start > $1.start }.map(\.undoing) }
        return found.sorted { $0.start < $1.start }.map(\.undoing)
    }

    // MARK: The end

    private mutating func finish() {
        guard let ending = state.ending else { return }
        if let next = ending.next { return beginAnew(next) }
        isChanged = true
        releaseAll()
        state.status = ending.status
        state.errorMessage = ending.errorMessage
        state.endTime = now
        state.ending = nil
        if ending.status == .completed { state.completionPercentage = 100 }
    }

    /// Compensations and final steps that have begun and are not over.
    private func unfinished() -> [ExecutionID] {
        var found: [ExecutionID] = []
        for (position, step) in state.steps.enumerated() {
            let ids = step.items?.states.indices.map { ExecutionID(step.name, item: $0) } ?? [ExecutionID(step.name)]
            for id in ids {
                let candidate = plan.isFinal(position) ? id : id.compensation
                let status = execution(candidate).status
                if status != .pending, !status.isSettled { found.append(candidate) }
            }
        }
        return found
    }

    /// Ends the process whatever is left to do.
    mutating func endNow() {
        interruptMain()
        for id in running where isMain(id) { abandon(id) }
        for id in unfinished() {
            if execution(id).status == .started { effects.append(.interrupt(id)) }
            settle(id, .cancelled, "the process ended before it was over")
        }
        state.ending = state.ending ?? Ending(.failed, Self.timeoutMessage)
        state.ending?.next = nil
        finish()
    }
}
