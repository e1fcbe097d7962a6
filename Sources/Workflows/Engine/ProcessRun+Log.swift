internal import Logging

extension ProcessRun {
    /// Tells people what a commit has changed. The phrases are searched for by scripts and alerts: the id comes first,
    /// then the words.
    func report(
        _ events: [ProcessEvent],
        isCheckpoint: Bool,
        from before: ProcessPhase,
        _ machine: ProcessMachine
    ) {
        let state = machine.state
        var hasProgress = isCheckpoint
        for event in events {
            switch event {
            case .succeeded: hasProgress = true
            case .failed(let execution, _, _): reportRetry(of: execution, machine)
            default: break
            }
        }
        if hasProgress {
            logger.info("Process \(id) progress \(state.completionPercentage)%, step \(state.currentStep ?? "-")")
        }
        guard before != state.status else { return }
        switch state.status {
        case .completed: logger.info("Process \(id) of type \(state.processType) completed")
        case .failed:
            if state.errorMessage == ProcessMachine.timeoutMessage {
                let minutes = state.timeoutMilliseconds / 60_000
                logger.warning("Process \(id) exceeded timeout of \(minutes) minutes")
            }
            let reason = state.errorMessage ?? "no reason was recorded"
            logger.warning("Process \(id) of type \(state.processType) failed: \(reason)")
        case .cancelling: logger.info("Process \(id) cleanup begins: running steps are interrupted")
        case .cancelled: logger.info("Process \(id) cleanup ended: the process is cancelled")
        case .paused: logger.info("Process \(id) waiting: paused")
        case .running: logger.info("Process \(id) resumed")
        case .pending: break
        }
    }

    /// A process that makes no progress is not ended for that; its time-out does so. But somebody should look.
    func reportStall(_ machine: ProcessMachine) {
        let minutes = engine.configuration.stallLimit.components.seconds / 60
        let steps = machine.running.map(\.description).joined(separator: ", ")
        logger.warning(
            "Process \(id) has made no progress for \(minutes) minutes; running: \(steps.isEmpty ? "nothing" : steps)"
        )
    }

    private func reportRetry(of id: ExecutionID, _ machine: ProcessMachine) {
        guard machine.isKnown(id) else { return }
        let execution = machine.execution(id)
        guard execution.status == .waiting else { return }
        let seconds = Double((execution.dueAt ?? 0) - machine.state.clockMilliseconds) / 1000
        logger.info("Process \(self.id) step \(id) waiting: attempt \(execution.attempt + 1) in \(seconds) s")
    }
}
