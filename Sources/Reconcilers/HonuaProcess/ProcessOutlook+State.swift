internal import CRDs
internal import Workflows

extension ProcessOutlook {
    /// What a state looks like.
    /// - Parameter heldBecause: why nothing can be committed right now, if so.
    init(_ state: ProcessSummary, heldBecause: String?) {
        switch state.status {
        case .completed:
            self = .succeeded(message: "all \(state.stepCount) steps are completed")
        case .failed:
            let message = state.errorMessage ?? "no reason was recorded"
            guard state.rolledBack else {
                self = .failed(Self.reason(forFailure: message), message: message)
                return
            }
            self = .failed(.rolledBack, message: "\(message)\(Self.remains(state))")
        case .cancelled:
            self = .failed(.cancelled, message: "cancelled after \(Self.progress(state))\(Self.remains(state))")
        case .cancelling:
            self = .working(.cancelling, message: "running steps are interrupted, what is done is undone")
        case .paused:
            if let reason = state.incompatibility {
                self = .failed(.definitionIncompatible, message: reason)
            } else {
                self = .working(.suspended, message: "suspended after \(Self.progress(state))")
            }
        case .pending, .running:
            self = Self.running(state, heldBecause)
        }
    }

    /// What a process says that ran out of time.
    static let timeoutMessage = StepError.timeoutExceeded.summary

    /// What a rollback could not undo.
    private static func remains(_ state: ProcessSummary) -> String {
        guard state.rolledBack else { return "" }
        if state.notUndone.isEmpty { return "; what was done is undone" }
        return "; not undone: \(state.notUndone.joined(separator: ", "))"
    }

    /// The reason that belongs to a failed process's error message.
    static func reason(forFailure message: String) -> HonuaProcessReason {
        if message == timeoutMessage { return .deadlineExceeded }
        return message.hasPrefix(InvalidState.summary) ? .invalidState : .stepFailed
    }

    private static func running(_ state: ProcessSummary, _ heldBecause: String?) -> ProcessOutlook {
        if let heldBecause {
            return .working(.progressing, message: "waits for the state store: \(heldBecause)")
        }
        if let undecided = state.undecided {
            return .working(.waitingForApproval, message: "step \(undecided.execution): \(undecided.message)")
        }
        if state.ending == .failed, state.rolledBack {
            return .working(.rollingBack, message: "what is done is being undone: \(state.errorMessage ?? "")")
        }
        if let waiting = state.waiting, waiting.attempt > 0 {
            let message =
                "step \(waiting.execution) is tried again after attempt \(waiting.attempt): \(waiting.message)"
            return .working(.progressingWithRetry, message: message)
        }
        return .working(.progressing, message: "\(progress(state)), step \(state.currentStep ?? "-")")
    }

    private static func progress(_ state: ProcessSummary) -> String {
        "\(state.completedSteps) of \(state.stepCount) steps"
    }
}

extension ProcessOutlook {
    /// What a finished process looks like of which only the status is left.
    init(finished status: HonuaProcessStatus) {
        let ready = status.conditions?.first { $0.type == HonuaProcessCondition.ready }
        if status.phase == .completed {
            self = .succeeded(message: ready?.message ?? "")
        } else {
            let reason = (ready?.reason).flatMap(HonuaProcessReason.init(rawValue:)) ?? .stepFailed
            self = .failed(reason, message: ready?.message ?? "")
        }
    }
}
