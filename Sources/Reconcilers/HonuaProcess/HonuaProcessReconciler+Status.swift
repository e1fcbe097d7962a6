internal import CRDs
internal import JSON
internal import KubeClient
internal import KubeRuntime
internal import Logging
internal import Synchronization
internal import Workflows

extension HonuaProcessReconciler {
    func resources(_ metadata: ObjectMeta) -> ResourceClient<HonuaProcess> {
        controller.resources(namespace: metadata.namespace)
    }

    func projection(_ process: HonuaProcess) -> StatusProjection {
        StatusProjection(process: process, storeName: engine.store.name, now: Timestamp.now.wholeSeconds)
    }

    /// Writes a status unless it changes nothing. A change of the resource that is not seen yet makes it a conflict,
    /// and the key is tried again with the newer resource.
    /// - Returns: whether anything was written.
    @discardableResult
    func write(_ status: HonuaProcessStatus, to process: HonuaProcess) async throws -> Bool {
        let old = process.status?.json() ?? [:]
        let change = status.json().mergePatch(from: old)
        guard change != [:] else { return false }
        let metadata = process.metadata
        let patch: JSONValue = [
            "metadata": ["resourceVersion": .string(metadata.resourceVersion)], "status": change,
        ]
        _ = try await resources(metadata).patch(metadata.name, .merge(patch), subresource: .status)
        memory.withLock { $0[metadata.key]?.lastReport = .now }
        return true
    }

    /// Marks the resource as ours before anything happens for it, as started under its present identity, and with the
    /// store that will know how far it has come: until the status shows that, nobody with another store may begin it.
    func addFinalizer(to process: HonuaProcess) async throws -> HonuaProcess {
        let metadata = process.metadata
        let finalizers = (metadata.finalizers ?? []) + [HonuaProcess.finalizer]
        let patch: JSONValue = [
            "metadata": [
                "resourceVersion": .string(metadata.resourceVersion), "finalizers": finalizers.json(),
                "labels": [HonuaProcess.processIDLabel: .string(metadata.uid)],
                "annotations": [HonuaProcess.stateStoreAnnotation: .string(engine.store.name)],
            ]
        ]
        return try await resources(metadata).patch(metadata.name, .merge(patch))
    }

    // MARK: Statuses without a run

    func showSuspended(_ process: HonuaProcess) async throws -> Requeue {
        let outlook = ProcessOutlook.working(.suspended, message: "suspended before it began")
        try await write(projection(process).status(outlook, phase: .pending, isSuspended: true), to: process)
        return .awaitChange
    }

    func showCancelledBeforeStart(_ process: HonuaProcess) async throws -> Requeue {
        let outlook = ProcessOutlook.failed(.cancelled, message: "cancelled before it began")
        var status = projection(process).status(outlook, phase: .cancelled)
        // The token asked for a run that will not come; only another one asks for another.
        status.rerunToken = process.spec["rerunToken"]?.string
        if try await write(status, to: process) {
            record(.normal, "ProcessCancelled", "cancelled before it began", process)
        }
        return .awaitChange
    }

    /// A finished process whose spec was edited: only the observed generation and the hint about the edit change.
    /// - Returns: whether anything was written.
    @discardableResult
    func showObservedGeneration(_ process: HonuaProcess) async throws -> Bool {
        let generation = process.metadata.generation
        guard var status = process.status, status.observedGeneration != generation else { return false }
        let isChanged = isDefinitionChanged(process, since: nil)
        status.observedGeneration = generation
        let outlook = ProcessOutlook(finished: status)
        status.conditions = outlook.conditions(
            previous: status.conditions ?? [],
            ProcessOutlook.Marks(isDefinitionChanged: isChanged, isRolledBack: outlook.reason == .rolledBack),
            generation: generation,
            now: Timestamp.now.wholeSeconds
        )
        return try await write(status, to: process)
    }

    /// The state is in a store that this replica does not use.
    func waitForStore(_ store: String, _ process: HonuaProcess) async throws -> Requeue {
        // What is only in memory is moved here by whoever has it, or is lost.
        if engine.store.isDurable {
            if try await engine.beginning(of: process.metadata.uid) != nil {
                engine.submit(
                    recoveryRequest(for: process),
                    mode: .recover(knownEpoch: process.status?.state?.epoch ?? 0)
                )
                return .awaitChange
            }
            return try await waitForState(process, last: nil)
        }
        let message = "the state is in \(store), and this operator keeps state in \(engine.store.name)"
        let outlook = ProcessOutlook.working(.waitingForRecovery, message: message)
        try await write(projection(process).status(outlook, phase: nil), to: process)
        return .awaitChange
    }

    /// The process has run, but its state is gone: it waits for somebody to bring it back, and is never started anew.
    /// - Parameter last: what was stored last, if this replica knows.
    func waitForState(_ process: HonuaProcess, last: ProcessSummary?) async throws -> Requeue {
        let key = process.metadata.key
        let since = memory.withLock { memory in
            let since = memory[key]?.stateMissingSince ?? .now
            memory[key]?.stateMissingSince = since
            return since
        }
        guard ContinuousClock.now - since < settings.recoveryGracePeriod else {
            let message = "\(InvalidState.summary): the state is gone and has not come back"
            let outlook = ProcessOutlook.failed(.invalidState, message: message)
            try await write(projection(process).status(outlook, phase: .failed), to: process)
            record(.warning, "ProcessFailed", message, process)
            return .awaitChange
        }
        let message =
            engine.store.isDurable
            ? "the state is gone from \(engine.store.name); restore it there to go on"
            : "the state was in the memory of an operator that has ended, and is lost"
        let outlook = ProcessOutlook.working(.waitingForRecovery, message: message)
        var status = projection(process).status(outlook, phase: nil)
        if status.state == nil {
            // A resource that does not show that its process has begun would be begun anew.
            let store = process.acceptedInto ?? engine.store.name
            status.state = last.map { StateReference(store: store, $0) } ?? StateReference(in: store)
        }
        if try await write(status, to: process) {
            logger.warning("Process \(process.metadata.uid) waiting: \(message)")
        }
        return .after(settings.recoveryInterval)
    }

    // MARK: Questions

    /// Whether the resource is as it was seen. The watch may be late, and what another replica has begun and the store has
    /// lost must not begin anew.
    func isUnchanged(_ process: HonuaProcess) async throws -> Bool {
        let metadata = process.metadata
        let current = try await resources(metadata).get(metadata.name)
        return current.metadata.uid == metadata.uid && current.metadata.resourceVersion == metadata.resourceVersion
    }

    /// Whether a run has ended and the resource shows its last state.
    func isShown(_ run: RunSnapshot, _ process: HonuaProcess) -> Bool {
        guard case .ended(.finished) = run.activity, let state = run.state, let shown = process.status?.state else {
            return false
        }
        return (shown.epoch, shown.version) >= (state.epoch, state.version)
    }

    /// Whether the spec asks for something else than what the run began with.
    /// - Parameter state: nil for a finished process, of which only the definition's hash is known.
    func isDefinitionChanged(_ process: HonuaProcess, since state: ProcessSummary?) -> Bool {
        // The first generation is what the run began with; templates have generations of their own.
        guard let generation = process.metadata.generation, generation > 1 || process.spec.usesTemplates else {
            return false
        }
        guard let request = try? request(for: process) else { return true }
        guard let state else { return process.status?.definition?.hash != request.definition.hash }
        let digest = request.input.map { Digest.sha256($0.serialized()) }
        return state.definitionHash != request.definition.hash || state.inputDigest != digest
    }

    // MARK: Memory

    func remember(_ process: HonuaProcess) {
        let metadata = process.metadata
        let former = memory.withLock { memory -> String? in
            let former = memory[metadata.key]?.uid
            guard former != metadata.uid else { return nil }
            memory[metadata.key] = Memory(uid: metadata.uid)
            return former
        }
        // The name stands for another object now: the one before is gone, and its run with it.
        if let former { forgetRun(former) }
    }

    func recall(_ key: ObjectKey) -> Memory? { memory.withLock { $0[key] } }

    func noteRun(_ state: ProcessSummary, _ key: ObjectKey) {
        memory.withLock { memory in
            memory[key]?.stateMissingSince = nil
            guard memory[key]?.runSeen?.rerun != state.rerun else { return }
            memory[key]?.runSeen = (state.rerun, .now)
        }
    }

    /// The resource is gone.
    func leave(_ key: ObjectKey) {
        guard let uid = memory.withLock({ $0.removeValue(forKey: key)?.uid }) else { return }
        forgetRun(uid)
    }

    private func forgetRun(_ uid: String) {
        _ = rung.withLock { $0.remove(uid) }
        engine.abandon(uid, forgetting: true)
    }

    // MARK: Events

    func record(_ severity: EventRecorder.Severity, _ reason: String, _ message: String, _ process: HonuaProcess) {
        events.record(severity, reason, message, about: process.metadata, of: HonuaProcess.api)
    }

    /// One event for the start and one for the end of a run; what lies between is in the log and the status.
    func recordTransition(from before: HonuaProcessStatus?, to state: ProcessSummary, _ process: HonuaProcess) {
        let isNewRun = before?.state == nil || before?.rerun != state.rerun
        if isNewRun {
            let again = state.rerun > 0 ? " again" : ""
            let message = "\(state.processType) started\(again), steps: \(state.stepCount)"
            record(.normal, "ProcessStarted", message, process)
        }
        guard isNewRun || before?.phase != state.status else { return }
        switch state.status {
        case .completed: record(.normal, "ProcessCompleted", "all \(state.stepCount) steps are completed", process)
        case .cancelled: record(.normal, "ProcessCancelled", "the process is cancelled", process)
        case .failed:
            let message = state.errorMessage ?? "no reason was recorded"
            let isTimeout = message == ProcessOutlook.timeoutMessage
            record(.warning, isTimeout ? "ProcessTimedOut" : "ProcessFailed", message, process)
        case .pending, .running, .paused, .cancelling: break
        }
    }
}
