internal import Logging

extension ProcessRun {
    /// Tells people what a commit has changed. The phrases are searched for by scripts and alerts: the id comes first,
    /// then the words.
    func report(_ message: Message, from before: ProcessState, to after: ProcessState) {
        switch message {
        case .checkpoint, .event(.stepSucceeded):
            logger.info("Process \(id) progress \(after.completionPercentage)%, step \(after.currentStep ?? "-")")
        case .event(.stepFailed(let step, _)):
            reportRetry(of: step, after)
        default: break
        }
        guard before.status != after.status else { return }
        switch after.status {
        case .completed: logger.info("Process \(id) of type \(after.processType) completed")
        case .failed:
            if after.errorMessage == ProcessState.timeoutMessage {
                let minutes = request.timeout.components.seconds / 60
                logger.warning("Process \(id) exceeded timeout of \(minutes) minutes")
            }
            let reason = after.errorMessage ?? "no reason was recorded"
            logger.warning("Process \(id) of type \(after.processType) failed: \(reason)")
        case .cancelling: logger.info("Process \(id) cleanup begins: running steps are interrupted")
        case .cancelled: logger.info("Process \(id) cleanup ended: the process is cancelled")
        case .paused: logger.info("Process \(id) waiting: paused")
        case .running: logger.info("Process \(id) resumed")
        case .pending: break
        }
    }

    private func reportRetry(of step: String, _ state: ProcessState) {
        guard let record = state.steps.first(where: { $0.name == step }), record.status == .waiting else { return }
        let seconds = Double(record.retryDelayMilliseconds ?? 0) / 1000
        logger.info("Process \(id) step \(step) waiting: attempt \(record.attempt + 1) in \(seconds) s")
    }
}
