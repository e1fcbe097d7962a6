internal import JSON
internal import Logging
internal import Synchronization

/// The documents that a run has replaced, the latest ones.
struct Ancestors: Sendable {
    /// A store that writes its log every second loses a few commits of one process when it restarts; this is far more.
    private static let limit = 64

    private var documents: [(digest: String, commitID: String)] = []

    mutating func record(_ digest: String, _ commitID: String) {
        if documents.count == Self.limit { documents.removeFirst() }
        documents.append((digest, commitID))
    }

    func contains(_ digest: String) -> Bool { documents.contains { $0.digest == digest } }

    /// Whether a document is one of them, or was made of one of them by hand: only owners give a new commit id.
    func contains(commitID: String) -> Bool { documents.contains { $0.commitID == commitID } }
}

/// Why a run cannot go on, other than by an end of its process.
struct RunInterruption: Error {
    let end: RunEnd
}

extension ProcessRun {
    enum CommitOutcome: Sendable {
        case stored
        /// Somebody else has written a state of the same epoch meanwhile: a repair by hand, or a restore.
        case edited(ProcessMachine)
    }

    private typealias Opened = (session: RunSession, turn: ProcessMachine.Turn)

    /// Reads or creates the state, and stores it under this owner's epoch.
    /// - Returns: what is stored, and what is to be done next.
    func open() async throws -> (RunSession, ProcessMachine.Turn) {
        while true {
            if let opened = try await tryToOpen() { return opened }
        }
    }

    /// Nil when the stored state changed between reading and writing.
    private func tryToOpen() async throws -> Opened? {
        switch mode {
        case .begin:
            if let created = try await create(newRun(0, epoch: request.firstEpoch)) { return created }
            // Its owner died before the resource could show it.
            return try await takeOver(knownEpoch: request.firstEpoch - 1)
        case .beginOrRetry:
            if let created = try await create(newRun(0, epoch: request.firstEpoch)) { return created }
            return try await takeOver(knownEpoch: request.firstEpoch - 1, reopening: .command(.retry))
        case .recover(let knownEpoch):
            return try await takeOver(knownEpoch: knownEpoch)
        case .rerun(let rerun, let knownEpoch):
            return try await startAgain(rerun, knownEpoch)
        case .reopen(let command, let id, let knownEpoch):
            return try await takeOver(knownEpoch: knownEpoch, reopening: .command(command, id: id))
        }
    }

    /// Nil when there is a state already.
    private func create(_ state: ProcessState) async throws -> Opened? {
        var session = RunSession(machine(state), digest: "", self)
        let turn = begin(&session.machine)
        let encoded = stamped(&session.machine)
        try await store(encoded.parts)
        var isFirst = true
        let result = try await persisting(encoded.document, session.machine) { store, timeToLive in
            // Between two attempts another replica may have begun it, and the store may have lost that.
            if !isFirst, !self.isSubprocess, try await store.load(.state(processID: self.id)) == nil {
                throw RunInterruption(end: .notBegun)
            }
            isFirst = false
            return try await store.create(.state(processID: self.id), encoded.document, timeToLive: timeToLive)
        }
        guard result == .committed else { return nil }
        session.noteCommit(encoded.document.digest, at: time.now)
        reachFailPointsAfterBeginning(turn)
        logger.info("Process \(id) of type \(state.processType) started by \(state.user ?? "anonymous")")
        return (session, turn)
    }

    private func takeOver(knownEpoch: Int, reopening command: ProcessEvent? = nil) async throws -> Opened? {
        guard var session = try await load() else {
            if engine.fault == .restartFromZero { return try await create(newRun(0, epoch: knownEpoch + 1)) }
            throw RunInterruption(end: .stateMissing)
        }
        let isFinished = session.isFinished
        if !isFinished, !isSubprocess, let former = session.formerOwner,
            let owner = try await untilAvailable({ _ in try await self.engine.livingOther(former) })
        {
            // Two replicas that see different ones alive may both try: the first to store the process has it.
            logger.notice("Process \(id) belongs to another owner, \(owner)")
            throw RunInterruption(end: .superseded)
        }
        if isFinished, command == nil { return (session, ProcessMachine.Turn(effects: [], isChanged: false)) }
        session.machine.state.epoch = max(session.machine.state.epoch, knownEpoch) + 1
        session.machine.state.owner = engine.owner
        if engine.fault == .completedRunsAgain { session.machine.forgetCompleted() }
        if engine.fault == .lostTimer { session.machine.forgetTimers() }
        let event = isFinished ? command ?? .tick : .recover
        let moment = Moment(time: time.wallTime.wholeSeconds, elapsed: .zero)
        let turn = session.machine.apply(event, at: moment)
        guard case .stored = try await commit(&session) else { return nil }
        session.isTakeover = true
        let (epoch, done) = (session.machine.state.epoch, session.machine.completedMain)
        logger.notice("Process \(id) taken over with epoch \(epoch), \(done) steps are done")
        return (session, turn)
    }

    private func startAgain(_ rerun: Int, _ knownEpoch: Int) async throws -> Opened? {
        guard let document = try await untilAvailable({ try await $0.load(.state(processID: self.id)) }) else {
            return try await create(newRun(rerun, epoch: knownEpoch + 1))
        }
        let last = try lastRun(document, before: rerun, knownEpoch)
        // The run may have begun before this owner came.
        if last.rerun >= rerun { return try await takeOver(knownEpoch: knownEpoch) }
        var state = newRun(rerun, epoch: max(last.epoch, knownEpoch) + 1)
        state.version = last.version
        state.createdResources = last.createdResources
        state.appliedCommands = last.appliedCommands
        var session = RunSession(machine(state), digest: document.digest, self)
        let turn = begin(&session.machine)
        guard case .stored = try await commit(&session) else { return nil }
        reachFailPointsAfterBeginning(turn)
        logger.info("Process \(id) of type \(state.processType) started again by \(state.user ?? "anonymous")")
        return (session, turn)
    }

    /// What a document says of the run before. One that cannot be read stands in no new run's way, unless a later
    /// release can read it.
    private func lastRun(
        _ document: StoredDocument,
        before rerun: Int,
        _ knownEpoch: Int
    ) throws(InvalidState) -> ProcessState {
        do {
            return try StateReader.shell(document, of: id)
        } catch {
            guard !error.isFromLaterRelease else { throw error }
            logger.notice("Process \(id) starts again over a state that cannot be read: \(error)")
            return newRun(rerun - 1, epoch: max(1, knownEpoch))
        }
    }

    private func newRun(_ rerun: Int, epoch: Int) -> ProcessState {
        ProcessState(starting: request, rerun: rerun, epoch: epoch, at: time.wallTime.wholeSeconds)
    }

    private func machine(_ state: ProcessState) -> ProcessMachine {
        var state = state
        if !state.status.isFinished { state.owner = engine.owner }
        return ProcessMachine(state, plan: engine.plan(of: state.definition), environment: engine.environment)
    }

    private func begin(_ machine: inout ProcessMachine) -> ProcessMachine.Turn {
        let turn = machine.apply(.begin, at: Moment(time: time.wallTime.wholeSeconds, elapsed: .zero))
        for case .run(let run) in turn.effects { engine.failPoint?(.beforeStarted, run.id.description) }
        return turn
    }

    private func reachFailPointsAfterBeginning(_ turn: ProcessMachine.Turn) {
        for case .run(let run) in turn.effects { engine.failPoint?(.afterStarted, run.id.description) }
    }

    // MARK: Commits

    /// Stores the session's state in place of the one it was made from.
    /// - Throws: `RunInterruption` when another owner has taken over, or the stored state is gone.
    func commit(_ session: inout RunSession) async throws -> CommitOutcome {
        let encoded = stamped(&session.machine)
        try await store(encoded.parts)
        try await renewParts(&session)
        return try await commit(encoded, &session)
    }

    private func commit(_ encoded: EncodedState, _ session: inout RunSession) async throws -> CommitOutcome {
        let previous = session.digest
        let result = try await persisting(encoded.document, session.machine) { store, timeToLive in
            try await store.commit(
                .state(processID: self.id),
                encoded.document,
                replacing: previous,
                timeToLive: timeToLive
            )
        }
        switch result {
        case .committed:
            ancestors.withLock { $0.record(previous, session.commitID) }
            session.noteCommit(encoded.document.digest, at: time.now)
            return .stored
        case .missing:
            throw RunInterruption(end: .stateMissing)
        case .conflict:
            return try await resolveConflict(encoded, &session)
        }
    }

    private func resolveConflict(
        _ encoded: EncodedState,
        _ session: inout RunSession
    ) async throws -> CommitOutcome {
        let document = try await untilAvailable { try await $0.load(.state(processID: self.id)) }
        guard let document else { throw RunInterruption(end: .stateMissing) }
        if engine.fault == .skippedFence {
            session.digest = document.digest
            return try await commit(encoded, &session)
        }
        let shell = try StateReader.shell(document, of: id)
        guard shell.epoch <= session.machine.state.epoch else {
            logger.notice("Process \(id) belongs to another owner with epoch \(shell.epoch)")
            throw RunInterruption(end: .superseded)
        }
        // Bytes this run has replaced before, or what a former owner has made of such: the store lost what it had
        // acknowledged. What is known here is newer.
        let isAncestor = ancestors.withLock { $0.contains(document.digest) }
        let isFormer =
            session.hasCommitted && shell.epoch < session.machine.state.epoch && !shell.status.isFinished
            && shell.version < session.machine.state.version
            && !ancestors.withLock { $0.contains(commitID: shell.commitId) }
        // Editors keep the id of a commit. Without a trace of this one another owner has begun it anew.
        if session.hasCommitted, shell.epoch == session.machine.state.epoch, engine.isForeign(commitID: shell.commitId)
        {
            logger.notice("Process \(id) was lost by its store and begun by another owner")
            throw RunInterruption(end: .superseded)
        }
        if isAncestor || isFormer || engine.fault == .overwrittenEdit {
            logger.notice("Process \(id) state was rolled back by its store and is stored again")
            session.digest = document.digest
            session.machine.state.version = max(session.machine.state.version, shell.version)
            let outputs = session.machine.forgetParts()
            let whole = stamped(&session.machine)
            try await store(outputs + whole.parts)
            return try await commit(whole, &session)
        }
        var state = try await read(document)
        // An edit may have begun from an older copy: these must grow for whoever compares them, and time has passed.
        state.version = max(state.version, session.machine.state.version)
        state.epoch = max(state.epoch, session.machine.state.epoch)
        state.clockMilliseconds = max(state.clockMilliseconds, session.machine.state.clockMilliseconds)
        session.digest = document.digest
        return .edited(machine(state))
    }

    /// Gives a state its version and commit id, and makes the document.
    private func stamped(_ machine: inout ProcessMachine) -> EncodedState {
        machine.state.version += 1
        machine.state.commitId = engine.nextCommitID()
        let encoded = machine.encode()
        guard engine.configuration.compressesState else { return encoded }
        return EncodedState(document: StateEnvelope.wrap(encoded.document, of: machine.state), parts: encoded.parts)
    }

    private func load() async throws -> RunSession? {
        let document = try await untilAvailable { store in try await store.load(.state(processID: self.id)) }
        guard let document else { return nil }
        let state = try await read(document)
        var session = RunSession(machine(state), digest: document.digest, self)
        session.formerOwner = state.owner
        return session
    }

    private func read(_ document: StoredDocument) async throws -> ProcessState {
        let reader = StateReader(processID: id) { [self] reference in
            let key = DocumentKey.part(processID: id, digest: reference.digest)
            return try await untilAvailable { try await $0.load(key) }?.bytes
        }
        let state = try await reader.read(document)
        let violations = engine.plan(of: state.definition).structuralViolations
        guard violations.isEmpty else {
            throw InvalidState(faults: violations.prefix(5).map { $0.inside("definition").description })
        }
        return state
    }

    // MARK: Parts

    /// Stores what a commit is going to refer to.
    private func store(_ parts: [(digest: String, bytes: [UInt8])]) async throws {
        for (digest, bytes) in parts { try await store(part: digest, bytes) }
    }

    /// Stores an immutable part. That it is there already is fine: equal digests mean equal bytes.
    func store(part digest: String, _ bytes: [UInt8]) async throws {
        let key = DocumentKey.part(processID: id, digest: digest)
        let timeToLive = engine.configuration.unfinishedTimeToLive
        let document = StoredDocument(
            engine.configuration.compressesState ? StateEnvelope.pack(part: bytes) : bytes
        )
        _ = try await untilAvailable { try await $0.create(key, document, timeToLive: timeToLive) }
    }

    /// Parts must live as long as the document that refers to them, which gets its whole time to live with each commit.
    private func renewParts(_ session: inout RunSession) async throws {
        let timeToLive = engine.configuration.unfinishedTimeToLive
        let isFinished = session.isFinished
        guard isFinished || time.now - session.partsRenewed > timeToLive / 3 else { return }
        session.partsRenewed = time.now
        let keys = session.machine.state.parts.map { DocumentKey.part(processID: id, digest: $0.digest) }
        guard !keys.isEmpty else { return }
        try await untilAvailable { try await $0.renew(keys, timeToLive: self.timeToLive(isFinished)) }
    }

    /// What a sub-process has done must outlive it as long as its parent may need it.
    private func timeToLive(_ isFinished: Bool) -> Duration {
        let configuration = engine.configuration
        return isFinished && !isSubprocess ? configuration.timeToLive : configuration.unfinishedTimeToLive
    }

    // MARK: The store

    /// Writes, recognising a write that happened although its reply was lost.
    private func persisting(
        _ document: StoredDocument,
        _ machine: ProcessMachine,
        _ write: (any DocumentStore, Duration) async throws -> CommitResult
    ) async throws -> CommitResult {
        let timeToLive = timeToLive(machine.state.status.isFinished)
        return try await untilAvailable { store in
            let result = try await write(store, timeToLive)
            guard result == .conflict else { return result }
            let stored = try await store.load(.state(processID: self.id))
            return stored?.digest == document.digest ? .committed : .conflict
        }
    }

    /// Repeats a request to the store until it answers. Meanwhile the run holds: what it has decided is not done.
    private func untilAvailable<Result: Sendable>(
        _ request: (any DocumentStore) async throws -> Result
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
            } catch let error as StoreUnavailable {
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
