extension ProcessMachine {
    /// Makes everything that follows from the state.
    mutating func index() {
        openNeeds = []
        (ready, running, timed, undecided, due, lists, listValues, undoing) = ([], [], [], [], [], [:], [:], nil)
        openSteps = (0, 0)
        completedMain = 0
        for (position, step) in state.steps.enumerated() {
            openNeeds.append(plan.steps[position].needs.count { !state.steps[$0].status.isSettled })
            note(step, position)
        }
        for position in state.steps.indices where state.steps[position].items != nil { evaluateList(position) }
        for (position, step) in state.steps.enumerated()
        where step.status == .pending && openNeeds[position] == 0 {
            ready.append(position)
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
            guard !step.status.isSettled else { return }
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
        case .blocked: if execution.dueAt != nil { timed.insert(id) }
        default: break
        }
    }
}
