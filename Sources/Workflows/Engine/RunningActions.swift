/// The actions that are running, and how to stop each.
struct RunningActions {
    private struct Running {
        let start: Int
        let stop: AsyncStream<Void>.Continuation
    }

    private var running: [ExecutionID: Running] = [:]
    private var acquiring: [ExecutionID?: AsyncStream<Void>.Continuation] = [:]

    var keys: Set<ExecutionID> { Set(running.keys) }

    /// An action begins; the stream ends when it is to stop.
    mutating func begin(_ request: ExecutionRequest) -> AsyncStream<Void> {
        let (stream, continuation) = AsyncStream<Void>.makeStream()
        running.updateValue(Running(start: request.start, stop: continuation), forKey: request.id)?.stop.finish()
        return stream
    }

    /// Somebody begins to wait for locks; the stream ends when that is pointless.
    mutating func beginAcquiring(_ holder: ExecutionID?) -> AsyncStream<Void> {
        let (stream, continuation) = AsyncStream<Void>.makeStream()
        acquiring.updateValue(continuation, forKey: holder)?.finish()
        return stream
    }

    /// An action that has ended runs no more.
    mutating func note(_ event: ProcessEvent) {
        switch event {
        case .succeeded(let id, let start, _, _), .failed(let id, let start, _), .interrupted(let id, let start):
            if running[id]?.start == start { running[id] = nil }
        default: break
        }
    }

    mutating func interrupt(_ id: ExecutionID) { running[id]?.stop.finish() }

    mutating func stopAcquiring(_ claims: [LockClaim]) {
        for claim in claims {
            let holder = claim.step.isEmpty ? nil : ExecutionID(claim.step, item: claim.item)
            acquiring.removeValue(forKey: holder)?.finish()
        }
    }

    /// Stops whatever the state does not know as started.
    mutating func interruptAll(but machine: ProcessMachine) {
        let started = Set(machine.running)
        for (id, action) in running where !started.contains(id) || machine.execution(id).start != action.start {
            action.stop.finish()
            running[id] = nil
        }
    }
}
