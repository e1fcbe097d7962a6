internal import JSON

extension ProcessEngine {
    /// What became of an adoption.
    public enum Adoption: Sendable, Hashable {
        /// The process goes on under its new id.
        case adopted
        /// There is nothing stored under the former id, nor under the new one.
        case missing
    }

    /// Makes the state of a process that of another id: its resource was restored, and has another UID now.
    ///
    /// What is done stays done, and what was started keeps its idempotency keys; what begins later gets keys of its own.
    /// Whoever calls this knows that nobody runs the former process, and that its state may go to this resource. It can be
    /// repeated: an adoption that was cut off goes on, and one that is complete changes nothing.
    /// - Throws: `StoreUnavailable`, and `InvalidState` when the former state cannot be used.
    public func adopt(_ former: String, as id: String, name: String) async throws -> Adoption {
        if try await store.load(.state(processID: id)) == nil {
            guard let document = try await store.load(.state(processID: former)) else { return .missing }
            let reader = StateReader(processID: former) { [store] reference in
                try await store.load(.part(processID: former, digest: reference.digest))?.bytes
            }
            try await storeState(try await reader.read(document), as: id, name)
        }
        try await removeFormerState(of: former)
        return .adopted
    }

    private func storeState(_ former: ProcessState, as id: String, _ name: String) async throws {
        var state = former
        state.processId = id
        state.name = name
        state.owner = nil
        state.version += 1
        state.commitId = nextCommitID()
        let timeToLive = configuration.unfinishedTimeToLive
        var machine = ProcessMachine(state, plan: plan(of: state.definition), environment: environment)
        let outputs = machine.forgetParts()
        let encoded = machine.encode()
        for (digest, bytes) in outputs + encoded.parts {
            _ = try await store.create(
                .part(processID: id, digest: digest),
                StoredDocument(bytes),
                timeToLive: timeToLive
            )
        }
        // Whoever was quicker has stored the same.
        _ = try await store.create(.state(processID: id), encoded.document, timeToLive: timeToLive)
    }

    /// Sub-processes stay where they are: their ids are keys of the steps that run them.
    private func removeFormerState(of former: String) async throws {
        guard let document = try await store.load(.state(processID: former)) else { return }
        let parts = (try? StateReader.shell(document, of: former))?.parts ?? []
        try await store.delete(
            [.state(processID: former)] + parts.map { .part(processID: former, digest: $0.digest) }
        )
    }
}
