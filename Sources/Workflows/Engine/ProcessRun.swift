internal import JSON
internal import Logging
internal import Synchronization

/// The life of one process under one owner: reads or creates its state, then turns events into commits and effects
/// until the process is finished or somebody else's.
///
/// Everything happens in the order *event → new state → commit → effects*. An effect is never begun before the state
/// that asks for it is stored, and a result counts only once it is.
final class ProcessRun: Sendable {
    enum Message: Sendable {
        case event(ProcessEvent)
        case announced(epoch: Int)
        case checkpoint

        /// What it means to the state machine. A checkpoint asks at least whether time has run out.
        var event: ProcessEvent {
            if case .event(let event) = self { event } else { .deadlineDue }
        }

        /// Whether it is not worth a commit when it changes nothing.
        var isOptional: Bool {
            if case .checkpoint = self { false } else { true }
        }
    }

    let request: ProcessRequest
    let mode: RunMode
    /// The engine holds its runs; a run never outlives it, because `execute()` is a child of the engine's task.
    unowned let engine: ProcessEngine
    let logger: Logger
    /// What this run has replaced in the store.
    let ancestors = Mutex(Ancestors())
    private let current: Mutex<RunSnapshot>
    private let inbox: AsyncStream<Message>
    private let messages: AsyncStream<Message>.Continuation
    /// Ends when the run is to stop wherever it is.
    private let abandonment: AsyncStream<Void>
    private let abandonSignal: AsyncStream<Void>.Continuation

    var id: String { request.id }
    var snapshot: RunSnapshot { current.withLock { $0 } }
    var time: TimeSource { engine.time }

    init(_ request: ProcessRequest, mode: RunMode, engine: ProcessEngine) {
        self.request = request
        self.mode = mode
        self.engine = engine
        var logger = engine.logger
        logger[metadataKey: "process_id"] = "\(request.id)"
        self.logger = logger
        current = Mutex(RunSnapshot(activity: .queued))
        (inbox, messages) = AsyncStream.makeStream()
        (abandonment, abandonSignal) = AsyncStream.makeStream()
    }

    func send(_ event: ProcessEvent) { messages.yield(.event(event)) }
    func announced(epoch: Int) { messages.yield(.announced(epoch: epoch)) }
    func abandon() { abandonSignal.finish() }

    /// For a run that never began.
    func end(_ end: RunEnd) { update { $0.activity = .ended(end) } }

    /// Changes the snapshot and tells the engine, unless nothing changed.
    func update(_ change: (inout RunSnapshot) -> Void) {
        let isChanged = current.withLock { snapshot in
            let before = snapshot
            change(&snapshot)
            return snapshot != before
        }
        if isChanged { engine.changed(self) }
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
        update { $0.activity = .ended(end) }
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
        var (committed, effects) = try await open()
        if committed.isTakeover, engine.configuration.announcesTakeovers, !committed.state.status.isFinished {
            publish(committed.state, .announcing)
            try await waitForAnnouncement(epoch: committed.state.epoch)
        }
        publish(committed.state, .live)
        guard !committed.state.status.isFinished else { return .finished }
        return try await withThrowingDiscardingTaskGroup(returning: RunEnd.self) { group in
            defer { group.cancelAll() }
            group.addTask { await self.keepCheckpointing() }
            var steps = RunningSteps()
            var lastEvent = time.now
            begin(effects, &steps, &group)
            for await message in inbox {
                if case .announced = message { continue }
                steps.note(message)
                // Whole milliseconds, because the state counts in them; the rest counts the next time.
                let elapsed = Duration.milliseconds((time.now - lastEvent).milliseconds)
                let moment = Moment(time: time.wallTime.wholeSeconds, elapsed: elapsed)
                lastEvent += elapsed
                effects = try await turn(message, moment, &committed, &steps)
                begin(effects, &steps, &group)
                if committed.state.status.isFinished { return .finished }
            }
            throw CancellationError()
        }
    }

    /// One event: new state, commit, and what follows. If somebody has edited the stored state by hand, the event is
    /// applied to the edited one.
    private func turn(
        _ message: Message,
        _ moment: Moment,
        _ committed: inout CommittedState,
        _ steps: inout RunningSteps
    ) async throws -> [ProcessEffect] {
        var isEdited = false
        while true {
            var next = committed.state
            let effects = next.apply(message.event, at: moment, limits: engine.configuration.limits)
            if message.isOptional, effects.isEmpty, next.differsOnlyInTime(from: committed.state) {
                // A late timer or a repeated command. The time it took is stored with the next commit.
                committed.state = next
                return isEdited ? steps.corrections(for: next) : []
            }
            reachFailPoints(before: message, effects)
            switch try await commit(next, over: committed) {
            case .stored(let stored):
                reachFailPoints(after: message, effects)
                report(message, from: committed.state, to: stored.state)
                committed = stored
                publish(stored.state, .live)
                return isEdited ? steps.corrections(for: stored.state) : effects
            case .edited(let edited):
                logger.notice("Process \(id) goes on from a state that was edited by hand")
                committed = edited
                publish(edited.state, .live)
                isEdited = true
            }
        }
    }

    private func waitForAnnouncement(epoch: Int) async throws {
        // Commands that come now are kept for later.
        var deferred: [Message] = []
        defer { for message in deferred { messages.yield(message) } }
        for await message in inbox {
            switch message {
            case .announced(let announced) where announced >= epoch: return
            case .event: deferred.append(message)
            case .announced, .checkpoint: continue
            }
        }
        throw CancellationError()
    }

    private func publish(_ state: ProcessState, _ activity: RunSnapshot.Activity) {
        update {
            $0.state = state
            $0.activity = activity
            $0.heldBecause = nil
        }
    }

    /// Ends without an error when it is cancelled, which is how it always ends.
    private func keepCheckpointing() async {
        while (try? await time.sleep(for: engine.configuration.checkpointInterval)) != nil {
            messages.yield(.checkpoint)
        }
    }

    // MARK: Effects

    private func begin(
        _ effects: [ProcessEffect],
        _ steps: inout RunningSteps,
        _ group: inout ThrowingDiscardingTaskGroup<any Error>
    ) {
        for effect in effects {
            switch effect {
            case .run(let run):
                let signal = steps.begin(run.step.name)
                group.addTask { await self.perform(run, until: signal) }
            case .interrupt(let step):
                steps.interrupt(step)
                after(engine.configuration.cancellationLimit, send: .stepInterrupted(step), &group)
            case .awaitRetry(let step, let delay):
                after(delay, send: .retryDue(step), &group)
            case .awaitDeadline(let delay):
                after(delay, send: .deadlineDue, &group)
            }
        }
    }

    private func after(
        _ delay: Duration,
        send event: ProcessEvent,
        _ group: inout ThrowingDiscardingTaskGroup<any Error>
    ) {
        group.addTask {
            // Cancelled with the run, whose end makes the event meaningless.
            guard (try? await self.time.sleep(for: delay)) != nil else { return }
            self.send(event)
        }
    }

    private func perform(_ run: StepRun, until interruption: AsyncStream<Void>) async {
        let started = time.now
        let event = await attempt(run, until: interruption)
        let duration = (time.now - started).inSeconds
        switch event {
        case .stepSucceeded:
            engine.failPoint?(.afterEffect, run.step.name)
            logger.info("Process \(id) step \(run.step.name) ended, duration \(duration) s")
        case .stepFailed(_, let error):
            logger.warning("Process \(id) step \(run.step.name) failed, duration \(duration) s: \(error)")
        default:
            logger.info("Process \(id) step \(run.step.name) interrupted, duration \(duration) s")
        }
        send(event)
    }

    private func attempt(_ run: StepRun, until interruption: AsyncStream<Void>) async -> ProcessEvent {
        let name = run.step.name
        guard let action = engine.actions[run.step.action] else {
            let known = engine.actions.names.joined(separator: ", ")
            let detail = "there is no action \"\(run.step.action)\" here; there are: \(known)"
            return .stepFailed(name, StepError(.permanent, "Invalid configuration", detail: detail))
        }
        var logger = logger
        logger[metadataKey: "step"] = "\(name)"
        let context = StepContext(
            processID: id,
            step: name,
            idempotencyKey: run.key,
            attempt: run.attempt,
            time: time,
            logger: logger
        )
        do {
            let output = try await interruptible(by: interruption, timeout: run.step.timeout) {
                try await action.perform(run.step.with ?? [:], context)
            }
            let size = output.serialized().count
            let limit = engine.configuration.maximumOutputBytes
            guard size <= limit else {
                let detail = "the step's output has \(size) bytes, at most \(limit) are allowed"
                return .stepFailed(name, StepError(.permanent, "Output too large", detail: detail))
            }
            return .stepSucceeded(name, output: output)
        } catch is Interruption {
            return .stepInterrupted(name)
        } catch is CancellationError {
            // An action that gives up by itself, without having been told to, has failed.
            if Task.isCancelled { return .stepInterrupted(name) }
            return .stepFailed(name, StepError(.transient, "Interrupted"))
        } catch let error as StepError {
            return .stepFailed(name, error)
        } catch {
            return .stepFailed(name, StepError(.transient, "Unexpected failure", detail: "\(error)"))
        }
    }

    /// The step was told to stop.
    private struct Interruption: Error {}

    /// Runs the action until it ends, is interrupted, or takes too long. The action's task is cancelled in both cases
    /// and waited for.
    private func interruptible(
        by interruption: AsyncStream<Void>,
        timeout: String?,
        _ body: @escaping @Sendable () async throws -> JSONValue
    ) async throws -> JSONValue {
        try await withThrowingTaskGroup(of: JSONValue.self) { group in
            defer { group.cancelAll() }
            group.addTask { try await body() }
            group.addTask {
                for await _ in interruption {}
                throw Interruption()
            }
            if let limit = timeout.flatMap({ Duration(text: $0) }) {
                group.addTask { [time] in
                    try await time.sleep(for: limit)
                    throw StepError.timeoutExceeded
                }
            }
            guard let output = try await group.next() else { throw CancellationError() }
            return output
        }
    }

    // MARK: Fail points

    private func reachFailPoints(before message: Message, _ effects: [ProcessEffect]) {
        guard let failPoint = engine.failPoint else { return }
        if case .event(.stepSucceeded(let step, _)) = message { failPoint(.beforeCompleted, step) }
        for case .run(let run) in effects { failPoint(.beforeStarted, run.step.name) }
    }

    private func reachFailPoints(after message: Message, _ effects: [ProcessEffect]) {
        guard let failPoint = engine.failPoint else { return }
        if case .event(.stepSucceeded(let step, _)) = message { failPoint(.afterCompleted, step) }
        for case .run(let run) in effects { failPoint(.afterStarted, run.step.name) }
    }
}

/// The steps whose actions are running, and how to stop each.
struct RunningSteps {
    private var interruptions: [String: AsyncStream<Void>.Continuation] = [:]

    /// A step begins; the stream ends when it is to stop.
    mutating func begin(_ step: String) -> AsyncStream<Void> {
        let (stream, continuation) = AsyncStream<Void>.makeStream()
        interruptions.updateValue(continuation, forKey: step)?.finish()
        return stream
    }

    /// A step whose action has ended runs no more.
    mutating func note(_ message: ProcessRun.Message) {
        switch message {
        case .event(.stepSucceeded(let step, _)), .event(.stepFailed(let step, _)), .event(.stepInterrupted(let step)):
            interruptions[step] = nil
        default: break
        }
    }

    mutating func interrupt(_ step: String) { interruptions.removeValue(forKey: step)?.finish() }

    /// What makes the running actions and timers match a state that somebody else has written.
    ///
    /// A step that is not started any more is only stopped: what becomes of its action does not concern the state. A
    /// step that is started while the process winds down is interrupted as usual.
    mutating func corrections(for state: ProcessState) -> [ProcessEffect] {
        let started = Set(state.startedSteps)
        for step in interruptions.keys where !started.contains(step) { interrupt(step) }
        guard state.ending == nil else { return started.sorted().map { .interrupt($0) } }
        let run = state.steps.filter { started.contains($0.name) && interruptions[$0.name] == nil }
        let waits = state.steps.filter { $0.status == .waiting }.map { step in
            ProcessEffect.awaitRetry(step.name, .milliseconds(step.retryDelayMilliseconds ?? 0))
        }
        return run.compactMap(state.run) + waits
    }
}
