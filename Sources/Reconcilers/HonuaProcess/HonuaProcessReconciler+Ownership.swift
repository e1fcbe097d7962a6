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
        return engine.ownership.standing(
            of: process.metadata.uid,
            recordedOwner: shown?.owner,
            hasBegun: shown != nil
        )
    }

    /// Another replica has the process, or is about to: nothing of it stays here.
    func leaveToOwner(_ process: HonuaProcess) -> Requeue {
        let id = process.metadata.uid
        guard let run = engine.snapshot(of: id) else { return .awaitChange }
        if case .queued = run.activity, process.status?.state == nil, !engine.ownership.isLeaving {
            // It may wait here, too: whoever has room first has it.
            return .awaitChange
        }
        if case .ended = run.activity {
            engine.forget(id)
        } else {
            logger.notice("Process \(id) is left to its other owner")
            engine.abandon(id, forgetting: true)
        }
        return .awaitChange
    }

    /// The store says that another replica has taken the process over. The resource will show it; if it does not, that
    /// one has died before, and it is looked at again.
    func leaveToSuccessor(_ process: HonuaProcess) -> Requeue {
        let since = memory.withLock { memory in
            let since = memory[process.metadata.key]?.supersededAt ?? .now
            memory[process.metadata.key]?.supersededAt = since
            return since
        }
        let left = settings.supersededDelay - (ContinuousClock.now - since)
        guard left <= .zero else { return .after(left) }
        memory.withLock { $0[process.metadata.key]?.supersededAt = nil }
        engine.forget(process.metadata.uid)
        return .after(.zero)
    }
}
