public import CRDs
internal import JSON
public import KubeClient
public import KubeRuntime
public import Logging
internal import Synchronization
public import Workflows

/// Brings a HonuaProcess and its run in line: starts, pauses, cancels and reruns what the spec asks for, and shows in
/// the status what the engine reports.
///
/// Level-based: each call looks at the resource and at the engine's snapshot, and does what is missing. The engine is
/// the only writer of state, this reconciler the only writer of status, one key at a time.
public final class HonuaProcessReconciler: Sendable {
    let engine: ProcessEngine
    let controller: Controller<HonuaProcess>
    let templates: Store<HonuaProcessTemplate>
    let events: EventRecorder
    let settings: Settings
    let logger: Logger
    let memory = Mutex<[ObjectKey: Memory]>([:])
    /// What people ask of processes.
    let inbox: CommandInbox
    /// The processes whose inboxes may hold something.
    let rung = Mutex<Set<String>>([])
    let byID: StoreIndex<HonuaProcess>

    /// What applies to all processes.
    public struct Settings: Sendable {
        /// For specs that say nothing.
        public var defaults = ProcessDefaults()
        /// How long a run may go on before the resource shows that it has begun: most short processes are over by then
        /// and cost one status write less.
        public var firstReportDelay: Duration = .milliseconds(250)
        /// How long a process may wait for capacity before the resource says so.
        public var queueReportDelay: Duration = .seconds(2)
        /// Progress that changes neither phase nor reason is shown this often.
        public var progressInterval: Duration = .seconds(5)
        /// How long a process whose state is gone waits for it to come back.
        public var recoveryGracePeriod: Duration = .seconds(300)
        /// How often a missing state is looked for.
        public var recoveryInterval: Duration = .seconds(5)
        /// How long a deletion waits for running steps to stop.
        public var deletionLimit: Duration = .seconds(60)
        /// How long the owner that was found at work has for showing itself in the resource.
        public var supersededDelay: Duration = .seconds(4)
        /// How long a deletion waits for a state store that does not answer.
        public var storeOutageLimit: Duration = .seconds(120)

        /// The defaults of the product.
        public init() {}
    }

    /// What is remembered about a resource between two calls. Losing it costs a repeated write at most.
    struct Memory: Sendable {
        /// The identity that the name stood for when it was last seen.
        var uid: String
        var firstSeen = ContinuousClock.now
        /// When the current run was first seen running.
        var runSeen: (rerun: Int, at: ContinuousClock.Instant)?
        var lastReport: ContinuousClock.Instant?
        var stateMissingSince: ContinuousClock.Instant?
        var deletionSeen: ContinuousClock.Instant?
        /// When another owner was found at work.
        var supersededAt: ContinuousClock.Instant?
    }

    /// Joins an engine and a controller.
    public init(
        engine: ProcessEngine,
        controller: Controller<HonuaProcess>,
        events: EventRecorder,
        settings: Settings = Settings(),
        logger: Logger
    ) {
        self.engine = engine
        self.controller = controller
        templates = Self.watchTemplates(controller)
        inbox = CommandInbox(store: engine.store)
        byID = controller.store.index { [$0.metadata.uid] }
        self.events = events
        self.settings = settings
        self.logger = logger
    }

    /// A template that comes, changes or goes concerns the processes that refer to it, be it through a sub-process.
    private static func watchTemplates(_ controller: Controller<HonuaProcess>) -> Store<HonuaProcessTemplate> {
        let users = controller.store.index { process in
            process.isFinished && !process.wantsRerun
                ? [] : process.spec.usesTemplates ? [process.metadata.namespace ?? ""] : []
        }
        return controller.watches(HonuaProcessTemplate.self) { template in
            Array(users.keys(template.metadata.namespace ?? ""))
        }
    }

    /// The template of a name, as it is now.
    var templateLookup: TemplateLookup {
        { [templates] namespace, name in templates.get(ObjectKey(namespace: namespace, name: name)) }
    }

    /// What the operator's service account must be allowed, for `manifests/rbac`.
    public static let permissions = [
        Permission(
            group: "honua.io",
            resources: ["honuaprocesses"],
            verbs: ["get", "list", "watch", "patch", "delete"]
        ),
        Permission(group: "honua.io", resources: ["honuaprocesses/status"], verbs: ["patch"]),
        Permission(group: "", resources: ["events"], verbs: ["create", "patch"]),
    ]

    /// One call of the controller.
    public func reconcile(_ key: ObjectKey) async throws -> Requeue {
        guard let process = controller.store.get(key) else {
            leave(key)
            return .awaitChange
        }
        remember(process)
        do {
            switch standing(of: process) {
            case .ours: break
            case .oursToRelease: if !process.isBeingDeleted { engine.release(process.metadata.uid) }
            case .theirs: if let requeue = leaveToOwner(process) { return requeue }
            }
            if process.isBeingDeleted { return try await cleanUp(process) }
            if process.formerID != nil || process.adoption != nil { return try await waitForAdoption(process) }
            let run = engine.snapshot(of: process.metadata.uid)
            try await readInbox(process, run)
            if process.isFinished, run.map({ isShown($0, process) }) ?? true { return try await settle(process) }
            guard process.hasFinalizer else { return try await accept(process) }
            guard let run else { return try await begin(process) }
            return try await follow(run, process)
        } catch let error as KubeError where error.code == .notFound {
            // Deleted between two events; the watch will tell.
            return .awaitChange
        } catch let error as InvalidSpec {
            return try await refuse(process, error)
        }
    }

    /// Whether all resources have been seen since the start.
    public var knowsAll: Bool { controller.store.isSynced }

    /// Whether a process has a resource.
    public func knows(_ processID: String) -> Bool { !byID.keys(processID).isEmpty }

    // MARK: Before the run

    /// A resource without the finalizer has never been started.
    private func accept(_ process: HonuaProcess) async throws -> Requeue {
        if process.wantsCancellation != nil { return try await showCancelledBeforeStart(process) }
        let request = try request(for: process)
        if process.wantsSuspension { return try await showSuspended(process) }
        let accepted = try await addFinalizer(to: process)
        return try await submit(request, accepted)
    }

    /// A resource with the finalizer and without a run: this operator has just started, or the run was forgotten.
    private func begin(_ process: HonuaProcess) async throws -> Requeue {
        guard let reference = process.status?.state else {
            // The status may never have been written although the process has begun; the store knows.
            if let beginning = try await engine.beginning(of: process.metadata.uid) {
                if let owner = beginning.livingOther { return try await show(owner, beginning.epoch, process) }
                engine.submit(recoveryRequest(for: process), mode: .recover(knownEpoch: 0))
                return .awaitChange
            }
            if process.wantsCancellation != nil { return try await showCancelledBeforeStart(process) }
            let request = try request(for: process)
            if process.wantsSuspension { return try await showSuspended(process) }
            if let store = process.acceptedInto, store != engine.store.name {
                return try await waitForStore(store, process)
            }
            guard try await isUnchanged(process) else { return .awaitChange }
            return try await submit(request, process)
        }
        guard reference.store == engine.store.name else { return try await waitForStore(reference.store, process) }
        // What was asked while nobody ran it.
        _ = rung.withLock { $0.insert(process.metadata.uid) }
        engine.submit(recoveryRequest(for: process), mode: .recover(knownEpoch: reference.epoch))
        return .awaitChange
    }

    func request(for process: HonuaProcess) throws(InvalidSpec) -> ProcessRequest {
        try process.request(defaults: settings.defaults, actions: engine.actions, templates: templateLookup)
    }

    /// Asks the engine for a new run. When as many wait as may, the engine reports the process when there is room.
    private func submit(_ request: ProcessRequest, _ process: HonuaProcess) async throws -> Requeue {
        guard engine.submit(request, mode: .begin) == .queueFull else {
            return try await follow(engine.snapshot(of: request.id), process)
        }
        if hasWaitedTooLong(process, request.pendingTimeout) { return try await showExpired(process) }
        let waited = ContinuousClock.now - (recall(process.metadata.key)?.firstSeen ?? .now)
        guard waited >= settings.queueReportDelay else { return .after(settings.queueReportDelay - waited) }
        let message = "waits for capacity: the queue is full"
        try await write(
            projection(process).status(.working(.queueFull, message: message), phase: .pending),
            to: process
        )
        return request.pendingTimeout.map { .after($0 - waited) } ?? .awaitChange
    }

    /// Whether a process has waited for capacity longer than it may.
    private func hasWaitedTooLong(_ process: HonuaProcess, _ limit: Duration?) -> Bool {
        guard let limit, process.status?.state == nil else { return false }
        return ContinuousClock.now - (recall(process.metadata.key)?.firstSeen ?? .now) >= limit
    }

    private func showExpired(_ process: HonuaProcess) async throws -> Requeue {
        let outlook = ProcessOutlook.failed(.deadlineExceeded, message: "Timeout exceeded")
        var status = projection(process).status(outlook, phase: .failed)
        status.rerunToken = process.spec["rerunToken"]?.string
        if try await write(status, to: process) {
            record(.warning, "ProcessTimedOut", "waited for capacity longer than spec.pendingTimeout", process)
        }
        return .awaitChange
    }

    /// A process that has begun is pinned: its state says what it does, whatever the spec says now.
    func recoveryRequest(for process: HonuaProcess) -> ProcessRequest {
        if let request = try? request(for: process) { return request }
        return ProcessRequest(
            id: process.metadata.uid,
            namespace: process.metadata.namespace,
            name: process.metadata.name,
            definition: WorkflowDefinition(),
            timeout: settings.defaults.timeout
        )
    }

    private func refuse(_ process: HonuaProcess, _ error: InvalidSpec) async throws -> Requeue {
        let outlook = ProcessOutlook.refused(message: error.description)
        let changed = try await write(projection(process).status(outlook, phase: .failed), to: process)
        if changed { record(.warning, "InvalidSpec", error.description, process) }
        return .awaitChange
    }

    // MARK: During the run

    /// Passes on what the spec asks for, and shows what the engine reports.
    private func follow(_ run: RunSnapshot?, _ process: HonuaProcess) async throws -> Requeue {
        guard let run else { return .awaitChange }
        let id = process.metadata.uid
        switch run.activity {
        case .queued: return try await followQueued(process)
        case .opening: return try await showHold(run, process)
        case .announcing:
            guard let state = run.state else { return .awaitChange }
            if let shown = process.status?.state, shown.epoch > state.epoch {
                // A later owner has announced itself already.
                engine.abandon(id, forgetting: true)
                return .after(settings.supersededDelay)
            }
            try await report(state, nil, process)
            engine.announced(id, epoch: state.epoch)
            return .awaitChange
        case .live:
            guard let state = run.state else { return .awaitChange }
            noteRun(state, process.metadata.key)
            command(state, process)
            followDefinition(state, process)
            return try await reportWhenDue(state, run.heldBecause, process)
        case .ended(let end):
            return try await conclude(end, run.state, process)
        }
    }

    private func followQueued(_ process: HonuaProcess) async throws -> Requeue {
        let id = process.metadata.uid
        let hasState = process.status?.state != nil
        if hasState, engine.withdrawBeginning(id) {
            // It has begun elsewhere meanwhile: what waits here does not know that.
            engine.forget(id)
            return try await begin(process)
        }
        if !hasState, process.wantsCancellation != nil || process.wantsSuspension, engine.withdraw(id) {
            engine.forget(id)
            return try await begin(process)
        }
        let pendingTimeout = process.spec["pendingTimeout"]?.string.flatMap { Duration(text: $0) }
        if hasWaitedTooLong(process, pendingTimeout), engine.expire(id) {
            engine.forget(id)
            return try await showExpired(process)
        }
        let waited = ContinuousClock.now - (recall(process.metadata.key)?.firstSeen ?? .now)
        guard waited >= settings.queueReportDelay else { return .after(settings.queueReportDelay - waited) }
        let load = engine.load
        let outlook = ProcessOutlook.working(
            .progressing,
            message: "waits for capacity: \(load.active) processes are running"
        )
        try await write(projection(process).status(outlook, phase: hasState ? nil : .pending), to: process)
        return pendingTimeout.map { .after(max(.milliseconds(10), $0 - waited)) } ?? .awaitChange
    }

    /// Tells the engine of a definition that has changed, if the run is not to keep the one it began with.
    private func followDefinition(_ state: ProcessSummary, _ process: HonuaProcess) {
        guard process.definitionPolicy != .pin, state.ending == nil, let request = try? request(for: process) else {
            return
        }
        let isSame = request.definition.hash == state.definitionHash
        switch process.definitionPolicy {
        case .pin: return
        case .restart: if !isSame { engine.send(.restart(request.restart), to: state.processId) }
        case .migrate:
            if !isSame || state.incompatibility != nil {
                engine.send(.migrate(request.definition), to: state.processId)
            }
        }
    }

    /// The spec is the user's wish, the state is how things are; a command is what lies between.
    private func command(_ state: ProcessSummary, _ process: HonuaProcess) {
        if let mode = process.wantsCancellation {
            if state.status != .cancelling || mode == .force { engine.send(.cancel(mode), to: state.processId) }
        } else if process.wantsSuspension, state.status == .running {
            engine.send(.pause, to: state.processId)
        } else if !process.wantsSuspension, state.status == .paused, state.incompatibility == nil {
            engine.send(.resume, to: state.processId)
        }
    }

    private func reportWhenDue(
        _ state: ProcessSummary,
        _ heldBecause: String?,
        _ process: HonuaProcess
    ) async throws -> Requeue {
        let delay = delayBeforeReport(state, heldBecause, process)
        guard delay <= .zero else { return .after(delay) }
        try await report(state, heldBecause, process)
        return .awaitChange
    }

    /// Writes are what limits throughput, so a report that says little waits for one that says more.
    private func delayBeforeReport(
        _ state: ProcessSummary,
        _ heldBecause: String?,
        _ process: HonuaProcess
    ) -> Duration {
        guard !state.status.isFinished, let memory = recall(process.metadata.key) else { return .zero }
        let status = process.status
        guard status?.state != nil, status?.rerun == state.rerun else {
            guard heldBecause == nil, state.status == .running else { return .zero }
            return settings.firstReportDelay - (ContinuousClock.now - (memory.runSeen?.at ?? .now))
        }
        let reason = status?.conditions?.first { $0.type == HonuaProcessCondition.ready }?.reason
        let outlook = ProcessOutlook(state, heldBecause: heldBecause)
        guard status?.phase == state.status, outlook.reason.rawValue == reason else { return .zero }
        guard let last = memory.lastReport else { return .zero }
        return settings.progressInterval - (ContinuousClock.now - last)
    }

    private func report(
        _ state: ProcessSummary,
        _ heldBecause: String?,
        _ process: HonuaProcess,
        isFinal: Bool = false
    ) async throws {
        if !isFinal, let shown = process.status?.state,
            (shown.epoch, shown.version) > (state.epoch, state.version)
        {
            return
        }
        let status = projection(process).status(
            of: state,
            heldBecause: heldBecause,
            isDefinitionChanged: isDefinitionChanged(process, since: state)
        )
        guard try await write(status, to: process) else { return }
        recordTransition(from: process.status, to: state, process)
    }

    private func showHold(_ run: RunSnapshot, _ process: HonuaProcess) async throws -> Requeue {
        guard let reason = run.heldBecause else { return .awaitChange }
        let outlook = ProcessOutlook.working(.progressing, message: "waits for the state store: \(reason)")
        try await write(projection(process).status(outlook, phase: nil), to: process)
        return .awaitChange
    }

    // MARK: After the run

    private func conclude(_ end: RunEnd, _ state: ProcessSummary?, _ process: HonuaProcess) async throws -> Requeue {
        let id = process.metadata.uid
        switch end {
        case .finished:
            guard let state else { return .awaitChange }
            // The run has just read the store: whatever the resource shows, this is how the process ended.
            try await report(state, nil, process, isFinal: true)
            engine.forget(id)
            // A command may have come when the run did not take any more.
            return process.wantsRerun || isRung(id) ? .after(.zero) : .awaitChange
        case .stateMissing:
            // The run is forgotten only when the resource shows why: a failure to write backs off then, instead of
            // starting another run that finds the same.
            let requeue = try await waitForState(process, last: state)
            engine.forget(id)
            return requeue
        case .invalidState(let reason):
            let outlook = ProcessOutlook.failed(.invalidState, message: reason)
            let changed = try await write(projection(process).status(outlook, phase: .failed), to: process)
            engine.forget(id)
            if changed { record(.warning, "ProcessFailed", reason, process) }
            return .awaitChange
        case .superseded: return try await leaveToSuccessor(process)
        case .released:
            guard let state else { return .awaitChange }
            // Without an owner in it, the status is what the next one waits for.
            try await report(state, nil, process)
            engine.forget(id)
            logger.notice("Process \(id) is released for another replica")
            // The next owner may be this one again, and own writes call nobody.
            return .after(.zero)
        case .notBegun:
            engine.forget(id)
            return .after(.zero)
        case .withdrawn, .expired, .shutDown:
            engine.forget(id)
            return .awaitChange
        }
    }

    /// The last run has ended and the resource says so.
    private func settle(_ process: HonuaProcess) async throws -> Requeue {
        let id = process.metadata.uid
        engine.forget(id)
        if process.wantsRerun, process.wantsCancellation == nil, !process.wantsSuspension,
            !engine.ownership.isLeaving
        {
            return try await runAgain(process)
        }
        try await showObservedGeneration(process)
        return try await deleteWhenExpired(process)
    }

    private func runAgain(_ process: HonuaProcess) async throws -> Requeue {
        let request: ProcessRequest
        do {
            request = try self.request(for: process)
        } catch {
            // What the last run has done stays as it is; only the attempt to run again is refused.
            if try await showObservedGeneration(process) {
                record(.warning, "InvalidSpec", "cannot run again: \(error)", process)
            }
            return .awaitChange
        }
        let accepted = process.hasFinalizer ? process : try await addFinalizer(to: process)
        let status = accepted.status
        let mode = RunMode.rerun((status?.rerun ?? -1) + 1, knownEpoch: status?.state?.epoch ?? 0)
        engine.submit(request, mode: mode)
        return .awaitChange
    }

    private func deleteWhenExpired(_ process: HonuaProcess) async throws -> Requeue {
        guard let text = process.spec["ttlAfterFinished"]?.string, let timeToLive = Duration(text: text),
            let end = process.status?.endTime
        else { return .awaitChange }
        let left = timeToLive - Timestamp.now.duration(since: end)
        // Asked again every hour at least: the wall clock may be set.
        guard left <= .zero else { return .after(min(left, .seconds(3600))) }
        let metadata = process.metadata
        try await resources(metadata).delete(metadata.name, DeleteOptions(uid: metadata.uid))
        return .awaitChange
    }
}
