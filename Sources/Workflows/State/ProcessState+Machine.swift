internal import JSON

extension ProcessState {
    /// Limits of the engine that decide how many steps start.
    public struct Limits: Sendable, Hashable {
        /// How many steps of one process run at once.
        public var stepParallelism: Int

        /// Limits from their parts.
        public init(stepParallelism: Int) { self.stepParallelism = stepParallelism }
    }

    /// The state machine: what an event makes of the state, and what is to be done once that is committed.
    ///
    /// Pure: the same state, event and moment give the same result. An event that means nothing in this state (a late
    /// timer, a result of a step that has been given up, a repeated command) changes nothing but the clock.
    public mutating func apply(_ event: ProcessEvent, at moment: Moment, limits: Limits) -> [ProcessEffect] {
        guard !status.isFinished else { return [] }
        spend(moment.elapsed)
        var effects: [ProcessEffect] = []
        switch event {
        case .begin: effects.append(.awaitDeadline(.milliseconds(remainingMilliseconds)))
        case .recover: effects += recover()
        case .stepSucceeded(let step, let output): succeed(step, output, moment)
        case .stepFailed(let step, let error): effects += fail(step, error, moment)
        case .stepInterrupted(let step):
            // Steps are interrupted only when the process winds down; otherwise this is about an earlier start of the step.
            if ending != nil { settle(step, .cancelled, nil, moment) }
        case .retryDue(let step): wake(step)
        case .pause: if status == .running, ending == nil { status = .paused }
        case .resume: effects += resume()
        case .cancel(.graceful): effects += cancel(moment)
        case .cancel(.force): effects += end(.cancelled, nil, moment)
        case .deadlineDue: break
        }
        if !status.isFinished, status != .paused, remainingMilliseconds == 0 {
            effects += end(.failed, Self.timeoutMessage, moment)
        }
        advance(moment, limits, &effects)
        return effects
    }

    /// What a process says that ran out of time.
    public static let timeoutMessage = "Timeout exceeded"

    // MARK: Time

    /// The time-out stands still while the process is paused; the delays before retries go on.
    private mutating func spend(_ elapsed: Duration) {
        let milliseconds = Int(elapsed.milliseconds)
        if status != .paused { remainingMilliseconds = max(0, remainingMilliseconds - milliseconds) }
        for index in steps.indices {
            guard let left = steps[index].retryDelayMilliseconds else { continue }
            steps[index].retryDelayMilliseconds = max(0, left - milliseconds)
        }
    }

    /// Whether another state is the same but for the time that has passed.
    func differsOnlyInTime(from other: ProcessState) -> Bool {
        var copy = other
        copy.remainingMilliseconds = remainingMilliseconds
        guard copy.steps.count == steps.count else { return false }
        for index in steps.indices
        where copy.steps[index].retryDelayMilliseconds != nil && steps[index].retryDelayMilliseconds != nil {
            copy.steps[index].retryDelayMilliseconds = steps[index].retryDelayMilliseconds
        }
        return self == copy
    }

    // MARK: Steps

    private mutating func succeed(_ step: String, _ output: JSONValue, _ moment: Moment) {
        guard let index = settle(step, .completed, nil, moment) else { return }
        steps[index].output = output
        completionPercentage = completedSteps * 100 / max(1, steps.count)
    }

    private mutating func fail(_ step: String, _ error: StepError, _ moment: Moment) -> [ProcessEffect] {
        guard let index = index(of: step), steps[index].status == .started else { return [] }
        let policy = definition.step(named: step)?.retry ?? retry
        if ending == nil, error.errorClass != .permanent, steps[index].attempt <= policy.limit {
            let delay = (policy.backoff ?? RetryBackoff()).delay(afterAttempt: steps[index].attempt)
            steps[index].status = .waiting
            steps[index].message = error.description
            steps[index].retryDelayMilliseconds = Int(delay.milliseconds)
            return [.awaitRetry(step, delay)]
        }
        settle(step, .failed, error.description, moment)
        guard ending == nil else { return [] }
        ending = Ending(.failed, "step \(step): \(error.summary)")
        return interruptAll(moment)
    }

    /// Records how a started step ended; nil when it was not running any more.
    @discardableResult
    private mutating func settle(
        _ step: String,
        _ phase: StepPhase,
        _ message: String?,
        _ moment: Moment
    ) -> Int? {
        guard let index = index(of: step), steps[index].status == .started else { return nil }
        steps[index].status = phase
        steps[index].message = message
        steps[index].endTime = moment.time
        return index
    }

    private mutating func wake(_ step: String) {
        guard let index = index(of: step), steps[index].status == .waiting else { return }
        steps[index].retryDelayMilliseconds = 0
    }

    // MARK: Commands

    /// A step found started has an unknown outcome. Every action of this version takes an idempotency key, so it is run
    /// again under the same one.
    private mutating func recover() -> [ProcessEffect] {
        var effects: [ProcessEffect] = []
        for index in steps.indices {
            switch steps[index].status {
            case .started where ending != nil:
                steps[index].status = .cancelled
            case .started:
                steps[index].interruptions += 1
                steps[index].key = steps[index].key ?? idempotencyKey(step: steps[index].name)
                if let effect = run(steps[index]) { effects.append(effect) }
            case .waiting:
                effects.append(
                    .awaitRetry(steps[index].name, .milliseconds(steps[index].retryDelayMilliseconds ?? 0))
                )
            case .pending, .completed, .failed, .cancelled: break
            }
        }
        if status != .paused { effects.append(.awaitDeadline(.milliseconds(remainingMilliseconds))) }
        return effects
    }

    private mutating func resume() -> [ProcessEffect] {
        guard status == .paused else { return [] }
        status = .running
        return [.awaitDeadline(.milliseconds(remainingMilliseconds))]
    }

    private mutating func cancel(_ moment: Moment) -> [ProcessEffect] {
        guard status != .cancelling else { return [] }
        status = .cancelling
        ending = Ending(.cancelled, nil)
        return interruptAll(moment)
    }

    // MARK: Endings

    /// Stops what runs, and gives up what waits.
    private mutating func interruptAll(_ moment: Moment) -> [ProcessEffect] {
        for index in steps.indices where steps[index].status == .waiting {
            steps[index].status = .cancelled
            steps[index].retryDelayMilliseconds = nil
            steps[index].endTime = moment.time
        }
        return startedSteps.map { .interrupt($0) }
    }

    /// Ends the process now, whatever its steps do.
    private mutating func end(_ phase: ProcessPhase, _ message: String?, _ moment: Moment) -> [ProcessEffect] {
        let effects = interruptAll(moment)
        for step in startedSteps { settle(step, .cancelled, nil, moment) }
        finish(phase, message, moment)
        return effects
    }

    private mutating func finish(_ phase: ProcessPhase, _ message: String?, _ moment: Moment) {
        status = phase
        errorMessage = message
        endTime = moment.time
        ending = nil
        if phase == .completed { completionPercentage = 100 }
    }

    // MARK: What comes next

    private mutating func advance(_ moment: Moment, _ limits: Limits, _ effects: inout [ProcessEffect]) {
        guard !status.isFinished else { return }
        if let ending {
            if startedSteps.isEmpty { finish(ending.status, ending.errorMessage, moment) }
            return
        }
        if steps.allSatisfy({ $0.status == .completed }) { return finish(.completed, nil, moment) }
        guard status == .running else { return }
        var free = limits.stepParallelism - startedSteps.count
        let completed = Set(steps.lazy.filter { $0.status == .completed }.map(\.name))
        for index in steps.indices where free > 0 && isReady(index, completed) {
            start(index, moment)
            if let effect = run(steps[index]) { effects.append(effect) }
            free -= 1
        }
    }

    private func isReady(_ index: Int, _ completed: Set<String>) -> Bool {
        switch steps[index].status {
        case .pending: definition.steps[index].needs?.allSatisfy(completed.contains) ?? true
        case .waiting: steps[index].retryDelayMilliseconds == 0
        case .started, .completed, .failed, .cancelled: false
        }
    }

    private mutating func start(_ index: Int, _ moment: Moment) {
        steps[index].status = .started
        steps[index].attempt += 1
        steps[index].retryDelayMilliseconds = nil
        steps[index].key = steps[index].key ?? idempotencyKey(step: steps[index].name)
        steps[index].startTime = steps[index].startTime ?? moment.time
        steps[index].endTime = nil
        currentStep = steps[index].name
    }

    /// The effect that runs a started step; nil for a step that was never given a key.
    func run(_ step: StepState) -> ProcessEffect? {
        guard let key = step.key, let definition = definition.step(named: step.name) else { return nil }
        return .run(StepRun(step: definition, key: key, attempt: step.attempt))
    }
}
