import JSON
import Workflows

/// The invariants, and what has to be remembered to check them.
///
/// It sees every document at the moment it is stored, every effect at the moment it begins, and every status at the
/// moment the API server takes it.
final class Checks {
    unowned let world: World
    /// Which program has committed under an epoch of a process.
    private var epochOwners: [String: [Int: String]] = [:]
    /// The last epoch of each process that began with a takeover.
    private var takeovers: [String: Int] = [:]
    /// The last program that wrote a process's state; nil after an edit by hand or a loss.
    private var lastWriters: [String: String] = [:]
    /// Processes of which the store has lost a takeover while the former owner lived: two owners know different truths,
    /// and the documents of one give way.
    private var contested: Set<String> = []
    /// Processes whose documents there have been, with their runs.
    private var created: [String: Int] = [:]
    private var parents: [String: String] = [:]
    /// Everything that was ever recorded as started: key and attempt.
    private var started: Set<String> = []
    /// The key of each effect by what it belongs to, and the reverse.
    private var keys: [String: String] = [:]
    private var owners: [String: String] = [:]
    /// Finished processes that may begin to move again, because somebody wants it.
    private var reopenable: Set<String> = []
    /// Starts seen of effects whose target does not recognise keys, since the process was last reopened.
    private var begins: [String: Int] = [:]
    /// When each attempt may begin, by the process's clock.
    private var dueTimes: [String: Int] = [:]
    /// Executions that a command has hurried.
    private var hurried: Set<String> = []
    /// Cancellations that a live owner has got.
    private var cancellations: [String: Duration] = [:]
    private var inside: [Int: Inside] = [:]
    private var effects = 0

    /// An effect that is going on.
    private struct Inside {
        let process: String
        let share: String
        let locks: [LockClaim]
        let program: OperatorProgram
        let epoch: Int
        var isTold = false
    }

    init(world: World) { self.world = world }

    private func require(_ condition: Bool, _ message: @autoclosure () -> String) {
        if !condition { world.violate(message()) }
    }

    // MARK: Documents

    func created(_ id: String, _ state: ProcessState?, by program: OperatorProgram) {
        guard let state else { return world.violate("\(program.name) stored a state of \(id) that cannot be read") }
        note("creates", id, state, program)
        if let former = created[id] {
            // A parent whose state has just been lost finds that out at its next commit.
            let isKnown =
                state.parent.map { world.database.entry(.state(processID: $0)) != nil }
                ?? (program.cache[id]?.status.map { $0.rerun >= state.rerun } ?? false)
            require(
                state.rerun > former || !isKnown,
                "missing state: \(program.name) began \(id) anew, although it had begun before"
            )
            // Nobody knew that it had begun.
            if !isKnown {
                epochOwners[id] = [:]
                dueTimes = dueTimes.filter { !$0.key.hasPrefix("\(id) ") }
                for (child, parent) in parents where parent == id {
                    created[child] = nil
                    epochOwners[child] = [:]
                }
            }
        }
        accept(id, nil, state, program)
    }

    func committed(_ id: String, _ old: ProcessState?, _ new: ProcessState?, by program: OperatorProgram) {
        guard let new else { return world.violate("\(program.name) stored a state of \(id) that cannot be read") }
        note("commits", id, new, program)
        // What cannot be read may be replaced by a new run only.
        guard let old else { return accept(id, nil, new, program) }
        require(
            new.epoch >= old.epoch,
            "former owner: \(program.name) committed \(id) under epoch \(new.epoch), epoch \(old.epoch) was stored"
        )
        require(
            new.version > old.version,
            "status goes backwards: \(program.name) stored version \(new.version) of \(id) over \(old.version)"
        )
        if old.status.isFinished, !new.status.isFinished || new.rerun != old.rerun {
            let isWanted = reopenable.contains(id) || new.parent != nil
            require(isWanted, "finished process: \(id) was \(old.status) and is \(new.status) without a command")
            begins = begins.filter { !$0.key.hasPrefix(id + " ") }
        }
        if new.epoch > old.epoch, new.rerun == old.rerun { takeovers[id] = new.epoch }
        if new.rerun == old.rerun, !contested.contains(id) { checkSteps(id, old, new, program) }
        accept(id, old, new, program)
    }

    private func note(_ verb: String, _ id: String, _ state: ProcessState, _ program: OperatorProgram) {
        world.note(
            "\(program.name) \(verb) \(id) epoch \(state.epoch) version \(state.version) \(state.status) "
                + state.steps.map(\.outline).joined(separator: " ")
        )
        if world.trace.isRecorded, let ending = state.ending {
            world.trace.remark(world.now, "ending \(ending.status) rollsBack \(ending.rollsBack)")
        }
    }

    private func accept(_ id: String, _ old: ProcessState?, _ state: ProcessState, _ program: OperatorProgram) {
        created[id] = max(created[id] ?? 0, state.rerun)
        parents[id] = state.parent
        lastWriters[id] = program.name
        let owner = epochOwners[id, default: [:]][state.epoch]
        require(
            owner == nil || owner == program.name,
            "two owners: \(program.name) and \(owner ?? "") committed \(id) under epoch \(state.epoch)"
        )
        epochOwners[id, default: [:]][state.epoch] = program.name
        if state.status.isFinished {
            cancellations[id] = nil
            require(state.locks.isEmpty, "leaked lock: \(id) is \(state.status) and claims locks")
            require(state.ending == nil, "\(id) is \(state.status) and winds down")
            world.cover("finished.\(state.status.rawValue)")
            if state.rolledBack { world.cover("finished.rolledBack") }
        }
        for (execution, record) in state.executions {
            if record.status == .started, let key = record.key { started.insert("\(key) \(record.attempt)") }
            remember(execution, record, state)
        }
        for claim in state.locks where !claim.step.isEmpty {
            let record = state.record(ExecutionID(claim.step, item: claim.item))
            require(
                record.map { !$0.status.isSettled && $0.status != .pending } ?? false,
                "leaked lock: \(id) claims \(claim.lock) for \(claim.step), which is "
                    + (record?.status.rawValue ?? "unknown")
            )
        }
    }

    /// Attempts must wait for their time.
    private func remember(_ id: ExecutionID, _ record: Execution, _ state: ProcessState) {
        guard let key = record.key else { return }
        let next = "\(state.processId) \(key) \(record.attempt + (record.status == .waiting ? 1 : 0))"
        if record.status == .waiting, let due = record.dueAt {
            if dueTimes[next] == nil { dueTimes[next] = due }
        } else if record.status == .started, let due = dueTimes.removeValue(forKey: next) {
            let isHurried = hurried.contains(state.processId)
            require(
                state.clockMilliseconds >= due || isHurried,
                "retry too early: \(state.processId) \(id) started attempt \(record.attempt) at "
                    + "\(state.clockMilliseconds) ms, due at \(due) ms"
            )
        }
    }

    private func checkSteps(_ id: String, _ old: ProcessState, _ new: ProcessState, _ program: OperatorProgram) {
        var records: [String: StepState] = [:]
        for record in new.steps { records[record.name] = record }
        for step in old.steps {
            guard let now = records[step.name] else {
                require(step.status == .pending, "\(program.name) lost step \(step.name) of \(id)")
                continue
            }
            check(step, now, step.name, id, program)
            guard step.rerun == now.rerun else { continue }
            let items = now.items?.states ?? []
            for item in step.items?.states ?? [] {
                // What was undone may be begun anew.
                if let undone = item.compensation, undone.execution.status != .pending { continue }
                guard let now = items.first(where: { $0.item == item.item }) else {
                    require(
                        item.status != .completed,
                        "\(program.name) lost an element of step \(step.name) of \(id)"
                    )
                    continue
                }
                check(item, now, "\(step.name)[\(item.item ?? 0)]", id, program)
            }
        }
    }

    private func check(
        _ old: StepState,
        _ new: StepState,
        _ name: String,
        _ id: String,
        _ program: OperatorProgram
    ) {
        guard old.status == .completed, old.rerun == new.rerun else { return }
        require(
            new.status == .completed || old.items != nil,
            "completed step: \(program.name) made \(name) of \(id) \(new.status), it was completed in this rerun"
        )
        require(
            new.output == old.output && new.outputPart == old.outputPart,
            "completed step: \(program.name) changed the output of \(name) of \(id)"
        )
    }

    func rolledBack(_ id: String, _ state: ProcessState?) {
        let owners = epochOwners[id] ?? [:]
        if let state, owners.keys.contains(where: { $0 > state.epoch }), let former = owners[state.epoch],
            world.programs.contains(where: { $0.name == former && !$0.isDead })
        {
            contested.insert(id)
        }
        epochOwners[id] = [:]
        lastWriters[id] = nil
        takeovers[id] = nil
        cancellations[id] = nil
        hurried.insert(id)
        created[id] = state?.rerun
    }

    func edited(_ id: String, _ state: ProcessState?) {
        lastWriters[id] = nil
        hurried.insert(id)
        // What cannot be read tells nobody under which epoch it was written; commits are told apart by their ids.
        if state == nil { epochOwners[id] = [:] }
        if let state, !state.status.isFinished { reopenable.insert(id) }
    }

    // MARK: The resource

    func shown(_ id: String, _ old: Resource.Status?, _ new: Resource.Status, by program: OperatorProgram) {
        guard let old else { return }
        require(
            (old.epoch, old.version) <= (new.epoch, new.version) || world.database.hasLostData,
            "status goes backwards: \(program.name) showed epoch \(new.epoch) version \(new.version) of \(id) over "
                + "epoch \(old.epoch) version \(old.version)"
        )
        if old.phase.isFinished, !new.phase.isFinished, new.trouble == nil {
            require(
                new.rerun > old.rerun || wasReopened.contains(id) || world.database.hasLostData,
                "finished process: \(id) is shown as \(new.phase) after \(old.phase)"
            )
        }
    }

    private var wasReopened: Set<String> = []

    func allowReopening(_ id: String) {
        reopenable.insert(id)
        wasReopened.insert(id)
    }

    func commanded(_ id: String, _ command: ProcessCommand, by program: OperatorProgram) {
        switch command {
        case .retryCurrentStep, .decide, .restart, .migrate: hurried.insert(id)
        case .cancel(.graceful):
            // Without a state there is nothing that could be told; the next owner of an imported one is told again.
            if cancellations[id] == nil, world.database.state(id) != nil { cancellations[id] = world.now }
        default: break
        }
    }

    /// A cancellation ends within a minute of health.
    func checkCancellations() {
        for (id, since) in cancellations.sorted(by: { $0.key < $1.key }) {
            let healthySince = max(since, world.lastTrouble)
            guard world.now - healthySince > .seconds(76) else { continue }
            guard let state = world.database.state(id), !state.status.isFinished else { continue }
            world.violate("cancel: \(id) is still \(state.status) \(world.now - since) after it was told")
        }
    }

    // MARK: Effects

    /// An action begins.
    /// - Returns: what to call it at its end.
    func begin(_ action: String, _ context: StepContext, by program: OperatorProgram) -> Int {
        effects += 1
        let (id, name, key) = (context.processID, context.step, context.idempotencyKey)
        let text = "\(program.name) began \(name) of \(id), attempt \(context.attempt)"
        world.note("\(text) key \(key.prefix(8))")
        // Between the last look at the gate and now nothing happens, unless the whole program stood still.
        let isUnaware = program.hasJustResumed
        if isUnaware { world.cover("event.effectAfterPause") }
        require(isUnaware || program.membership.gate.isOpen, "gate: \(text) while its gate was shut")
        require(
            started.contains("\(key) \(context.attempt)"),
            "effect before commit: \(text), which was never recorded as started"
        )
        let isKnown = lastWriters[id] == program.name && !program.unanswered.contains(id)
        guard let state = world.database.state(id), !isUnaware, isKnown else {
            world.cover("event.effectUnderAnother")
            return effects
        }
        guard let execution = ExecutionID(name), let record = state.record(execution) else {
            world.violate("effect before commit: \(text), which the state does not know")
            return effects
        }
        require(
            record.status == .started && record.key == key && record.attempt == context.attempt,
            "effect before commit: \(text), which is recorded as \(record.status), attempt \(record.attempt)"
        )
        checkKey(execution, key, state, text)
        checkAnnouncement(state, text)
        if action == SimulatedAction.Kind.plain.rawValue { checkVisibility(id, key, record, text) }
        if execution.isCompensation { checkOrder(execution, state, text) } else { checkRecord(execution, state, text) }
        inside[effects] = Inside(
            process: id,
            share: "\(id) \(name)",
            locks: state.claims(of: execution),
            program: program,
            epoch: state.epoch
        )
        checkLocks(execution, state, text)
        return effects
    }

    /// One key for each effect, one effect for each key.
    private func checkKey(_ execution: ExecutionID, _ key: String, _ state: ProcessState, _ text: String) {
        guard let rerun = state.step(execution)?.rerun else { return }
        let identity = "\(state.processId) \(execution) rerun \(state.rerun).\(rerun)"
        if let known = keys[identity] {
            require(known == key, "key: \(text) under a key other than that of an earlier attempt")
        }
        if let owner = owners[key] { require(owner == identity, "key: \(text) under the key of \(owner)") }
        keys[identity] = key
        owners[key] = identity
        require(
            world.target.effects[key] ?? 0 <= 1 || world.target.arrivals[key] == world.target.effects[key],
            "effects: \(text), whose key had an effect more than once at a target that recognises keys"
        )
    }

    private func checkAnnouncement(_ state: ProcessState, _ text: String) {
        guard state.parent == nil, takeovers[state.processId] == state.epoch else { return }
        let shown = world.cluster.resources[state.processId]?.status?.epoch ?? 0
        require(shown >= state.epoch, "takeover: \(text) under epoch \(state.epoch), the resource shows \(shown)")
    }

    /// Where a repetition cannot be recognised, it can be seen.
    private func checkVisibility(_ id: String, _ key: String, _ record: Execution, _ text: String) {
        let count = begins["\(id) \(key)", default: 0] + 1
        begins["\(id) \(key)"] = count
        guard !hurried.contains(id), !world.database.hasLostData else { return }
        if count > 1 { world.cover("event.visibleRepetition") }
        require(
            record.attempt + record.interruptions >= count,
            "attempts: \(text) for the \(count)th time, recorded are \(record.attempt) attempts and "
                + "\(record.interruptions) interruptions"
        )
    }

    /// What undoes a step is recorded before its effect.
    private func checkRecord(_ execution: ExecutionID, _ state: ProcessState, _ text: String) {
        guard let definition = definition(state)?.step(named: execution.step) else { return }
        require(
            definition.compensate == nil || state.step(execution)?.compensation != nil,
            "compensation: \(text) without a record of what undoes it"
        )
    }

    /// What was started last is undone first.
    private func checkOrder(_ execution: ExecutionID, _ state: ProcessState, _ text: String) {
        guard let step = state.steps.first(where: { $0.name == execution.step }) else { return }
        let undone = state.step(execution)
        require(
            undone.map { $0.hasHappened && $0.execution.key.map(wasStarted) ?? false } ?? false,
            "compensation: \(text), although the step never happened"
        )
        for other in state.steps where other.name != step.name && !hurried.contains(state.processId) {
            guard let later = other.openStart, let own = step.lastStart, later > own else { continue }
            world.violate("compensation order: \(text), \(other.name) was started later and is not undone")
        }
        world.cover("event.compensation")
    }

    private func wasStarted(_ key: String) -> Bool {
        (1...30).contains { started.contains("\(key) \($0)") }
    }

    func definition(_ state: ProcessState) -> WorkflowDefinition? {
        if !state.definition.steps.isEmpty { return state.definition }
        guard let part = state.definitionPart,
            let entry = world.database.entry(.part(processID: state.processId, digest: part.digest)),
            let json = try? JSONValue(parsing: entry.document.bytes)
        else { return nil }
        return try? WorkflowDefinition(json: json)
    }

    private func checkLocks(_ execution: ExecutionID, _ state: ProcessState, _ text: String) {
        if !execution.isCompensation, let step = definition(state)?.step(named: execution.step), step.locks != nil {
            let claims = state.claims(of: execution)
            require(
                !claims.isEmpty && claims.allSatisfy(\.isHeld),
                "locks: \(text) without holding its locks"
            )
        }
        // What has lost its documents cannot promise exclusion; see the store's page.
        guard !world.database.hasLostData else { return }
        for claim in state.claims(of: execution) {
            var shares: Set<String> = []
            for other in inside.values where other.locks.contains(where: { $0.lock == claim.lock }) {
                let isCounted =
                    !other.isTold && !other.program.isDead && !other.program.isPaused && !other.program.isStopping
                    && world.database.state(other.process)?.epoch == other.epoch
                    // Whoever settles by hand what runs gives its locks back.
                    && !hurried.contains(other.process)
                if isCounted { shares.insert(other.share) }
            }
            if shares.count > 1 { world.cover("event.sharedLock") }
            require(
                shares.count <= claim.limit,
                "locks: \(text), now \(shares.count) are inside \(claim.lock), at most \(claim.limit) may be: "
                    + shares.sorted().joined(separator: ", ")
            )
        }
    }

    /// An action was told to stop.
    func isTold(_ effect: Int) { inside[effect]?.isTold = true }

    func end(_ effect: Int, by program: OperatorProgram) { inside[effect] = nil }
}
