import JSON
import Workflows

/// Makes things happen: users who want things, programs that come and go, and trouble of every kind. In the end all
/// trouble ceases, people mend what only people can mend, and everything has to come to an end.
struct Director {
    private unowned let world: World
    private let generator: DefinitionGenerator
    private var number = 0

    init(_ world: World) {
        self.world = world
        generator = DefinitionGenerator(world)
    }

    private var settings: Settings { world.settings }

    mutating func run() async {
        for index in 0..<settings.processes {
            let resource = generator.resource(index)
            let delay = world.milliseconds(0...(index == 0 ? 500 : 10_000))
            world.scheduler.after(delay) { [world] in
                world.note("\(resource.id) is applied")
                world.cluster.create(resource)
            }
        }
        for index in 0..<settings.replicas {
            if index > 0, world.chance(30) { await pass(world.milliseconds(0...10_000)) }
            start("r\(index)")
        }
        await makeTrouble()
        calmDown()
        await waitForTheEnd()
    }

    /// Ends every program.
    func finish() async {
        for program in world.programs {
            if !program.isDead { program.kill("end") }
        }
        for program in world.programs { await program.waitUntilEnded() }
    }

    private func pass(_ duration: Duration) async { await world.scheduler.waitRegardless(for: duration) }

    private mutating func start(_ replica: String) {
        number += 1
        let program = OperatorProgram(world: world, replica: replica, number: number)
        world.programs.append(program)
        if !world.isQuiet {
            if settings.faults.contains(.killAtFailPoint), world.chance(60) {
                program.failPointsToLive = world.scheduler.random.int(0...15)
            }
            if settings.faults.contains(.killAtCommit), world.chance(60) {
                program.commitEdgesToLive = world.scheduler.random.int(0...25)
            }
        }
        program.start()
    }

    private var living: [OperatorProgram] { world.programs.filter { !$0.isDead && !$0.isStopping } }

    // MARK: Trouble

    private mutating func makeTrouble() async {
        var commands = settings.commands
        while world.now < settings.troubleTime, world.violation == nil {
            await pass(world.milliseconds(100...6000))
            restartTheDead()
            if commands > 0, world.chance(40) {
                commands -= 1
                command()
            }
            let now = Fault.allCases.filter { settings.faults.contains($0) }
            if !now.isEmpty, world.chance(60) { await inject(world.scheduler.random.pick(now)) }
            healPartly()
        }
    }

    /// Each replica has a program, after a while.
    private mutating func restartTheDead() {
        for index in 0..<settings.replicas {
            let replica = "r\(index)"
            let programs = world.programs.filter { $0.replica == replica }
            guard let last = programs.last, last.isDead, world.isQuiet || world.chance(50) else { continue }
            world.cover("event.restarted")
            start(replica)
        }
    }

    private mutating func inject(_ fault: Fault) async {
        let programs = living
        let program = programs.isEmpty ? nil : world.scheduler.random.pick(programs)
        switch fault {
        case .kill: program?.kill("kill")
        case .pause: program?.pause(for: world.milliseconds(200...30_000))
        case .gracefulStop:
            guard let program, !program.isPaused else { return }
            world.cover("fault.gracefulStop")
            let before = world.now
            await program.stop()
            if world.now - before > .seconds(120) { world.violate("stop: \(program.name) took \(world.now - before)") }
        case .storeOutage:
            let duration = world.milliseconds(200...25_000)
            world.note("the store is away for \(duration)")
            world.cover("fault.storeOutage")
            world.database.beUnavailable(for: duration)
        case .rollback:
            let moment = world.now - world.milliseconds(5...5000)
            world.note("the store falls back to \(moment)")
            world.cover("fault.rollback")
            world.database.rollBack(to: moment)
        case .emptied:
            guard !world.database.isEmptied else { return }
            world.note("the store is emptied")
            world.cover("fault.emptied")
            world.database.empty()
            world.scheduler.after(world.milliseconds(1000...30_000)) { [world] in
                world.note("the states are imported again")
                world.database.reimport()
            }
        case .validEdit: edit(isValid: true)
        case .invalidEdit: edit(isValid: false)
        case .lostHeartbeats:
            guard let program else { return }
            let duration = world.milliseconds(3000...25_000)
            world.note("heartbeats of \(program.name) are lost for \(duration)")
            world.cover("fault.lostHeartbeats")
            program.heartbeatsLostUntil = world.now + duration
            world.trouble(until: program.heartbeatsLostUntil)
        case .apiOutage:
            let duration = world.milliseconds(200...20_000)
            world.note("the API server is away for \(duration)")
            world.cover("fault.apiOutage")
            world.cluster.unavailableUntil = world.now + duration
            world.trouble(until: world.now + duration)
        case .definitionEdit:
            guard let id = anyProcess else { return }
            world.note("the definition of \(id) is edited")
            world.cover("fault.definitionEdit")
            let generator = generator
            world.cluster.change(id) { $0.definition = generator.edited($0.definition) }
        case .killAtFailPoint, .killAtCommit, .lostRequests, .duplicates: return
        }
    }

    private var anyProcess: String? {
        let ids = world.cluster.ids
        return ids.isEmpty ? nil : world.scheduler.random.pick(ids)
    }

    // MARK: Commands

    private func command() {
        guard let id = anyProcess else { return }
        let phase = world.cluster.resources[id]?.status?.phase
        if phase?.isFinished ?? false {
            switch world.scheduler.random.below(5) {
            case 0:
                world.note("\(id) is to run again")
                world.cluster.change(id) {
                    $0.wantedRerun = ($0.status?.rerun ?? 0) + 1
                    $0.cancellation = nil
                    $0.isSuspended = false
                }
            case 1: world.cluster.send(.markCleanedUp, to: id)
            case 2: world.cluster.send(.rollBack, to: id)
            default:
                world.cluster.change(id) { $0.cancellation = nil }
                world.cluster.send(.retry, to: id)
            }
            return
        }
        switch world.scheduler.random.below(8) {
        case 0, 1:
            world.note("\(id) is to pause")
            world.cluster.change(id) { $0.isSuspended = true }
        case 2:
            world.note("\(id) is to go on")
            world.cluster.change(id) { $0.isSuspended = false }
        case 3, 4:
            world.note("\(id) is to be cancelled")
            world.cluster.change(id) { $0.cancellation = .graceful }
        case 5:
            world.note("\(id) is to be cancelled by force")
            world.cluster.change(id) { $0.cancellation = .force }
        case 6: world.cluster.send(.retryCurrentStep, to: id)
        default: world.cluster.send(.decide(nil, decision()), to: id)
        }
    }

    private func decision() -> Decision {
        world.scheduler.random.pick([.retry, .complete(output: ["value": "decided"]), .fail])
    }

    // MARK: Edits

    private func edit(isValid: Bool) {
        let candidates = world.database.processIDs.filter {
            world.database.state($0).map { !$0.status.isFinished } ?? false
        }
        guard !candidates.isEmpty else { return }
        let id = world.scheduler.random.pick(candidates)
        guard isValid else {
            world.note("\(id) is ruined by hand")
            world.cover("fault.invalidEdit")
            world.database.ruin(id, dropping: world.scheduler.random.int(1...100))
            world.scheduler.after(world.milliseconds(500...15_000)) { [world] in world.database.mend(id) }
            return
        }
        guard let entry = world.database.entry(.state(processID: id)),
            var json = try? JSONValue(parsing: entry.document.bytes), case .array(var steps) = json["steps"],
            let index = steps.indices.filter({ isEditable(steps[$0]) }).randomElement(using: &world.scheduler.random)
        else { return }
        if world.chance(60) || steps[index]["status"] == "Started" {
            steps[index]["status"] = "Completed"
            steps[index]["output"] = ["value": "by hand"]
            world.cover("fault.editToCompleted")
        } else {
            steps[index]["status"] = "Pending"
            world.cover("fault.editToPending")
        }
        steps[index]["dueAt"] = nil
        world.note(
            "step \(steps[index]["name"]?.string ?? "") of \(id) is edited to \(steps[index]["status"] ?? .null)"
        )
        world.cover("fault.validEdit")
        json["steps"] = .array(steps)
        world.database.edit(id, json.serialized(pretty: true))
    }

    private func isEditable(_ step: JSONValue) -> Bool {
        guard step["items"] == nil, step["itemCount"] == nil, let status = step["status"]?.string else { return false }
        return ["Failed", "Waiting", "WaitingForDecision", "Started", "Pending", "Blocked"].contains(status)
    }

    // MARK: The end

    private func calmDown() {
        world.note("trouble ceases")
        world.isQuiet = true
        world.database.answerAgain()
        world.cluster.unavailableUntil = world.now
        if world.database.isEmptied { world.database.reimport() }
        for program in world.programs {
            program.failPointsToLive = nil
            program.commitEdgesToLive = nil
            program.heartbeatsLostUntil = world.now
            program.resume()
        }
        world.trouble()
    }

    private mutating func waitForTheEnd() async {
        let limit = world.now + .seconds(45 * 60)
        while world.violation == nil {
            if isOver { return }
            guard world.now < limit else { return reportStuck() }
            restartTheDead()
            help()
            world.checks.checkCancellations()
            await pass(.seconds(5))
        }
    }

    private func healPartly() {
        world.checks.checkCancellations()
        if world.chance(20) { decideAll() }
    }

    private func decideAll() {
        for id in world.database.processIDs {
            guard let state = world.database.state(id), !state.status.isFinished else { continue }
            for (execution, record) in state.executions where record.status == .undecided {
                world.cover("event.decided")
                for program in living {
                    let decision = decision()
                    world.checks.commanded(id, .decide(execution, decision), by: program)
                    if program.engine.send(.decide(execution, decision), to: id) {
                        world.note("\(execution) of \(id) is decided")
                    }
                }
            }
        }
    }

    /// What only people can do.
    private func help() {
        decideAll()
        for id in world.database.ruinedIDs { world.database.mend(id) }
        for id in world.cluster.ids {
            guard let resource = world.cluster.resources[id] else { continue }
            if resource.isSuspended { world.cluster.change(id) { $0.isSuspended = false } }
            guard let state = world.database.state(id), !state.status.isFinished else { continue }
            if world.database.hasLostData, resource.isFinished, resource.wantedRerun <= resource.status?.rerun ?? 0 {
                // The store has lost the end of a process that everybody knows to be over: housekeeping removes what
                // it has instead, or its claims would keep their locks.
                world.cover("event.removedLeftover")
                world.database.delete([.state(processID: id)])
                continue
            }
            if state.incompatibility != nil, let definition = world.checks.definition(state),
                resource.definition != definition
            {
                world.cover("event.incompatible")
                world.cluster.change(id) {
                    $0.definition = definition
                    $0.changePolicy = .migrate
                }
            }
        }
    }

    private var isOver: Bool {
        guard world.cluster.ids.count == settings.processes else { return false }
        let areDone = world.cluster.ids.allSatisfy { id in
            guard let resource = world.cluster.resources[id] else { return false }
            // Nothing is left of it, so it waits for somebody to bring it back.
            if world.database.entry(.state(processID: id)) == nil {
                return resource.isFinished || resource.status?.trouble == .waitsForRecovery
            }
            guard let state = world.database.state(id) else { return false }
            // The resource is finished, and the store has lost that: nobody looks at the document any more.
            if world.database.hasLostData, resource.isFinished, resource.wantedRerun <= resource.status?.rerun ?? 0 {
                return true
            }
            return state.status.isFinished && resource.isFinished && resource.status?.phase == state.status
                && resource.wantedRerun <= (resource.status?.rerun ?? 0)
        }
        guard areDone else { return false }
        return world.database.processIDs.allSatisfy { id in
            guard let state = world.database.state(id), let parent = state.parent else { return true }
            // One whose parent is over belongs to nobody.
            return state.status.isFinished || isOver(id) || isOver(parent)
        }
    }

    /// Whether nobody moves a process any more, whatever the store says after it has lost something.
    private func isOver(_ id: String) -> Bool {
        guard let state = world.database.state(id), !state.status.isFinished else { return true }
        if let parent = state.parent {
            let isAwaited = world.database.state(parent)?.executions.contains {
                $0.1.key == id && !$0.1.status.isSettled
            }
            return !(isAwaited ?? false) || isOver(parent)
        }
        return world.cluster.resources[id]?.isFinished ?? true
    }

    private func reportStuck() {
        var open: [String] = []
        for id in world.database.processIDs {
            guard let entry = world.database.entry(.state(processID: id)) else { continue }
            guard let state = entry.state else {
                open.append("\(id): cannot be read")
                continue
            }
            guard !state.status.isFinished else { continue }
            open.append(
                "\(id) \(state.status) epoch \(state.epoch) " + state.steps.map(\.outline).joined(separator: " ")
                    + (state.locks.isEmpty ? "" : " locks \(state.locks.map { "\($0.lock):\($0.step):\($0.isHeld)" })")
            )
        }
        for id in world.cluster.ids {
            guard let resource = world.cluster.resources[id] else { continue }
            open.append(
                "resource \(id) wants run \(resource.wantedRerun), shows \(resource.status.map { "\($0)" } ?? "-")"
            )
            for program in living {
                guard let run = program.engine.snapshot(of: id) else { continue }
                open.append("\(program.name) has \(id) \(run.activity) held: \(run.heldBecause ?? "-")")
            }
        }
        for lock in world.database.locks { open.append(lock) }
        world.violate("stuck: not everything came to an end: \(open.joined(separator: "; "))")
    }
}
