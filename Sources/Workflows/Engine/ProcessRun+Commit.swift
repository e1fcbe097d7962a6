internal import JSON
internal import Logging
internal import Synchronization

/// A state that is stored, and what identifies its bytes.
struct CommittedState: Sendable {
    var state: ProcessState
    let digest: String
    /// Whether storing it took the process over from an earlier owner.
    var isTakeover = false
}

/// The digests of the documents that a run has replaced, the latest ones.
struct Ancestors: Sendable {
    /// A store that writes its log every second loses a few commits of one process when it restarts; this is far more.
    private static let limit = 64

    private var digests: [String] = []

    mutating func record(_ digest: String) {
        if digests.count == Self.limit { digests.removeFirst() }
        digests.append(digest)
    }

    func contains(_ digest: String) -> Bool { digests.contains(digest) }
}

/// Why a run cannot go on, other than by an end of its process.
struct RunInterruption: Error {
    let end: RunEnd
}

extension ProcessRun {
    enum CommitOutcome: Sendable {
        case stored(CommittedState)
        /// Somebody else has written a state of the same epoch meanwhile: a repair by hand, or a restore.
        case edited(CommittedState)
    }

    /// Reads or creates the state, and stores it under this owner's epoch.
    /// - Returns: the stored state and what is to be done next.
    func open() async throws -> (CommittedState, [ProcessEffect]) {
        while true {
            if let opened = try await tryToOpen() { return opened }
        }
    }

    /// Nil when the stored state changed between reading and writing.
    private func tryToOpen() async throws -> (CommittedState, [ProcessEffect])? {
        switch mode {
        case .begin:
            let state = ProcessState(starting: request, at: time.wallTime.wholeSeconds)
            // A state that exists already was left by an owner that died before the resource could show it.
            if let created = try await create(state) { return created }
            return try await takeOver(knownEpoch: 0)
        case .recover(let knownEpoch):
            return try await takeOver(knownEpoch: knownEpoch)
        case .rerun(let rerun, let knownEpoch):
            return try await startAgain(rerun, knownEpoch)
        }
    }

    /// Nil when there is a state already.
    private func create(_ state: ProcessState) async throws -> (CommittedState, [ProcessEffect])? {
        var state = state
        let effects = begin(&state)
        let document = stamped(&state)
        let result = try await persisting(document, of: state) { store, timeToLive in
            try await store.create(self.id, document, timeToLive: timeToLive)
        }
        guard result == .committed else { return nil }
        logger.info("Process \(id) of type \(state.processType) started by \(state.user ?? "anonymous")")
        return (CommittedState(state: state, digest: document.digest), effects)
    }

    private func takeOver(knownEpoch: Int) async throws -> (CommittedState, [ProcessEffect])? {
        guard let stored = try await load() else { throw RunInterruption(end: .stateMissing) }
        var next = stored.state
        guard !next.status.isFinished else { return (stored, []) }
        next.epoch = max(next.epoch, knownEpoch) + 1
        let moment = Moment(time: time.wallTime.wholeSeconds, elapsed: .zero)
        let effects = next.apply(.recover, at: moment, limits: engine.configuration.limits)
        guard case .stored(var committed) = try await commit(next, over: stored) else { return nil }
        committed.isTakeover = true
        logger.notice("Process \(id) taken over with epoch \(next.epoch), \(next.completedSteps) steps are done")
        return (committed, effects)
    }

    private func startAgain(_ rerun: Int, _ knownEpoch: Int) async throws -> (CommittedState, [ProcessEffect])? {
        guard let document = try await untilAvailable({ try await $0.load(self.id) }) else {
            return try await create(newRun(rerun, epoch: knownEpoch + 1))
        }
        let stored = CommittedState(state: try lastRun(document, before: rerun, knownEpoch), digest: document.digest)
        // The run may have begun before this owner came.
        if stored.state.rerun >= rerun { return try await takeOver(knownEpoch: knownEpoch) }
        var state = newRun(rerun, epoch: max(stored.state.epoch, knownEpoch) + 1)
        state.version = stored.state.version
        let effects = begin(&state)
        guard case .stored(let committed) = try await commit(state, over: stored) else { return nil }
        logger.info("Process \(id) of type \(state.processType) started again by \(state.user ?? "anonymous")")
        return (committed, effects)
    }

    /// What a document says of the run before. One that cannot be read stands in no new run's way, unless a later
    /// release can read it.
    private func lastRun(
        _ document: StateDocument,
        before rerun: Int,
        _ knownEpoch: Int
    ) throws(InvalidState) -> ProcessState {
        do {
            return try document.state(of: id)
        } catch {
            guard !error.isFromLaterRelease else { throw error }
            logger.notice("Process \(id) starts again over a state that cannot be read: \(error)")
            return newRun(rerun - 1, epoch: max(1, knownEpoch))
        }
    }

    private func newRun(_ rerun: Int, epoch: Int) -> ProcessState {
        ProcessState(starting: request, rerun: rerun, epoch: epoch, at: time.wallTime.wholeSeconds)
    }

    private func begin(_ state: inout ProcessState) -> [ProcessEffect] {
        let moment = Moment(time: time.wallTime.wholeSeconds, elapsed: .zero)
        let effects = state.apply(.begin, at: moment, limits: engine.configuration.limits)
        for case .run(let run) in effects { engine.failPoint?(.beforeStarted, run.step.name) }
        return effects
    }

    /// Stores a state in place of the one it was made from.
    /// - Throws: `RunInterruption` when another owner has taken over, or the stored state is gone.
    func commit(_ next: ProcessState, over previous: CommittedState) async throws -> CommitOutcome {
        var next = next
        let document = stamped(&next)
        let result = try await persisting(document, of: next) { store, timeToLive in
            try await store.commit(self.id, document, replacing: previous.digest, timeToLive: timeToLive)
        }
        switch result {
        case .committed:
            ancestors.withLock { $0.record(previous.digest) }
            return .stored(CommittedState(state: next, digest: document.digest))
        case .missing:
            throw RunInterruption(end: .stateMissing)
        case .conflict:
            guard var stored = try await load() else { throw RunInterruption(end: .stateMissing) }
            guard stored.state.epoch <= previous.state.epoch else {
                logger.notice("Process \(id) belongs to another owner with epoch \(stored.state.epoch)")
                throw RunInterruption(end: .superseded)
            }
            if ancestors.withLock({ $0.contains(stored.digest) }) {
                // Bytes this run has replaced before: the store lost what it had acknowledged. What is known here is newer.
                logger.notice("Process \(id) state was rolled back by its store and is stored again")
                return try await commit(next, over: CommittedState(state: previous.state, digest: stored.digest))
            }
            // An edit may have begun from an older version; versions must grow for whoever compares them.
            stored.state.version = max(stored.state.version, previous.state.version)
            return .edited(stored)
        }
    }

    /// Gives a state its version and commit id, and makes the document.
    private func stamped(_ state: inout ProcessState) -> StateDocument {
        state.version += 1
        state.commitId = String(UInt64.random(in: .min ... .max), radix: 16)
        return StateDocument(state)
    }

    private func load() async throws -> CommittedState? {
        let document = try await untilAvailable { store in try await store.load(self.id) }
        guard let document else { return nil }
        return CommittedState(state: try document.state(of: id), digest: document.digest)
    }

    /// Writes, recognising a write that happened although its reply was lost.
    private func persisting(
        _ document: StateDocument,
        of state: ProcessState,
        _ write: @Sendable (any ProcessStateStore, Duration) async throws -> CommitResult
    ) async throws -> CommitResult {
        let configuration = engine.configuration
        let timeToLive =
            state.status.isFinished ? configuration.timeToLive : configuration.unfinishedTimeToLive
        return try await untilAvailable { store in
            let result = try await write(store, timeToLive)
            guard result == .conflict else { return result }
            let stored = try await store.load(self.id)
            return stored?.digest == document.digest ? .committed : .conflict
        }
    }

    /// Repeats a request to the store until it answers. Meanwhile the run holds: what it has decided is not done.
    private func untilAvailable<Result: Sendable>(
        _ request: (any ProcessStateStore) async throws -> Result
    ) async throws -> Result {
        var delay = Duration.milliseconds(50)
        while true {
            do {
                let result = try await request(engine.store)
                if snapshot.heldBecause != nil {
                    logger.notice("Process \(id) goes on: the state store answers again")
                    update { $0.heldBecause = nil }
                }
                return result
            } catch let error as StateStoreUnavailable {
                if snapshot.heldBecause == nil {
                    logger.warning("Process \(id) waiting: \(error)")
                    update { $0.heldBecause = error.description }
                }
                try await time.sleep(for: delay)
                // Up to two seconds: with thousands of waiting runs that is still a bearable load on a store in trouble.
                delay = min(delay * 2, .seconds(2))
            }
        }
    }
}
