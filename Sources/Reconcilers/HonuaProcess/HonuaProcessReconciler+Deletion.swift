internal import CRDs
internal import JSON
internal import KubeClient
internal import KubeRuntime
internal import Logging
internal import Synchronization
internal import Workflows

extension HonuaProcessReconciler {
    /// The resource is to go: first its run, then its state, then the finalizer.
    func cleanUp(_ process: HonuaProcess) async throws -> Requeue {
        guard process.hasFinalizer else { return .awaitChange }
        let id = process.metadata.uid
        let waited = timeSinceDeletionSeen(process)
        if let requeue = stopRun(id, waited) { return requeue }
        do {
            if waited < settings.deletionLimit, let begun = try await engine.beginning(of: id) {
                // Whoever runs it shows itself soon, or dies.
                if begun.livingOther != nil { return .after(.seconds(1)) }
                // Its owner has died: what it has done is to be undone first.
                if !begun.isFinished, begun.epoch > 0 {
                    let knownEpoch = process.status?.state?.epoch ?? 0
                    engine.submit(recoveryRequest(for: process), mode: .recover(knownEpoch: knownEpoch))
                    return .after(.milliseconds(50))
                }
            }
            try await engine.removeState(of: id)
        } catch let error as StoreUnavailable {
            guard waited >= settings.storeOutageLimit else { return .after(.seconds(2)) }
            // A store that is gone for good must not keep namespaces from being deleted.
            record(
                .warning,
                "StateNotRemoved",
                "the state of the deleted process could not be removed: \(error)",
                process
            )
        }
        try await removeFinalizer(from: process)
        logger.info("Process \(id) cleanup ended: the resource is released")
        return .awaitChange
    }

    /// Cancels the run. Nil when there is none any more.
    private func stopRun(_ id: String, _ waited: Duration) -> Requeue? {
        guard let run = engine.snapshot(of: id) else { return nil }
        switch run.activity {
        case .ended:
            engine.forget(id)
            return nil
        case .queued:
            engine.abandon(id)
            return .after(.milliseconds(50))
        case .opening where waited < settings.deletionLimit && run.heldBecause == nil:
            return .after(.milliseconds(50))
        case .announcing where waited < settings.deletionLimit:
            // Nobody else is there to whom a takeover would have to be announced.
            if let epoch = run.state?.epoch { engine.announced(id, epoch: epoch) }
            return .after(.milliseconds(50))
        case .opening, .announcing:
            engine.abandon(id)
            return .after(.milliseconds(50))
        case .live:
            // A run whose commits are held cannot record its cancellation, and one that does not end in time is left.
            let limit = run.heldBecause == nil ? settings.deletionLimit : min(settings.deletionLimit, .seconds(10))
            guard waited < limit else {
                engine.abandon(id)
                return .after(.milliseconds(50))
            }
            engine.send(.cancel(.graceful), to: id)
            return .after(limit - waited)
        }
    }

    private func timeSinceDeletionSeen(_ process: HonuaProcess) -> Duration {
        let seen = memory.withLock { memory in
            let seen = memory[process.metadata.key]?.deletionSeen ?? .now
            memory[process.metadata.key]?.deletionSeen = seen
            return seen
        }
        return ContinuousClock.now - seen
    }

    private func removeFinalizer(from process: HonuaProcess) async throws {
        let metadata = process.metadata
        let finalizers = (metadata.finalizers ?? []).filter { $0 != HonuaProcess.finalizer }
        let patch: JSONValue = [
            "metadata": [
                "resourceVersion": .string(metadata.resourceVersion), "finalizers": finalizers.json(),
            ]
        ]
        _ = try await resources(metadata).patch(metadata.name, .merge(patch))
    }
}
