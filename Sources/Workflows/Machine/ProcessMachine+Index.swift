extension ProcessMachine {
    /// Makes everything that follows from the state.
    mutating func index() {
        (ready, running, timed, undecided, due, lists, listValues, undoing) = ([], [], [], [], [], [:], [:], nil)
        openSteps = (0, 0)
        completedMain = 0
        for (position, step) in state.steps.enumerated() { note(step, position) }
        countOpenNeeds()
        for position in state.steps.indices where state.steps[position].items != nil { evaluateList(position) }
        for (position, step) in state.steps.enumerated()
        where step.status == .pending && openNeeds[position] == 0 && failedNeed(of: position) == nil {
            ready.append(position)
        }
    }

    private mutating func countOpenNeeds() {
        openNeeds = plan.steps.map { $0.needs.count { !state.steps[$0].status.isSettled } }
        // A step may be completed although something that it needs was undone and is to run anew. Whatever needs the
        // one needs the other as well.
        var open = state.steps.indices.filter { openNeeds[$0] > 0 && state.steps[$0].status.isSettled }
        while let position = open.popLast() {
            for dependent in plan.steps[position].dependents {
                openNeeds[dependent] += 1
                if openNeeds[dependent] == 1, state.steps[dependent].status.isSettled { open.append(dependent) }
            }
        }
    }

    /// A need that is settled in a way that lets nothing follow.
    func failedNeed(of position: Int) -> Int? {
        plan.steps[position].needs.first {
            state.steps[$0].status.isSettled && !state.steps[$0].status.satisfiesNeeds
        }
    }

    private mutating func note(_ step: StepState, _ position: Int) {
        let isMain = !plan.isFinal(position)
        if step.status.isSettled {
            if isMain, step.status.satisfiesNeeds { completedMain += 1 }
        } else if isMain {
            openSteps.main += 1
        } else {
            openSteps.final += 1
        }
        let id = ExecutionID(step.name)
        if let items = step.items?.states {
            for (index, item) in items.enumerated() { note(item, ExecutionID(step.name, item: index)) }
            guard step.status == .started else { return }
            let open = items.filter { !$0.status.isSettled }
            let active = open.count { $0.status != .pending }
            let next = items.firstIndex { $0.status == .pending } ?? items.count
            lists[position] = ListProgress(next: next, open: open.count, active: active)
        } else {
            note(step, id)
        }
    }

    /// The same as when the step began, since nothing it refers to changes after that.
    private mutating func evaluateList(_ position: Int) {
        guard let template = plan.steps[position].items else { return }
        listValues[position] = try? template.evaluate(scope(template.references))
    }

    private mutating func note(_ record: StepState, _ id: ExecutionID) {
        note(record.execution, id)
        if let compensation = record.compensation { note(compensation.execution, id.compensation) }
    }

    private mutating func note(_ execution: Execution, _ id: ExecutionID) {
        switch execution.status {
        case .started: running.append(id)
        case .waiting: timed.insert(id)
        case .undecided: undecided.insert(id)
        case .blocked where execution.dueAt != nil: timed.insert(id)
        default: break
        }
    }
}
