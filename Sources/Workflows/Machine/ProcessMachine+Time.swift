internal import JSON

extension ProcessMachine {
    /// What a process or a step says that ran out of time.
    static let timeoutMessage = "Timeout exceeded"

    /// The time-out stands still while the process is paused; what waits goes on waiting.
    mutating func spend(_ elapsed: Duration) {
        let milliseconds = elapsed.onClock
        state.clockMilliseconds += milliseconds
        guard state.status != .paused else { return }
        state.remainingMilliseconds = max(0, state.remainingMilliseconds - milliseconds)
    }

    /// Does what time asks for.
    mutating func fallDue() {
        let clock = state.clockMilliseconds
        if let ending = state.ending {
            if let limit = ending.endsAt, limit <= clock { return endNow() }
            if let limit = ending.interruptUntil, limit <= clock { abandonMain() }
        }
        // What waits and names no time, by a repair by hand, is due.
        for id in timed.filter({ (execution($0).dueAt ?? clock) <= clock }).sorted(by: isBefore) {
            timed.remove(id)
            switch execution(id).status {
            case .blocked: giveUpWaitingForLocks(id)
            case .waiting where !due.contains(id): due.append(id)
            // One before it has ended the process, and this with it.
            default: break
            }
        }
        let countsTime = state.ending == nil || state.ending?.status == .completed
        if countsTime, state.status != .paused, state.remainingMilliseconds == 0 { timeOut() }
    }

    /// Time before which nothing falls due; nil when nothing ever does.
    var nextDue: Duration? {
        guard !state.status.isFinished else { return nil }
        let clock = state.clockMilliseconds
        var next: [Int] = timed.compactMap { execution($0).dueAt }
        if let ending = state.ending {
            next += [ending.endsAt, ending.interruptUntil].compactMap(\.self)
        }
        if state.status != .paused, state.ending == nil || state.ending?.status == .completed {
            next.append(clock + state.remainingMilliseconds)
        }
        return next.min().map { .milliseconds(max(0, $0 - clock)) }
    }

    private func isBefore(_ one: ExecutionID, _ other: ExecutionID) -> Bool {
        let (first, second) = (execution(one), execution(other))
        return (first.dueAt ?? 0, first.start, one.description) < (second.dueAt ?? 0, second.start, other.description)
    }

    /// A process out of time is ended at once, running steps or not; a rollback and the final steps get the same time
    /// again.
    private mutating func timeOut() {
        var ending = Ending(.failed, Self.timeoutMessage, rollsBack: state.onFailure == .rollback)
        ending.endsAt = state.clockMilliseconds + state.timeoutMilliseconds
        let isLate = state.ending != nil
        beginEnding(ending)
        abandonMain()
        // Final steps that ran out of time themselves get no more.
        if isLate { endNow() }
    }
}
