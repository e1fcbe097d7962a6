import JSON
import Workflows

/// What the reconciler of one resource does in one replica, reduced to what matters to the engine: it submits runs,
/// passes on wishes, shows the state, announces takeovers, and leaves what belongs to somebody else.
struct ReconcilerModel {
    private let program: OperatorProgram
    private let id: String

    init(_ program: OperatorProgram, _ id: String) {
        self.program = program
        self.id = id
    }

    private var world: World { program.world }
    private var engine: ProcessEngine { program.engine }

    func run(_ kicks: AsyncStream<Void>) async {
        for await _ in kicks {
            guard !program.isDead else { return }
            do {
                try await reconcile()
            } catch is CancellationError {
                return
            } catch {
                // The watch will show what the write conflicted with; the API server comes back some time.
                program.kick(id, after: .milliseconds(500))
            }
        }
    }

    private func reconcile() async throws {
        guard let resource = program.cache[id] else { return }
        let standing = program.membership.standing(
            of: id,
            recordedOwner: resource.status?.owner,
            hasBegun: resource.status != nil
        )
        switch standing {
        case .ours: break
        case .oursToRelease: engine.release(id)
        case .theirs:
            if let run = engine.snapshot(of: id) {
                if resource.status == nil {
                    guard case .queued = run.activity else { return try await follow(resource) }
                    if !program.isStopping { return }
                }
                world.note("\(program.name) leaves \(id) to its owner")
                world.cover("event.abandoned")
                engine.abandon(id, forgetting: true)
            }
            return
        }
        try await follow(resource)
    }

    private func follow(_ resource: Resource) async throws {
        guard let run = engine.snapshot(of: id) else { return try await begin(resource) }
        switch run.activity {
        case .queued:
            world.cover("event.queued")
            // It has begun elsewhere meanwhile: what waits here does not know that.
            if resource.status != nil, engine.withdraw(id) {
                engine.forget(id)
                program.kick(id, after: .milliseconds(1))
            }
        case .opening: break
        case .announcing: if let state = run.state { try await announce(state, resource) }
        case .live:
            guard let state = run.state else { return }
            command(state, resource)
            try await show(state, resource)
        case .ended(let end): try await conclude(end, run.state, resource)
        }
    }

    // MARK: Before the run

    private func begin(_ resource: Resource) async throws {
        guard let status = resource.status else {
            // The process may have begun although its status was never written; the store knows.
            let beginning = try await engine.beginning(of: id)
            if let beginning, let owner = beginning.livingOther {
                world.cover("event.shownForOwner")
                return try await write(
                    Resource.Status(epoch: beginning.epoch, version: 0, rerun: 0, phase: .running, owner: owner),
                    resource
                )
            }
            // As the write of a finalizer would: what is begun anew must not have been shown as begun.
            guard world.cluster.resources[id]?.version == resource.version else { throw Cluster.Conflict() }
            return submit(resource, beginning == nil ? .begin : .recover(knownEpoch: 0))
        }
        guard resource.isFinished else { return submit(resource, .recover(knownEpoch: status.epoch)) }
        if resource.wantedRerun > status.rerun {
            world.checks.allowReopening(id)
            return submit(resource, .rerun(status.rerun + 1, knownEpoch: status.epoch))
        }
        guard let command = world.cluster.reopening(id, shown: status.epoch) else { return }
        world.checks.allowReopening(id)
        submit(resource, .reopen(command, knownEpoch: status.epoch))
    }

    private func submit(_ resource: Resource, _ mode: RunMode) {
        let submission = engine.submit(resource.request, mode: mode)
        world.note("\(program.name) submits \(id) \(mode.label): \(submission)")
        world.cover("mode.\(mode.label)")
    }

    // MARK: During the run

    private func announce(_ state: ProcessSummary, _ resource: Resource) async throws {
        if let status = resource.status, status.epoch > state.epoch {
            world.note("\(program.name) finds that \(id) has a later owner")
            return engine.abandon(id, forgetting: true)
        }
        try await write(state, resource)
        engine.announced(id, epoch: state.epoch)
        world.cover("event.announced")
    }

    private func command(_ state: ProcessSummary, _ resource: Resource) {
        if let mode = resource.cancellation {
            if state.ending != .cancelled || mode == .force { send(.cancel(mode)) }
        } else if resource.isSuspended, state.status == .running {
            send(.pause)
        } else if !resource.isSuspended, state.status == .paused, state.incompatibility == nil {
            send(.resume)
        }
        if resource.definition.hash != state.definitionHash || state.incompatibility != nil {
            switch resource.changePolicy {
            case .pin: break
            case .restart: send(.restart(resource.request.restart))
            case .migrate: send(.migrate(resource.definition))
            }
        }
        for command in world.cluster.takeCommands(id) { send(command) }
    }

    private func send(_ command: ProcessCommand) {
        world.cover("command.\(command.label)")
        world.checks.commanded(id, command, by: program)
        let isDuplicated = world.settings.faults.contains(.duplicates) && world.chance(30)
        for _ in 0..<(isDuplicated ? 2 : 1) {
            if engine.send(command, to: id) { world.note("\(program.name) tells \(id) to \(command.label)") }
        }
    }

    private func show(_ state: ProcessSummary, _ resource: Resource) async throws {
        if let status = resource.status {
            if status.epoch > state.epoch {
                // Somebody else has announced a takeover.
                world.cover("event.outranked")
            }
            guard (status.epoch, status.version) < (state.epoch, state.version) else { return }
            // Progress alone is shown now and then.
            if status.phase == state.status, status.rerun == state.rerun, status.trouble == nil,
                status.epoch == state.epoch, state.version % 4 != 0
            {
                return
            }
        }
        try await write(state, resource)
    }

    private func write(_ state: ProcessSummary, _ resource: Resource) async throws {
        try await write(
            Resource.Status(
                epoch: state.epoch,
                version: state.version,
                rerun: state.rerun,
                phase: state.status,
                owner: state.owner
            ),
            resource
        )
    }

    private func write(_ status: Resource.Status, _ resource: Resource) async throws {
        let (world, program, id) = (world, program, id)
        try await world.scheduler.answer { (answer: Answer<Void>) in
            let isLost = world.cluster.unavailableUntil > world.now
            world.scheduler.after(world.milliseconds(1...30)) {
                guard !program.isDead else { return }
                if isLost { return answer.give(.failure(Cluster.Unavailable())) }
                do {
                    let written = try world.cluster.writeStatus(id, status, under: resource.version, by: program)
                    world.scheduler.after(world.milliseconds(1...10)) {
                        // Whoever writes knows what it has written before the watch tells.
                        if let written { program.observe(written, isOwn: true) }
                        answer.give(.success(()))
                    }
                } catch {
                    answer.give(.failure(error))
                }
            }
        }
    }

    // MARK: After the run

    private func conclude(_ end: RunEnd, _ state: ProcessSummary?, _ resource: Resource) async throws {
        world.cover("end.\(end.label)")
        switch end {
        case .finished:
            guard let state else { return }
            if isNews(state, resource.status) { try await write(state, resource) }
            engine.forget(id)
            program.kick(id, after: .milliseconds(10))
        case .released:
            guard let state else { return }
            world.cover("event.released")
            try await write(state, resource)
            engine.forget(id)
            program.kick(id, after: .milliseconds(1))
        case .stateMissing: try await showTrouble(.waitsForRecovery, resource)
        case .invalidState: try await showTrouble(.invalidState, resource)
        case .superseded:
            let begun = try await engine.beginning(of: id)
            engine.forget(id)
            program.kick(id, after: .seconds(4))
            if let begun, let owner = begun.livingOther, resource.status?.owner != owner {
                world.cover("event.shownForOwner")
                var status =
                    resource.status ?? Resource.Status(epoch: begun.epoch, version: 0, rerun: 0, phase: .running)
                status.epoch = max(status.epoch, begun.epoch)
                status.owner = owner
                if resource.isFinished { status.phase = .running }
                try await write(status, resource)
            }
        case .notBegun, .withdrawn, .expired:
            world.note("\(program.name): \(id) ended as \(end.label)")
            engine.forget(id)
            program.kick(id, after: .seconds(4))
        case .shutDown: engine.forget(id)
        }
    }

    private func isNews(_ state: ProcessSummary, _ status: Resource.Status?) -> Bool {
        guard let status else { return true }
        // The run may have read the store before the process was begun again elsewhere.
        if (status.epoch, status.version) > (state.epoch, state.version), !world.database.hasLostData { return false }
        return (status.epoch, status.version) < (state.epoch, state.version) || status.phase != state.status
            || status.trouble != nil
    }

    private func showTrouble(_ trouble: Resource.Trouble, _ resource: Resource) async throws {
        var status = resource.status ?? Resource.Status(epoch: 0, version: 0, rerun: 0, phase: .running)
        if status.trouble != trouble {
            status.trouble = trouble
            try await write(status, resource)
        }
        engine.forget(id)
        program.kick(id, after: .seconds(5))
    }
}

extension ProcessCommand {
    /// Whether only finished processes obey it.
    var isForFinished: Bool {
        switch self {
        case .retry, .rollBack, .markCleanedUp: true
        default: false
        }
    }

    var label: String {
        switch self {
        case .pause: "pause"
        case .resume: "resume"
        case .cancel(let mode): "cancel\(mode.rawValue)"
        case .retry: "retry"
        case .retryCurrentStep: "retryCurrentStep"
        case .rollBack: "rollBack"
        case .markCleanedUp: "markCleanedUp"
        case .decide(_, .retry): "decideRetry"
        case .decide(_, .complete): "decideComplete"
        case .decide(_, .fail): "decideFail"
        case .restart: "restart"
        case .migrate: "migrate"
        }
    }
}

extension RunMode {
    var label: String {
        switch self {
        case .begin: "begin"
        case .beginOrRetry: "beginOrRetry"
        case .recover: "recover"
        case .rerun: "rerun"
        case .reopen(let command, _, _): "reopen.\(command.label)"
        }
    }
}

extension RunEnd {
    var label: String {
        switch self {
        case .finished: "finished"
        case .superseded: "superseded"
        case .released: "released"
        case .notBegun: "notBegun"
        case .stateMissing: "stateMissing"
        case .invalidState: "invalidState"
        case .withdrawn: "withdrawn"
        case .expired: "expired"
        case .shutDown: "shutDown"
        }
    }
}
