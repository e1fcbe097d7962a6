internal import JSON
internal import Logging
internal import Synchronization

/// The life of one process under one owner: reads or creates its state, then turns events into commits and effects
/// until the process is finished or somebody else's.
///
/// Everything happens in the order *events → new state → commit → effects*. An effect is never begun before the state
/// that asks for it is stored, and a result counts only once it is.
final class ProcessRun: Sendable {
    enum Message: Sendable {
        case event(ProcessEvent)
        case announced(epoch: Int)
        /// Another replica is to have the process as soon as nothing has to be interrupted for that.
        case release
        /// Answered once the state, with everything before this, is stored under this owner's epoch: whether it still
        /// says that the execution is started.
        case confirm(Confirmation)
    }

    struct Confirmation: Sendable {
        let event: ProcessEvent?
        let execution: ExecutionRequest
        let answer: @Sendable (Bool) -> Void
    }

    let request: ProcessRequest
    let mode: RunMode
    /// The engine holds its runs; a run never outlives it, because `execute()` is a child of the engine's task.
    unowned let engine: ProcessEngine
    let logger: Logger
    /// What this run has replaced in the store.
    let ancestors = Mutex(Ancestors())
    let mailbox = Mailbox<Message>()
    private let current: Mutex<RunSnapshot>
    /// Ends when the run is to stop wherever it is.
    private let abandonment: AsyncStream<Void>
    private let abandonSignal: AsyncStream<Void>.Continuation
    private let taken = Atomic(false)
    private let endWaiters = Mutex<[@Sendable () -> Void]?>([])

    var id: String { request.id }
    var snapshot: RunSnapshot { current.withLock { $0 } }
    var time: TimeSource { engine.time }
    var isSubprocess: Bool { request.parent != nil }
    /// The pinned definitions of sub-processes, once the state has been read.
    var subprocesses: JSONValue? { pinnedSubprocesses.withLock { $0 } }
    private let pinnedSubprocesses = Mutex<JSONValue?>(nil)

    init(_ request: ProcessRequest, mode: RunMode, engine: ProcessEngine) {
        self.request = request
        self.mode = mode
        self.engine = engine
        var logger = engine.logger
        logger[metadataKey: "process_id"] = "\(request.id)"
        self.logger = logger
        current = Mutex(RunSnapshot(activity: .queued))
        (abandonment, abandonSignal) = AsyncStream.makeStream()
    }

    /// Whether the engine has begun it, so that it sees to its own end.
    var isTaken: Bool { taken.load(ordering: .relaxed) }
    func take() { taken.store(true, ordering: .relaxed) }

    func send(_ event: ProcessEvent) { mailbox.put(.event(event)) }
    func announced(epoch: Int) { mailbox.put(.announced(epoch: epoch)) }
    func release() { mailbox.put(.release) }
    func abandon() { abandonSignal.finish() }

    /// Sends an event of an execution, if there is one, and waits until it is stored.
    /// - Throws: `CancellationError` when the run ends before that, or the execution is not wanted any more.
    func confirm(_ execution: ExecutionRequest, _ event: ProcessEvent? = nil) async throws {
        let isStored = await withCheckedContinuation { continuation in
            let answer: @Sendable (Bool) -> Void = { continuation.resume(returning: $0) }
            let confirmation = Confirmation(event: event, execution: execution, answer: answer)
            if !mailbox.put(.confirm(confirmation)) { answer(false) }
        }
        guard isStored else { throw CancellationError() }
    }

    /// For a run that never began.
    func end(_ end: RunEnd) {
        update { $0.activity = .ended(end) }
        let waiters = endWaiters.withLock { waiters in
            defer { waiters = nil }
            return waiters ?? []
        }
        for waiter in waiters { waiter() }
    }

    /// Calls back when the run has ended and nothing of it runs any more.
    func whenEnded(_ body: @escaping @Sendable () -> Void) {
        let hasEnded = endWaiters.withLock { waiters in
            waiters?.append(body)
            return waiters == nil
        }
        if hasEnded { body() }
    }

    /// Changes the snapshot and tells the engine, unless nothing changed.
    func update(_ change: (inout RunSnapshot) -> Void) {
        let isChanged = current.withLock { snapshot in
            let before = snapshot
            change(&snapshot)
            return snapshot != before
        }
        if isChanged { engine.changed(self) }
    }

    func publish(_ machine: ProcessMachine, _ activity: RunSnapshot.Activity) {
        let summary = machine.summary
        update {
            $0.state = summary
            $0.activity = activity
            $0.heldBecause = nil
        }
    }

    func execute() async {
        update { $0.activity = .opening }
        let end = await withTaskGroup(of: RunEnd.self) { group in
            group.addTask { await self.workToItsEnd() }
            group.addTask { [abandonment] in
                for await _ in abandonment {}
                return Task.isCancelled ? .shutDown : .superseded
            }
            defer { group.cancelAll() }
            return await group.next() ?? .shutDown
        }
        for case .confirm(let confirmation) in mailbox.close() { confirmation.answer(false) }
        self.end(end)
    }

    private func workToItsEnd() async -> RunEnd {
        do {
            return try await work()
        } catch let error as RunInterruption {
            return error.end
        } catch let error as InvalidState {
            logger.error("Process \(id) has an unusable state: \(error)")
            return .invalidState("\(error)")
        } catch {
            return .shutDown
        }
    }

    private func work() async throws -> RunEnd {
        var (session, turn) = try await open()
        pinnedSubprocesses.withLock { $0 = session.machine.plan.definition.subprocesses }
        if session.isTakeover, engine.configuration.announcesTakeovers, !isSubprocess, !session.isFinished {
            publish(session.machine, .announcing)
            try await waitForAnnouncement(epoch: session.machine.state.epoch)
        }
        publish(session.machine, session.isFinished ? .ended(.finished) : .live)
        guard !session.isFinished else {
            // One that had ended before has been noted before.
            if session.hasCommitted, !mode.isForFinished { engine.hasEnded(session.machine.state) }
            return .finished
        }
        return try await withThrowingDiscardingTaskGroup(returning: RunEnd.self) { group in
            defer {
                group.cancelAll()
                // Nobody is left to answer; whoever waits must not wait for ever.
                for case .confirm(let confirmation) in mailbox.close() { confirmation.answer(false) }
            }
            var actions = RunningActions()
            begin(turn.effects, &actions, &group)
            session.schedule(self, &group)
            for await _ in mailbox.arrivals {
                let messages = mailbox.takeAll()
                let effects: [ProcessEffect]
                do {
                    effects = try await take(messages, &session, &actions)
                } catch {
                    // What was taken cannot be answered by whoever closes the mailbox.
                    for case .confirm(let confirmation) in messages { confirmation.answer(false) }
                    throw error
                }
                if session.isFinished || session.isReleased {
                    // Before anything is waited for: what has not begun yet must not begin now.
                    group.cancelAll()
                    await giveBack(effects)
                    return session.isFinished ? .finished : .released
                }
                begin(effects, &actions, &group)
                session.schedule(self, &group)
            }
            throw CancellationError()
        }
    }

    /// Takes some messages: new state, one commit, and what follows. If somebody has edited the stored state by hand, they
    /// are applied to the edited one.
    private func take(
        _ messages: [Message],
        _ session: inout RunSession,
        _ actions: inout RunningActions
    ) async throws -> [ProcessEffect] {
        let events = messages.compactMap(\.event)
        // What has just ended counts as running here: its result is taken, whoever has written the state.
        let starts = actions.starts
        for event in events { actions.note(event) }
        for case .release in messages { session.isToBeReleased = true }
        session.machine.holdsStarts = session.isToBeReleased && actions.starts.isEmpty
        let moment = session.moment(at: time)
        var effects: [ProcessEffect] = []
        var isFirst = true
        while true {
            let isCheckpoint = session.isCheckpointDue(at: time.now)
            var isChanged = isCheckpoint || messages.contains(where: \.mustBeStored)
            let before = session.machine.state.status
            for event in events.isEmpty ? [.tick] : events {
                let turn = session.machine.apply(
                    event,
                    at: isFirst ? moment : Moment(time: moment.time, elapsed: .zero)
                )
                effects += turn.effects
                isChanged = isChanged || turn.isChanged
                if turn.isChanged { session.noteProgress(at: time.now) }
                isFirst = false
            }
            if session.machine.holdsStarts, session.machine.isIdle {
                session.machine.state.owner = nil
                isChanged = true
            }
            if session.isStalled(for: engine.configuration.stallLimit, at: time.now) { reportStall(session.machine) }
            guard isChanged else { return effects }
            reachFailPoints(before: events, effects)
            if engine.fault == .effectBeforeCommit { await actTooEarly(effects) }
            switch try await commit(&session) {
            case .stored:
                reachFailPoints(after: events, effects)
                report(events, isCheckpoint: isCheckpoint, from: before, session.machine)
                publish(session.machine, session.isFinished ? .ended(.finished) : .live)
                if session.isFinished { engine.hasEnded(session.machine.state) }
                for case .confirm(let confirmation) in messages {
                    let execution = confirmation.execution
                    confirmation.answer(session.machine.isCurrent(execution.id, execution.start))
                }
                return effects
            case .edited(let machine):
                logger.notice("Process \(id) goes on from a state that was edited by hand")
                session.machine = machine
                session.machine.holdsStarts = session.isToBeReleased && actions.starts.isEmpty
                if session.isFinished {
                    for case .confirm(let confirmation) in messages { confirmation.answer(false) }
                    publish(session.machine, .ended(.finished))
                    return []
                }
                let turn = session.machine.adopt(running: starts, at: moment)
                actions.interruptAll(but: session.machine)
                effects = turn.effects
            }
        }
    }

    private func waitForAnnouncement(epoch: Int) async throws {
        // Commands that come now are kept for later.
        var deferred: [Message] = []
        defer { for message in deferred { mailbox.put(message) } }
        for await _ in mailbox.arrivals {
            var isAnnounced = false
            for message in mailbox.takeAll() {
                if case .announced(let announced) = message {
                    isAnnounced = isAnnounced || announced >= epoch
                } else {
                    deferred.append(message)
                }
            }
            if isAnnounced { return }
        }
        throw CancellationError()
    }

    // MARK: Fail points

    private func reachFailPoints(before events: [ProcessEvent], _ effects: [ProcessEffect]) {
        guard let failPoint = engine.failPoint else { return }
        for case .succeeded(let id, _, _, _) in events { failPoint(.beforeCompleted, id.description) }
        for case .run(let run) in effects { failPoint(.beforeStarted, run.id.description) }
    }

    private func reachFailPoints(after events: [ProcessEvent], _ effects: [ProcessEffect]) {
        guard let failPoint = engine.failPoint else { return }
        for case .succeeded(let id, _, _, _) in events { failPoint(.afterCompleted, id.description) }
        for case .run(let run) in effects { failPoint(.afterStarted, run.id.description) }
    }
}

extension ProcessRun.Message {
    fileprivate var event: ProcessEvent? {
        switch self {
        case .event(let event): event
        case .confirm(let confirmation): confirmation.event
        case .announced, .release: nil
        }
    }

    fileprivate var mustBeStored: Bool { if case .confirm = self { true } else { false } }
}
