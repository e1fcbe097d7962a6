internal import CRDs
internal import JSON
internal import KubeClient
internal import KubeRuntime
internal import Logging
internal import Synchronization
public import Workflows

extension HonuaProcessReconciler {
    /// Something was left in the inboxes of these processes.
    public func ring(_ news: CommandInbox.News) {
        switch news {
        case .of(let ids): for id in ids { ring(id) }
        case .ofAny: for process in controller.store.objects { ring(process.metadata.uid) }
        }
    }

    private func ring(_ id: String) {
        // Remembered even for a process that another replica has: it may become this one's.
        _ = rung.withLock { $0.insert(id) }
        for key in byID.keys(id) { controller.queue.add(key) }
    }

    /// Passes on what people ask of a process, and removes what the state shows as obeyed.
    /// - Parameter run: nil for a finished process that nobody runs.
    func readInbox(_ process: HonuaProcess, _ run: RunSnapshot?) async throws {
        let id = process.metadata.uid
        guard rung.withLock({ $0.contains(id) }) else { return }
        let commands = try await inbox.commands(for: id)
        let obeyed = Set(run?.state?.appliedCommands ?? [])
        var done = Set(commands.map(\.id)).intersection(obeyed)
        for command in commands where !obeyed.contains(command.id) {
            if try await obey(command, process, run) { done.insert(command.id) }
        }
        if !done.isEmpty { try await inbox.remove(done, from: id) }
        if done.count == commands.count { _ = rung.withLock { $0.remove(id) } }
    }

    /// - Returns: whether it is obeyed for good; otherwise the state will show it.
    private func obey(
        _ command: PostedCommand,
        _ process: HonuaProcess,
        _ run: RunSnapshot?
    ) async throws -> Bool {
        let id = process.metadata.uid
        logger.notice(
            "Process \(id) is asked to \(command.action.name) by \(command.user ?? "anonymous")",
            metadata: ["command": "\(command.id)"]
        )
        switch command.action {
        case .pause, .resume:
            // The spec says whether a process is suspended; what is not there would be undone.
            try await patchSpec(["suspend": .bool(command.action == .pause)], of: process)
            return true
        case .cancel(let mode) where run?.state == nil && !process.isFinished:
            try await patchSpec(["cancel": ["mode": .string(mode.rawValue)]], of: process)
            return true
        default: break
        }
        if process.isFinished, run == nil {
            let knownEpoch = process.status?.state?.epoch ?? 0
            engine.submit(
                recoveryRequest(for: process),
                mode: .reopen(command.command, id: command.id, knownEpoch: knownEpoch)
            )
        } else {
            engine.send(command.command, id: command.id, to: id)
        }
        return false
    }

    private func patchSpec(_ spec: JSONValue, of process: HonuaProcess) async throws {
        let metadata = process.metadata
        let patch: JSONValue = [
            "metadata": ["resourceVersion": .string(metadata.resourceVersion)], "spec": spec,
        ]
        _ = try await resources(metadata).patch(metadata.name, .merge(patch))
    }
}
