internal import JSON

extension ProcessMachine {
    /// Starts what can start, and ends the process when nothing is left.
    mutating func advance() {
        if state.ending == nil, openSteps.main > 0, state.status == .running, holdsProcessLocks {
            startReady(final: false)
        }
        // Final steps are steps: none begins during a pause.
        if state.ending == nil, openSteps.main == 0, state.status == .running || openSteps.final == 0 { finishMain() }
        if state.ending != nil { unwind() }
        updateProgress()
    }

    /// Starts executions while there is room: first those that have been started before, then elements of lists that are
    /// being worked through, then steps.
    mutating func startReady(final: Bool) {
        if holdsStarts, !final { return }
        let isWanted = { [plan] (position: Int) in plan.isFinal(position) == final }
        // A failure on the way ends the steps, and lets the final ones begin.
        while atWork < environment.limits.stepParallelism, (state.ending != nil) == final {
            if let position = due.firstIndex(where: { !$0.isCompensation && isFinal($0) == final }) {
                restart(due.remove(at: position))
            } else if let list = nextList(isWanted) {
                startItem(of: list)
            } else if let position = ready.firstIndex(where: isWanted) {
                beginStep(ready.remove(at: position))
            } else {
                return
            }
        }
    }

    /// How many executions take one of the process's places. A step that waits for a sub-process takes none: the
    /// sub-process may wait for a lock that somebody holds here who waits for a place.
    private var atWork: Int {
        guard plan.hasSubprocesses else { return running.count }
        return running.count { planned($0).definition.action != SubprocessAction.actionName }
    }

    private func nextList(_ isWanted: (Int) -> Bool) -> Int? {
        guard !lists.isEmpty else { return nil }
        return lists.keys.sorted().first { position in
            guard isWanted(position), let list = lists[position] else { return false }
            let step = plan.steps[position].definition
            let count = state.steps[position].items?.states.count ?? 0
            return list.next < count && list.active < step.forEach?.parallelism ?? .max
        }
    }

    private mutating func startItem(of position: Int) {
        guard let next = lists[position]?.next else { return }
        lists[position]?.next = next + 1
        let id = ExecutionID(state.steps[position].name, item: next)
        // Elements that a repair or a retry has left settled between pending ones.
        guard self[id].status == .pending else { return }
        lists[position]?.active += 1
        begin(id)
    }

    // MARK: Beginning

    /// A step's turn has come: its condition and its list are evaluated once.
    private mutating func beginStep(_ position: Int) {
        let id = ExecutionID(state.steps[position].name)
        let step = plan.steps[position]
        if let fault = step.fault { return refuse(id, .invalid(fault)) }
        guard let items = step.items else { return begin(id) }
        do {
            if let when = step.when, !when.references.contains(where: Self.isAboutItem), try !holds(when, id) {
                return settle(id, .skipped, "its condition is false")
            }
            let values = try items.evaluate(scope(items.references, id))
            guard case .array(let elements) = values else {
                return refuse(id, .invalid("forEach.items gives a \(values.kind), expected a list"))
            }
            guard elements.count <= ForEach.maximumItems else {
                let limit = ForEach.maximumItems
                return refuse(
                    id,
                    .invalid("forEach.items has \(elements.count) elements, at most \(limit) are allowed")
                )
            }
            listValues[position] = values
            self[id].itemCount = elements.count
            self[id].items = StepItems(elements.indices.map { StepState(item: $0) })
            self[id].status = .started
            self[id].execution.startTime = now
            state.currentStep = id.step
            lists[position] = ListProgress(open: elements.count)
            if elements.isEmpty { settleList(position) }
        } catch {
            refuse(id, .invalid(error.description))
        }
    }

    private static func isAboutItem(_ reference: [String]) -> Bool {
        reference.first == "item" || reference.first == "index"
    }

    /// The first start of a step without a list, or of an element.
    private mutating func begin(_ id: ExecutionID) {
        do {
            if let when = planned(id).when, try !holds(when, id) {
                return settle(id, .skipped, "its condition is false")
            }
            if try claimLocks(of: id) { return }
        } catch {
            return refuse(id, .invalid(error.description))
        }
        start(id)
    }

    /// What a step needs cannot be put together. In a plan that is so for all that depends on what earlier steps return.
    private mutating func refuse(_ id: ExecutionID, _ error: StepError) {
        guard state.isDryRun else { return giveUp(id, error) }
        settle(id, .skipped, "cannot be planned: \(error.detail ?? error.summary)")
    }

    /// Goes on with an execution that has waited.
    private mutating func restart(_ id: ExecutionID) {
        guard execution(id).status == .waiting else { return }
        start(id)
    }

    /// Records an execution as started, with all that a rollback will need, and asks for its action to be run.
    mutating func start(_ id: ExecutionID) {
        let request: ExecutionRequest
        do {
            request = try self.request(id, start: state.sequence + 1, attempt: execution(id).attempt + 1)
        } catch {
            return refuse(id, error)
        }
        state.sequence += 1
        let now = now
        change(id) {
            $0.status = .started
            $0.attempt += 1
            $0.start = request.start
            $0.key = request.key
            $0.dueAt = nil
            $0.startTime = $0.startTime ?? now
            $0.endTime = nil
        }
        if !id.isCompensation {
            self[id].inputDigest = Self.digest(request.inputs)
            recordCompensation(id)
            state.currentStep = id.step
        }
        running.append(id)
        effects.append(.run(request))
    }

    static func digest(_ inputs: JSONValue) -> String { String(Digest.sha256(inputs.serialized()).prefix(16)) }

    // MARK: Progress

    /// The share of the steps that are done, a list counting by its elements; never goes back within a run.
    private mutating func updateProgress() {
        guard !state.status.isFinished, state.ending.map({ $0.status == .completed }) ?? true else { return }
        var done = Double(completedMain)
        for (position, list) in lists where !plan.isFinal(position) {
            let count = state.steps[position].items?.states.count ?? 0
            if count > 0 { done += Double(count - list.open) / Double(count) }
        }
        let percentage = min(99, Int(done * 100 / Double(max(1, plan.mainCount))))
        state.completionPercentage = max(state.completionPercentage, percentage)
    }
}

extension StepError {
    /// A definition or an input that does not allow a step to be run.
    static func invalid(_ detail: String) -> StepError {
        StepError(.permanent, invalidConfiguration, detail: detail)
    }
}
