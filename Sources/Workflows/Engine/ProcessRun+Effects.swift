internal import JSON
internal import Logging
internal import Synchronization

extension ProcessRun {
    func begin(
        _ effects: [ProcessEffect],
        _ actions: inout RunningActions,
        _ group: inout ThrowingDiscardingTaskGroup<any Error>
    ) {
        for effect in effects {
            switch effect {
            case .run(let request):
                let stop = actions.begin(request)
                group.addTask {
                    await self.perform(request, until: stop) { action, inputs, context in
                        guard request.isDryRun else { return try await action.perform(inputs, context) }
                        return try await action.plan(inputs, context)
                    }
                }
            case .verify(let request):
                let stop = actions.begin(request)
                group.addTask { await self.verify(request, until: stop) }
            case .interrupt(let id): if engine.fault != .deafCancel { actions.interrupt(id) }
            case .acquire(let holder, let claims):
                let stop = actions.beginAcquiring(holder)
                group.addTask { await self.acquire(claims, for: holder, until: stop) }
            case .release(let claims):
                actions.stopAcquiring(claims)
                group.addTask { await self.release(claims) }
            }
        }
    }

    /// What a finished process still owes to others. A store that does not answer is not waited for: without a claim in an
    /// unfinished state a share is void.
    func giveBack(_ effects: [ProcessEffect]) async {
        for case .release(let claims) in effects { await release(claims) }
    }

    /// What a planted fault does: effects happen before the state says so.
    func actTooEarly(_ effects: [ProcessEffect]) async {
        for case .run(let request) in effects {
            guard let action = engine.actions[request.action] else { continue }
            _ = try? await action.perform(request.inputs, context(request) { false })
        }
    }

    // MARK: Locks

    private func acquire(_ claims: [LockClaim], for holder: ExecutionID?, until stop: StopSignal) async {
        let names = claims.map(\.lock).joined(separator: ", ")
        logger.info("Process \(id) waiting: for locks \(names)")
        let isHeld = try? await unless(stop) { [engine, id] in
            try await engine.locks.acquire(claims, of: id)
            return true
        }
        guard isHeld ?? false else { return }
        engine.failPoint?(.afterLock, holder?.description ?? "")
        send(.acquired(holder))
    }

    private func release(_ claims: [LockClaim]) async {
        guard engine.fault != .leakedLock else { return }
        engine.failPoint?(.beforeRelease, claims.first?.step ?? "")
        try? await engine.locks.release(claims, of: id)
    }

    // MARK: Actions

    private func verify(_ request: ExecutionRequest, until stop: StopSignal) async {
        let outcome = Mutex(StepOutcome.unknown)
        let event = await attempt(request, until: stop) { action, inputs, context in
            let found = try await action.outcome(of: inputs, context)
            outcome.withLock { $0 = found }
            return .null
        }
        switch event {
        case .succeeded:
            let outcome = outcome.withLock { $0 }
            guard case .happened(let output) = outcome else {
                return send(.verified(request.id, start: request.start, outcome))
            }
            // Like any output: of limited size, and stored apart if it is large.
            await complete(request, output)
        case .failed(_, _, let error) where error.errorClass != .permanent:
            // The target does not answer; the question stays, and is asked again.
            logger.warning("Process \(id) step \(request.id) cannot be verified yet: \(error)")
            guard (try? await time.sleep(for: .seconds(5))) != nil else { return }
            await verify(request, until: stop)
        case .failed: send(.verified(request.id, start: request.start, .unknown))
        default: send(event)
        }
    }

    private func perform(
        _ request: ExecutionRequest,
        until stop: StopSignal,
        _ body: @escaping @Sendable (any Action, JSONValue, StepContext) async throws -> JSONValue
    ) async {
        let started = time.now
        if let memo = request.memo,
            let output = await engine.memos.output(memo, request, namespace: self.request.namespace)
        {
            logger.info("Process \(id) step \(request.id) reuses the output stored as \(memo.key)")
            return await complete(request, output)
        }
        let event = await attempt(request, until: stop, body)
        let duration = (time.now - started).inSeconds
        switch event {
        case .succeeded(_, _, let output, _):
            engine.failPoint?(.afterEffect, request.id.description)
            logger.info("Process \(id) step \(request.id) ended, duration \(duration) s")
            if let memo = request.memo {
                await engine.memos.keep(output, memo, request, namespace: self.request.namespace)
            }
            await complete(request, output)
        case .failed(_, _, let error):
            logger.warning("Process \(id) step \(request.id) failed, duration \(duration) s: \(error)")
            send(event)
        default:
            logger.info("Process \(id) step \(request.id) interrupted, duration \(duration) s")
            send(event)
        }
    }

    /// Reports an output; a large one is stored apart first.
    private func complete(_ request: ExecutionRequest, _ output: JSONValue) async {
        let bytes = output.serialized()
        let limit = engine.configuration.maximumOutputBytes
        guard bytes.count <= limit else {
            let detail = "the step's output has \(bytes.count) bytes, at most \(limit) are allowed"
            var error = StepError(.permanent, "Output too large", detail: detail)
            error.hasHadEffect = true
            return send(.failed(request.id, start: request.start, error))
        }
        var part: PartReference?
        if bytes.count > ProcessMachine.inlineBytes {
            let reference = PartReference(of: bytes)
            guard (try? await store(part: reference.digest, bytes)) != nil else { return }
            engine.failPoint?(.afterPart, request.id.description)
            part = reference
        }
        send(.succeeded(request.id, start: request.start, output: output, part: part))
    }

    /// It is held in memory as long as the process runs.
    private static let maximumUndoBytes = 4 << 20

    private func recordUndo(_ inputs: JSONValue, of request: ExecutionRequest) async throws {
        let bytes = inputs.serialized()
        guard bytes.count <= Self.maximumUndoBytes else {
            let detail = "how everything is before the step measures \(bytes.count >> 10) KiB, at most "
            throw StepError(
                .permanent,
                "Too much to undo",
                detail: detail + "\(Self.maximumUndoBytes >> 10) KiB can be recorded; make several steps of it"
            )
        }
        var part: PartReference?
        if bytes.count > ProcessMachine.inlineBytes {
            let reference = PartReference(of: bytes)
            try await store(part: reference.digest, bytes)
            part = reference
        }
        try await confirm(request, .undoRecorded(request.id, start: request.start, inputs: inputs, part: part))
        engine.failPoint?(.afterRecord, request.id.description)
    }

    private func attempt(
        _ request: ExecutionRequest,
        until stop: StopSignal,
        _ body: @escaping @Sendable (any Action, JSONValue, StepContext) async throws -> JSONValue
    ) async -> ProcessEvent {
        let (execution, start) = (request.id, request.start)
        guard let action = engine.actions[request.action] else {
            return .failed(execution, start: start, .invalid("there is no action \"\(request.action)\" here"))
        }
        let wasStopped = Mutex(false)
        let context = context(request) { wasStopped.withLock { $0 } }
        do {
            // While ownership is confirmed the gate may shut again.
            if engine.fault != .ignoredGate {
                try await unless(stop) { [self] in
                    while try await engine.gate?.pass() ?? false { try await confirm(request) }
                }
            }
            // The look for a reusable output and the gate have taken time.
            if stop.isGiven { throw Interruption() }
            try Task.checkCancellation()
            let noteStop: @Sendable () -> Void = { wasStopped.withLock { $0 = true } }
            let output = try await unless(stop, timeout: request.timeout, noteStop) {
                try await body(action, request.inputs, context)
            }
            return .succeeded(execution, start: start, output: output)
        } catch is Interruption {
            return .interrupted(execution, start: start)
        } catch is CancellationError {
            // An action that gives up by itself, without having been told to, has failed.
            if Task.isCancelled { return .interrupted(execution, start: start) }
            return .failed(execution, start: start, StepError(.transient, "Interrupted"))
        } catch let error as StepError {
            return .failed(execution, start: start, error)
        } catch {
            return .failed(execution, start: start, StepError(.transient, "Unexpected failure", detail: "\(error)"))
        }
    }

    private func context(_ request: ExecutionRequest, _ wasStopped: @escaping @Sendable () -> Bool) -> StepContext {
        var logger = logger
        logger[metadataKey: "step"] = "\(request.id)"
        return StepContext(
            processID: id,
            namespace: self.request.namespace,
            serviceAccountName: request.serviceAccountName,
            step: request.id.description,
            idempotencyKey: request.key,
            attempt: request.attempt,
            time: time,
            recordResource: { [self] in
                try await confirm(request, .recorded(resource: $0))
                engine.failPoint?(.afterRecord, request.id.description)
            },
            recordedUndo: request.recordedUndo,
            recordUndo: { [self] in try await recordUndo($0, of: request) },
            wasStopped: wasStopped,
            runSubprocess: { [self] in try await engine.runSubprocess($0, of: self, request, wasStopped) },
            logger: logger
        )
    }

    /// The step was told to stop.
    private struct Interruption: Error {}

    /// Runs something until it ends, is to stop, or takes too long. Its task is cancelled in both cases and waited for.
    private func unless<Result: Sendable>(
        _ stop: StopSignal,
        timeout: Duration? = nil,
        _ onStop: @escaping @Sendable () -> Void = {},
        _ body: @escaping @Sendable () async throws -> Result
    ) async throws -> Result {
        try await withThrowingTaskGroup(of: Result.self) { group in
            defer { group.cancelAll() }
            group.addTask { try await body() }
            group.addTask {
                await stop.wait()
                try Task.checkCancellation()
                onStop()
                throw Interruption()
            }
            if let timeout {
                group.addTask { [time] in
                    try await time.sleep(for: timeout)
                    onStop()
                    throw StepError.timeoutExceeded
                }
            }
            guard let result = try await group.next() else { throw CancellationError() }
            return result
        }
    }
}
