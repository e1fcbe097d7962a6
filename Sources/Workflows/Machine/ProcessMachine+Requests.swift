internal import JSON

extension ProcessMachine {
    /// Evaluates everything that an attempt needs.
    func request(_ id: ExecutionID, start: Int, attempt: Int) throws(StepError) -> ExecutionRequest {
        let step = planned(id)
        let record = self[id]
        let isKeyLost = environment.fault == .keyChangesOnRetry && attempt > 1
        let kept = isKeyLost ? nil : execution(id).key
        // An element is run anew by itself, or with the whole list.
        let rerun = record.rerun + (id.item == nil ? 0 : self[ExecutionID(id.step)].rerun)
        let key = kept ?? state.idempotencyKey(id, rerun: isKeyLost ? 1000 + attempt : rerun)
        if id.isCompensation {
            guard let compensation = record.compensation, let inputs = compensation.with else {
                throw .invalid("the inputs of the compensation need outputs that the step never returned")
            }
            return ExecutionRequest(
                id: id,
                start: start,
                action: compensation.action,
                inputs: try checked(inputs, for: compensation.action),
                key: key,
                attempt: attempt,
                timeout: step.definition.compensate?.timeout.flatMap { Duration(text: $0) },
                memo: nil,
                recordedUndo: nil,
                serviceAccountName: state.serviceAccountName,
                isDryRun: state.isDryRun
            )
        }
        if let fault = step.fault { throw .invalid(fault) }
        let inputs: JSONValue
        var memo: ExecutionRequest.Memo?
        do {
            inputs = try step.inputs.evaluate(scope(step.inputs.references, id))
            if let template = step.memoKey, let memoize = step.definition.memoize {
                let text = try template.evaluate(scope(template.references, id))
                memo = .init(key: Self.text(text), timeToLive: memoize.duration)
            }
        } catch {
            throw .invalid(error.description)
        }
        return ExecutionRequest(
            id: id,
            start: start,
            action: step.definition.action,
            inputs: try checked(inputs, for: step.definition.action),
            key: key,
            attempt: attempt,
            timeout: step.definition.timeout.flatMap { Duration(text: $0) },
            memo: state.isDryRun ? nil : memo,
            recordedUndo: recordedUndo(id),
            serviceAccountName: state.serviceAccountName,
            isDryRun: state.isDryRun
        )
    }

    private func checked(_ inputs: JSONValue, for action: String) throws(StepError) -> JSONValue {
        guard let schema = environment.actions.inputSchema(of: action) else {
            let names = environment.actions.names.joined(separator: ", ")
            throw .invalid("there is no action \"\(action)\" here; there are: \(names)")
        }
        if let violation = schema.violations(of: inputs).first {
            throw .invalid(violation.inside("with").description)
        }
        return inputs
    }

    static func text(_ value: JSONValue) -> String {
        value.string ?? String(decoding: value.serialized(), as: UTF8.self)
    }

    // MARK: Compensation

    /// Records what will undo the step. Before the effect its own outputs are not known; what cannot be evaluated
    /// without them is evaluated when they are.
    mutating func recordCompensation(_ id: ExecutionID) {
        guard let definition = planned(id).definition.compensate, environment.fault != .lostCompensation else { return }
        guard let template = planned(id).compensationInputs else { return }
        let inputs = try? template.evaluate(scope(template.references, id, ["outputs": self[id].output ?? .null]))
        var compensation = CompensationState(action: definition.action, with: inputs)
        compensation.recorded = self[id].compensation?.recorded
        compensation.recordedPart = self[id].compensation?.recordedPart
        self[id].compensation = compensation
    }

    /// Takes what an action says would undo it. What an earlier attempt has found counts for more: later ones no longer see
    /// how things were before the first. What the definition declares undoes the step, and the record is kept beside it.
    mutating func recordUndo(_ id: ExecutionID, _ inputs: JSONValue, _ part: PartReference?) {
        guard !id.isCompensation, recordedUndo(id) == nil,
            let action = environment.actions[planned(id).definition.action]?.undoneBy
        else { return }
        if planned(id).definition.compensate == nil {
            self[id].compensation = CompensationState(action: action, with: inputs, part: part)
        } else {
            self[id].compensation?.recorded = inputs
            self[id].compensation?.recordedPart = part
        }
        isChanged = true
    }

    private func recordedUndo(_ id: ExecutionID) -> JSONValue? {
        let compensation = self[id].compensation
        return planned(id).definition.compensate == nil ? compensation?.with : compensation?.recorded
    }

    // MARK: Scope

    func holds(
        _ condition: any Expression,
        _ id: ExecutionID,
        _ extra: [String: JSONValue] = [:]
    ) throws(ExpressionError)
        -> Bool
    {
        let value = try condition.evaluate(scope(condition.references, id, extra))
        guard case .bool(let holds) = value else {
            throw ExpressionError("the condition gives a \(value.kind), expected a boolean")
        }
        return holds
    }

    /// What expressions see.
    /// - Parameter references: what they refer to, so that no more than that is put together.
    func scope(
        _ references: [[String]],
        _ id: ExecutionID? = nil,
        _ extra: [String: JSONValue] = [:]
    ) -> (String) -> JSONValue? {
        { name in
            if let value = extra[name] { return value }
            switch name {
            case "input": return state.input ?? [:]
            case "process": return processValue
            case "steps": return stepsValue(references)
            case "item":
                guard let id, let item = id.item else { return nil }
                return plan.index[id.step].flatMap { listValues[$0]?[item] }
            case "index": return id?.item.map { .int(Int64($0)) }
            default: return nil
            }
        }
    }

    private var processValue: JSONValue {
        var value: JSONValue = [
            "id": .string(state.processId), "name": .string(state.name), "type": .string(state.processType),
            "rerun": .int(Int64(state.rerun)), "status": .string((state.ending?.status ?? state.status).rawValue),
            "namespace": .string(state.namespace ?? ""), "user": .string(state.user ?? ""),
            "errorMessage": .string(state.ending?.errorMessage ?? state.errorMessage ?? ""),
        ]
        value["startTime"] = state.startTime?.json()
        return value
    }

    private func stepsValue(_ references: [[String]]) -> JSONValue {
        let wanted = references.filter { $0.first == "steps" }
        // A step chosen at run time may be any.
        let names = wanted.contains { $0.count == 1 } ? state.steps.map(\.name) : wanted.map { $0[1] }
        var members: [String: JSONValue] = [:]
        for name in names where members[name] == nil {
            guard let position = plan.index[name] else { continue }
            members[name] = value(of: state.steps[position])
        }
        return .object(members)
    }

    private func value(of step: StepState) -> JSONValue {
        var value: JSONValue = [
            "status": .string(step.status.rawValue), "attempt": .int(Int64(step.execution.attempt)),
        ]
        value["outputs"] = step.items.map { .array($0.states.map { $0.output ?? .null }) } ?? step.output ?? .null
        value["message"] = .string(step.execution.message ?? "")
        return value
    }
}
