internal import CRDs
internal import Workflows

extension ProcessOutlook {
    /// What a state looks like.
    /// - Parameter heldBecause: why nothing can be committed right now, if so.
    init(_ state: ProcessState, heldBecause: String?) {
        switch state.status {
        case .completed:
            self = .succeeded(message: "all \(state.steps.count) steps are completed")
        case .failed:
            let message = state.errorMessage ?? "no reason was recorded"
            self = .failed(Self.reason(forFailure: message), message: message)
        case .cancelled:
            self = .failed(.cancelled, message: "cancelled after \(Self.progress(state))")
        case .cancelling:
            self = .working(.cancelling, message: "running steps are being interrupted")
        case .paused:
            self = .working(.suspended, message: "suspended after \(Self.progress(state))")
        case .pending, .running:
            self = Self.running(state, heldBecause)
        }
    }

    /// The reason that belongs to a failed process's error message.
    static func reason(forFailure message: String) -> HonuaProcessReason {
        if message == ProcessState.timeoutMessage { return .deadlineExceeded }
        return message.hasPrefix(InvalidState.summary) ? .invalidState : .stepFailed
    }

    private static func running(_ state: ProcessState, _ heldBecause: String?) -> ProcessOutlook {
        if let heldBecause {
            return .working(.progressing, message: "waits for the state store: \(heldBecause)")
        }
        if let waiting = state.steps.first(where: { $0.status == .waiting }) {
            let message =
                "step \(waiting.name) is tried again after attempt \(waiting.attempt): \(waiting.message ?? "")"
            return .working(.progressingWithRetry, message: message)
        }
        return .working(.progressing, message: "\(progress(state)), step \(state.currentStep ?? "-")")
    }

    private static func progress(_ state: ProcessState) -> String {
        "\(state.completedSteps) of \(state.steps.count) steps"
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
