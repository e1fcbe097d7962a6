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
        next.processId = state.processId
        next.namespace = state.namespace
        next.name = state.name
        next.user = state.user
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
        inputDigest = next.input.map { Digest.sha256($0.serialized()) }
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
            guard let digest = step.inputDigest else { continue }
            let inputs = try? planned.inputs.evaluate(scope(planned.inputs.references, ExecutionID(step.name)))
            if inputs.map(Self.digest) != digest { return "step \(step.name) has begun with other inputs" }
        }
        return nil
    }
}
