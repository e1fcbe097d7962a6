internal import JSON

extension ProcessEngine {
    /// Runs a sub-process for a step, and waits for its end.
    /// - Parameter wasStopped: whether the step was told to stop; otherwise a cancelled task means that this owner stops,
    ///   and the sub-process goes on with the next one.
    func runSubprocess(
        _ inputs: JSONValue,
        of parent: ProcessRun,
        _ execution: ExecutionRequest,
        _ wasStopped: @escaping @Sendable () -> Bool
    ) async throws -> JSONValue {
        let request = try request(inputs, of: parent, execution)
        // One that was told to stop before it could go on only winds down.
        let isStopping = Task.isCancelled && wasStopped()
        let knownEpoch = request.firstEpoch - 1
        let mode = isStopping ? .recover(knownEpoch: knownEpoch) : Self.mode(execution, knownEpoch: knownEpoch)
        // If the parent's state is gone or somebody else's, the sub-process is no more to be begun than another effect.
        if !isStopping { try await parent.confirm(execution) }
        guard let run = submitSubprocess(request, mode: mode) else { throw CancellationError() }
        await withTaskCancellationHandler {
            // The end comes in any case: the run obeys the command, or is abandoned.
            await Self.waitUntilEnded(run)
        } onCancel: {
            if wasStopped() {
                run.send(.command(.cancel(.graceful)))
            } else if case .ended(.finished) = parent.snapshot.activity {
                // Nobody would ever finish what it has begun.
                run.send(.command(.cancel(.force)))
            } else {
                // The parent is somebody else's now, and this goes with it.
                run.abandon()
            }
        }
        forget(request.id)
        return try Self.result(run, request.name)
    }

    /// After a crash the child's end counts, whatever it was; another attempt goes on where the child ended, and so does
    /// the first attempt after the parent was told to retry.
    private static func mode(_ execution: ExecutionRequest, knownEpoch: Int) -> RunMode {
        if execution.isRecovery { return .begin }
        return execution.attempt > 1 ? .reopen(.retry, knownEpoch: knownEpoch) : .beginOrRetry
    }

    /// Waits whatever becomes of the caller: a structured task has to see the end of what it began.
    private static func waitUntilEnded(_ run: ProcessRun) async {
        await withCheckedContinuation { continuation in run.whenEnded { continuation.resume() } }
    }

    private static func result(_ run: ProcessRun, _ name: String) throws -> JSONValue {
        guard case .ended(let end) = run.snapshot.activity else { throw CancellationError() }
        switch end {
        case .finished: break
        case .stateMissing: throw StepError(.permanent, "the state of sub-process \(name) is gone")
        case .invalidState(let reason): throw StepError(.permanent, reason)
        case .superseded, .released, .notBegun, .withdrawn, .expired, .shutDown: throw CancellationError()
        }
        guard let summary = run.snapshot.state else { throw CancellationError() }
        if let plan = summary.plan {
            let lines = JSONValue.array(plan.lines.map { .string($0) })
            return ["would": "run", "object": .string(name), "changes": lines, "digest": .string(plan.digest)]
        }
        switch summary.status {
        case .completed: return summary.outputs ?? [:]
        case .cancelled: throw StepError(.permanent, "the sub-process was cancelled")
        default:
            let message = summary.errorMessage ?? "no reason was recorded"
            let isTimeout = message == ProcessMachine.timeoutMessage
            throw StepError(isTimeout ? .timeout : .permanent, message, detail: "in sub-process \(name)")
        }
    }

    private func request(
        _ inputs: JSONValue,
        of parent: ProcessRun,
        _ execution: ExecutionRequest
    ) throws -> ProcessRequest {
        let pinned = parent.subprocesses
        guard let name = SubprocessAction.definitionName(inputs), let json = pinned?[name] else {
            let known = (pinned?.object ?? [:]).keys.sorted().joined(separator: ", ")
            throw StepError.invalid("with: the definition of the sub-process was not pinned; pinned are: \(known)")
        }
        let definition = try WorkflowDefinition(json: json)
        let input = try Self.input(inputs["input"], for: definition)
        let timeout = inputs["timeout"]?.string ?? definition.timeout
        var request = ProcessRequest(
            id: execution.key,
            namespace: parent.request.namespace,
            name: "\(parent.request.name)/\(execution.id)",
            user: parent.request.user,
            input: input,
            definition: definition,
            timeout: timeout.flatMap { Duration(text: $0) } ?? parent.request.timeout,
            retry: definition.retry ?? parent.request.retry,
            onFailure: definition.onFailure ?? .stop,
            serviceAccountName: execution.serviceAccountName,
            isDryRun: execution.isDryRun,
            parent: parent.id
        )
        request.firstEpoch = parent.snapshot.state?.epoch ?? 1
        return request
    }

    private static func input(_ input: JSONValue?, for definition: WorkflowDefinition) throws(StepError) -> JSONValue? {
        do {
            return try definition.resolvedInput(input)
        } catch {
            throw .invalid(error.violations.prefix(5).map(\.description).joined(separator: "; "))
        }
    }
}
