internal import CRDs
internal import JSON
internal import KubeClient
internal import KubeRuntime
internal import Logging
internal import Workflows

extension HonuaProcessReconciler {
    /// The resource carries the id of another one: it was restored from a backup, or copied. Somebody has to say which
    /// it is; see `HonuaProcess.adoptAnnotation`.
    func waitForAdoption(_ process: HonuaProcess) async throws -> Requeue {
        let former = process.formerID ?? ""
        let message: String
        switch process.adoption {
        case nil:
            message =
                "the resource was started as process \(former), which is not its UID: it was restored or copied. "
                + "Let it go on from the state of that process with: honua process adopt \(process.metadata.name); "
                + "or run it as a new process with: honua process adopt --anew \(process.metadata.name)"
        case .anew:
            try await takeIdentity(process)
            return .after(.zero)
        case .of(let id):
            do {
                if let objection = try await objection(to: id, process) {
                    message = objection
                    break
                }
                guard try await engine.adopt(id, as: process.metadata.uid, name: process.metadata.name) == .missing
                else {
                    record(.normal, "ProcessAdopted", "goes on from the state of process \(id)", process)
                    logger.notice("Process \(process.metadata.uid) goes on from the state of process \(id)")
                    try await takeIdentity(process)
                    return .after(.zero)
                }
                message =
                    "there is no state of process \(id) in \(engine.store.name) to go on from; "
                    + "import it with: honua state import"
            } catch let error as InvalidState {
                message = "the state of process \(id) cannot be adopted: \(error)"
            }
        }
        let outlook = ProcessOutlook.working(.waitingForRecovery, message: message)
        try await write(projection(process).status(outlook, phase: nil), to: process)
        return process.adoption == nil ? .awaitChange : .after(settings.recoveryInterval)
    }

    /// Why a resource may not have the state of a process; nil when it may.
    private func objection(to id: String, _ process: HonuaProcess) async throws -> String? {
        let begun = try await engine.beginning(of: id)
        if let namespace = begun?.namespace, namespace != process.metadata.namespace {
            return "process \(id) is one of another namespace"
        }
        guard begun?.livingOther == nil, engine.snapshot(of: id) == nil, !knows(id) else {
            return "process \(id) has a resource of its own, or runs; delete that, or use --anew"
        }
        return nil
    }

    /// The resource is what its UID says.
    private func takeIdentity(_ process: HonuaProcess) async throws {
        let metadata = process.metadata
        var finalizers = metadata.finalizers ?? []
        if !finalizers.contains(HonuaProcess.finalizer) { finalizers.append(HonuaProcess.finalizer) }
        let patch: JSONValue = [
            "metadata": [
                "resourceVersion": .string(metadata.resourceVersion), "finalizers": finalizers.json(),
                "labels": [HonuaProcess.processIDLabel: .string(metadata.uid)],
                "annotations": [
                    HonuaProcess.adoptAnnotation: .null,
                    HonuaProcess.stateStoreAnnotation: .string(engine.store.name),
                ],
            ]
        ]
        _ = try await resources(metadata).patch(metadata.name, .merge(patch))
    }
}
