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

    /// Whether the inbox of a process may hold something.
    func isRung(_ id: String) -> Bool { rung.withLock { $0.contains(id) } }

    /// Passes on what people ask of a process, and removes what the state shows as obeyed. A store that does not answer
    /// holds nothing else up.
    /// - Parameter run: nil for a finished process that nobody runs.
    func readInbox(_ process: HonuaProcess, _ run: RunSnapshot?) async throws {
        guard isRung(process.metadata.uid) else { return }
        do {
            try await passOn(process, run)
        } catch let error as StoreUnavailable {
            logger.debug("Process \(process.metadata.uid) cannot be asked anything yet: \(error)")
            controller.queue.add(process.metadata.key, after: settings.recoveryInterval)
        }
    }

    private func passOn(_ process: HonuaProcess, _ run: RunSnapshot?) async throws {
        let id = process.metadata.uid
        let commands = try await inbox.commands(for: id)
        let obeyed = Set(run?.state?.appliedCommands ?? [])
        var done = Set(commands.map(\.id)).intersection(obeyed)
        let open = commands.filter { !obeyed.contains($0.id) }
        // The spec says whether a process is suspended; what is not there would be undone. Only the last wish counts.
        let switches = open.filter { $0.action == .pause || $0.action == .resume }
        if let last = switches.last {
            try await patchSpec(["suspend": .bool(last.action == .pause)], of: process)
            done.formUnion(switches.map(\.id))
        } else {
            for command in open where try await obey(command, process, run) { done.insert(command.id) }
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
