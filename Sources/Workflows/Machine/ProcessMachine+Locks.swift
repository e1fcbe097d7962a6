internal import JSON

/// Locks are claimed in the state before they are asked for, and given back after the state says that they are not
/// needed. So a claim in the state of an unfinished process is what makes a share in a lock real, and a share without
/// a claim belongs to nobody.
extension ProcessMachine {
    var holdsProcessLocks: Bool { state.locks.allSatisfy { !$0.step.isEmpty || $0.isHeld } }

    mutating func claimProcessLocks() {
        guard let definitions = plan.definition.locks, !definitions.isEmpty, !state.isDryRun else { return }
        do {
            let claims = try claims(definitions, plan.lockNames, nil)
            state.locks += claims
            effects.append(.acquire(nil, claims))
        } catch {
            beginEnding(Ending(.failed, "\(StepError.invalidConfiguration): locks: \(error.description)"))
        }
    }

    /// Claims the locks of an execution that is about to start.
    /// - Returns: whether it has to wait for them.
    mutating func claimLocks(of id: ExecutionID) throws(ExpressionError) -> Bool {
        let step = planned(id)
        guard let definitions = step.definition.locks, !definitions.isEmpty, !hasClaims(id), !state.isDryRun else {
            return false
        }
        let claims = try claims(definitions, step.lockNames, id)
        state.locks += claims
        let limit = step.definition.pendingTimeout.flatMap { Duration(text: $0) }
        let clock = state.clockMilliseconds
        change(id) {
            $0.status = .blocked
            $0.message = "waits for \(claims.map(\.lock).joined(separator: ", "))"
            $0.dueAt = limit.map { clock + $0.onClock }
        }
        if limit != nil { timed.insert(id) }
        effects.append(.acquire(id, claims))
        return true
    }

    /// In the order of the names, so that two that want the same locks never wait for each other.
    private mutating func claims(
        _ definitions: [LockReference],
        _ names: [ValueTemplate],
        _ id: ExecutionID?
    ) throws(ExpressionError) -> [LockClaim] {
        var claims: [LockClaim] = []
        for (definition, template) in zip(definitions, names) {
            var claim = LockClaim()
            claim.lock = Self.text(try template.evaluate(scope(template.references, id)))
            guard LockReference.namePattern.matches(claim.lock) else {
                throw ExpressionError("\"\(claim.lock)\" is not \(LockReference.namePattern.meaning)")
            }
            claim.step = id?.step ?? ""
            claim.item = id?.item
            claim.limit = definition.limit ?? 1
            // No start of this run has it, and no claim.
            state.sequence += 1
            claim.number = "\(state.rerun).\(state.sequence)"
            if !claims.contains(where: { $0.lock == claim.lock }) { claims.append(claim) }
        }
        return claims.sorted { $0.lock < $1.lock }
    }

    private func belongs(_ claim: LockClaim, to id: ExecutionID?) -> Bool {
        claim.step == (id?.step ?? "") && claim.item == id?.item
    }

    private func hasClaims(_ id: ExecutionID) -> Bool { state.locks.contains { belongs($0, to: id) } }

    /// The locks of an execution, or of the process, are held.
    mutating func acquired(_ id: ExecutionID?) {
        for index in state.locks.indices where belongs(state.locks[index], to: id) && !state.locks[index].isHeld {
            state.locks[index].isHeld = true
            isChanged = true
        }
        guard let id, isKnown(id), execution(id).status == .blocked else { return }
        timed.remove(id)
        let clock = state.clockMilliseconds
        change(id) {
            $0.status = .waiting
            $0.message = nil
            $0.dueAt = clock
        }
        due.append(id)
    }

    /// Gives back what an execution held or waited for.
    mutating func release(_ id: ExecutionID?) {
        guard !state.locks.isEmpty else { return }
        let claims = state.locks.filter { belongs($0, to: id) }
        guard !claims.isEmpty else { return }
        state.locks = state.locks.filter { !belongs($0, to: id) }
        isChanged = true
        effects.append(.release(claims))
    }

    mutating func releaseAll() {
        guard !state.locks.isEmpty else { return }
        effects.append(.release(state.locks))
        state.locks = []
    }

    mutating func giveUpWaitingForLocks(_ id: ExecutionID) {
        let detail = execution(id).message ?? "waits for locks"
        giveUp(id, StepError(.timeout, Self.timeoutMessage, detail: detail))
    }
}
