internal import JSON

extension ProcessEngine {
    /// Removes everything that is stored about a process: its state, the parts of it, and its sub-processes.
    /// - Throws: `StoreUnavailable`.
    public func removeState(of processID: String) async throws {
        try await store.delete([.inbox(processID: processID)])
        var open = [processID]
        while let id = open.popLast() {
            let key = DocumentKey.state(processID: id)
            guard let document = try await store.load(key) else { continue }
            let reader = StateReader(processID: id) { [store] reference in
                try await store.load(.part(processID: id, digest: reference.digest))?.bytes
            }
            var keys = [key]
            // Of a document that cannot be read the parts end with their time to live.
            if let state = try? await reader.read(document) {
                keys += state.parts.map { .part(processID: id, digest: $0.digest) }
                for (step, record) in zip(state.definition.allSteps, state.steps)
                where step.action == SubprocessAction.actionName {
                    open += (record.items?.states ?? [record]).compactMap(\.execution.key)
                }
            }
            try await store.delete(keys)
        }
    }
}
