/// The actions that are running, and how to stop each.
struct RunningActions {
    private struct Running {
        let start: Int
        let stop: StopSignal
    }

    private var running: [ExecutionID: Running] = [:]
    private var acquiring: [ExecutionID?: StopSignal] = [:]

    /// The starts that are running.
    var starts: [ExecutionID: Int] { running.mapValues(\.start) }

    /// An action begins; the signal is given when it is to stop.
    mutating func begin(_ request: ExecutionRequest) -> StopSignal {
        let stop = StopSignal()
        running.updateValue(Running(start: request.start, stop: stop), forKey: request.id)?.stop.give()
        return stop
    }

    /// Somebody begins to wait for locks; the signal is given when that is pointless.
    mutating func beginAcquiring(_ holder: ExecutionID?) -> StopSignal {
        let stop = StopSignal()
        acquiring.updateValue(stop, forKey: holder)?.give()
        return stop
    }

    /// An action that has ended runs no more.
    mutating func note(_ event: ProcessEvent) {
        switch event {
        case .succeeded(let id, let start, _, _), .failed(let id, let start, _), .interrupted(let id, let start),
            .verified(let id, let start, _):
            if running[id]?.start == start { running[id] = nil }
        default: break
        }
    }

    mutating func interrupt(_ id: ExecutionID) { running[id]?.stop.give() }

    mutating func stopAcquiring(_ claims: [LockClaim]) {
        for claim in claims {
            let holder = claim.step.isEmpty ? nil : ExecutionID(claim.step, item: claim.item)
            acquiring.removeValue(forKey: holder)?.give()
        }
    }

    /// Stops whatever the state does not know as started.
    mutating func interruptAll(but machine: ProcessMachine) {
        let started = Set(machine.running)
        for (id, action) in running.sorted(by: { $0.value.start < $1.value.start })
        where !started.contains(id) || machine.execution(id).start != action.start {
            action.stop.give()
            running[id] = nil
        }
    }
}
