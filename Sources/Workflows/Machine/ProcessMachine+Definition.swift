internal import JSON

extension ProcessMachine {
    // MARK: Restart

    /// What runs is interrupted; when it has stopped, the process begins anew with the other definition.
    mutating func restart(with request: RestartRequest) {
        guard state.ending == nil || state.ending?.next != nil else { return }
        guard state.ending?.next != request else { return }
        var ending = Ending(.pending)
        ending.next = request
        state.incompatibility = nil
        beginEnding(ending)
    }

    mutating func beginAnew(_ request: RestartRequest) {
        isChanged = true
        releaseAll()
        var next = ProcessState()
        next.version = state.version
        next.epoch = state.epoch
        next.owner = state.owner
        next.appliedCommands = state.appliedCommands
        next.processId = state.processId
        next.namespace = state.namespace
        next.name = state.name
        next.user = state.user
        next.serviceAccountName = request.serviceAccountName
        next.isDryRun = state.isDryRun
        next.rerunToken = state.rerunToken
        next.parent = state.parent
        next.rerun = state.rerun + 1
        next.sequence = state.sequence
        next.createdResources = state.createdResources
        next.startTime = now
        next.input = request.input
        next.pin(request.definition, timeout: request.timeoutMilliseconds)
        next.retry = request.retry
        next.onFailure = request.onFailure
        state = next
        measureInput()
        plan = Plan(request.definition, environment: environment)
        index()
        unfoldAll()
        claimProcessLocks()
        advance()
    }

    // MARK: Migration

    /// Goes on with another definition, if every step that has begun is in it, does the same, and did so with the same
    /// inputs. Otherwise no new step starts until the definition fits, or the policy is another one.
    mutating func migrate(to definition: WorkflowDefinition) {
        guard state.ending == nil else { return }
        let next = Plan(definition, environment: environment)
        if next.hash == plan.hash {
            guard state.incompatibility != nil else { return }
            state.incompatibility = nil
            state.status = .running
            isChanged = true
            return
        }
        if let reason = incompatibility(of: next) {
            guard state.incompatibility != reason else { return }
            state.incompatibility = reason
            if state.status == .running { state.status = .paused }
            isChanged = true
            return
        }
        let records = Dictionary(state.steps.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
        if state.incompatibility != nil { state.status = .running }
        state.incompatibility = nil
        state.steps = next.steps.map { records[$0.definition.name] ?? StepState(name: $0.definition.name) }
        state.definition = definition
        state.definitionHash = next.hash
        state.definitionPart = nil
        plan = next
        let former = due
        index()
        unfoldAll()
        due = former.filter { isKnown($0) && execution($0).status == .waiting }
        // What has been added may need what has failed.
        followFailures()
        isChanged = true
    }

    private func incompatibility(of next: Plan) -> String? {
        if let violation = next.violations.first { return violation.description }
        for step in state.steps where step.status != .pending {
            guard let position = next.index[step.name] else { return "step \(step.name) has begun and is gone" }
            let planned = next.steps[position]
            let former = self.planned(ExecutionID(step.name)).definition
            if planned.definition.action != former.action {
                return "step \(step.name) has begun with action \(former.action), not \(planned.definition.action)"
            }
            if (planned.definition.forEach == nil) != (former.forEach == nil) {
                return "step \(step.name) has begun, and only one of its definitions has a list"
            }
            if let items = step.items?.states {
                if let reason = incompatibility(ofList: items, planned) { return reason }
            } else if !hasSameInputs(step, ExecutionID(step.name), planned) {
                return "step \(step.name) has begun with other inputs"
            }
        }
        return nil
    }

    private func incompatibility(ofList items: [StepState], _ next: PlannedStep) -> String? {
        let name = next.definition.name
        let former = planned(ExecutionID(name))
        guard listValue(next) == listValue(former) else { return "step \(name) has begun with another list" }
        for (place, item) in items.enumerated() where !hasSameInputs(item, ExecutionID(name, item: place), next) {
            return "step \(name) has begun with other inputs"
        }
        return nil
    }

    private func listValue(_ step: PlannedStep) -> JSONValue? {
        step.items.flatMap { template in try? template.evaluate(scope(template.references)) }
    }

    /// Whether a step or an element that has been started would be started with the same inputs.
    private func hasSameInputs(_ record: StepState, _ id: ExecutionID, _ next: PlannedStep) -> Bool {
        guard let digest = record.inputDigest else { return true }
        let inputs = try? next.inputs.evaluate(scope(next.inputs.references, id))
        return inputs.map(Self.digest) == digest
    }
}
