internal import CRDs
internal import KubeClient
internal import KubeRuntime
internal import Logging
internal import Synchronization
internal import Workflows

extension HonuaProcessReconciler {
    /// Whose the process is, by what the resource shows.
    func standing(of process: HonuaProcess) -> Standing {
        let shown = process.status?.state
        if let store = shown?.store ?? process.acceptedInto, store != engine.store.name {
            // Some replicas have reached Redis, and others work in memory until they do. Whoever has the state has the
            // process; nobody else says anything about it.
            if engine.ownership.isProvisional { return .theirs }
            if engine.store.isDurable, let owner = shown?.owner, engine.ownership.leads(owner) { return .theirs }
        }
        return engine.ownership.standing(
            of: process.metadata.uid,
            recordedOwner: shown?.owner,
            hasBegun: shown != nil
        )
    }

    /// Another replica has the process, or is about to: nothing of it stays here. Nil when something does: as long as the
    /// resource shows no owner, whoever creates the state first has the process.
    func leaveToOwner(_ process: HonuaProcess) -> Requeue? {
        let id = process.metadata.uid
        guard let run = engine.snapshot(of: id) else { return .awaitChange }
        if process.status?.state == nil {
            guard case .queued = run.activity else { return nil }
            let isWanted =
                !process.isFinished && !process.isBeingDeleted && process.wantsCancellation == nil
                && !process.wantsSuspension
            if isWanted, !engine.ownership.isLeaving { return .awaitChange }
        }
        memory.withLock { $0[process.metadata.key]?.supersededAt = nil }
        if case .ended = run.activity {
            engine.forget(id)
        } else {
            logger.notice("Process \(id) is left to its other owner")
            engine.abandon(id, forgetting: true)
        }
        return .awaitChange
    }

    /// A living replica has begun the process and does not show it, perhaps because it has started anew meanwhile and does
    /// not know. With its name in the resource it goes on.
    func show(_ owner: String, _ epoch: Int, _ process: HonuaProcess) async throws -> Requeue {
        let outlook = ProcessOutlook.working(.progressing, message: "runs on replica \(owner)")
        let phase = process.isFinished ? nil : process.status?.phase
        var status = projection(process).status(outlook, phase: phase ?? .running)
        var reference = status.state ?? StateReference(in: engine.store.name)
        reference.epoch = max(reference.epoch, epoch)
        reference.owner = owner
        status.state = reference
        try await write(status, to: process)
        return .awaitChange
    }

    /// The store says that another replica has taken the process over. The resource will show it; if it does not, that
    /// one has died, or has started anew and does not know.
    func leaveToSuccessor(_ process: HonuaProcess) async throws -> Requeue {
        let id = process.metadata.uid
        let since = memory.withLock { memory in
            let since = memory[process.metadata.key]?.supersededAt ?? .now
            memory[process.metadata.key]?.supersededAt = since
            return since
        }
        let left = settings.supersededDelay - (ContinuousClock.now - since)
        guard left <= .zero else { return .after(left) }
        let begun = try await engine.beginning(of: id)
        memory.withLock { $0[process.metadata.key]?.supersededAt = nil }
        engine.forget(id)
        if let begun, let owner = begun.livingOther, process.status?.state?.owner != owner {
            return try await show(owner, begun.epoch, process)
        }
        return .after(.zero)
    }
}
