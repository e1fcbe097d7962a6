internal import JSON
internal import Logging
internal import Synchronization

extension LeaderElector {
    typealias Work = @Sendable (LeaseGate) async throws -> Void

    func campaignAndLead(_ work: @escaping Work, until stop: ElectionSignal) async throws -> Ending {
        var election = Election(lease, identity: identity, timing: timing)
        guard let term = await campaign(&election, until: stop) else { return .neverLed }
        let gate = LeaseGate(lease, term, timing: timing, now: clock.now)
        setGate(gate)
        defer {
            gate.shut()
            setGate(nil)
        }
        guard !stop.hasHappened else {
            gate.shut()
            await release(before: gate.deadline)
            return .neverLed
        }
        logger.info("leading", metadata: ["epoch": "\(gate.epoch)"])
        return try await lead(election, gate, work, until: stop)
    }

    // MARK: Campaigning

    /// - Returns: nil when told to stop. A term that was won while being told is returned, to be given back.
    private func campaign(_ election: inout Election, until stop: ElectionSignal) async -> Election.Term? {
        logger.info("campaigning")
        while !stop.hasHappened {
            switch await attempt(&election, orReadUntil: stop) {
            case .leading(let term): return term
            case .following, .lost: break
            case .undecided(let reason):
                logger.info("the lease could not be had; trying again", metadata: ["reason": "\(reason)"])
            }
            // Spread by chance, so that candidates do not all come at once (client-go `leaderelection.go`, acquire).
            let pause = timing.retryPeriod * (1 + chance() * ElectionTiming.jitter)
            await sleep(until: clock.now() + pause, or: stop)
        }
        return nil
    }

    private func sleep(until time: Duration, or stop: ElectionSignal) async {
        await withTaskGroup { group in
            group.addTask { [clock] in try? await clock.sleep(time) }
            group.addTask { await stop.wait() }
            await group.next()
            group.cancelAll()
        }
    }

    // MARK: Leading

    private enum Turn {
        case drained
        case undrained
        case lost(LeadershipLoss)
    }

    private func lead(
        _ election: Election,
        _ gate: LeaseGate,
        _ work: @escaping Work,
        until stop: ElectionSignal
    ) async throws -> Ending {
        let outcome = Mutex<(any Error)?>(nil)
        let ended = ElectionSignal()
        // Outside of any group, because a group would wait for work that does not drain. Cancelled below, in each case
        // but that it has ended.
        let worker = Task {
            do { try await work(gate) } catch { outcome.withLock { $0 = error } }
            ended.happen()
        }
        let turn = await withTaskGroup(of: Turn?.self) { group in
            group.addTask {
                guard let loss = await self.keep(election, gate) else { return nil }
                gate.shut()
                return .lost(loss)
            }
            group.addTask {
                await ended.wait()
                return ended.hasHappened ? .drained : nil
            }
            group.addTask {
                await stop.wait()
                guard stop.hasHappened else { return nil }
                worker.cancel()
                try? await self.clock.sleep(self.clock.now() + self.drainLimit)
                return .undrained
            }
            let first = await group.next() ?? nil
            group.cancelAll()
            return first
        }
        switch turn {
        case .lost(let loss):
            setGate(nil)
            logger.notice("leadership is lost", metadata: ["reason": "\(loss)", "epoch": "\(gate.epoch)"])
            worker.cancel()
            await sleep(until: clock.now() + drainLimit, or: ended)
            guard ended.hasHappened else { return undrained() }
            return .lost(loss)
        case .undrained, nil:
            gate.shut()
            return undrained()
        case .drained:
            // Nobody is left to write; but the gate does not take that on trust.
            gate.shut()
            await release(before: gate.deadline)
            if let error = outcome.withLock({ $0 }), !(error is CancellationError && stop.hasHappened) { throw error }
            return .released
        }
    }

    private func undrained() -> Ending {
        logger.notice(
            "the work has not ended in time; the lease is not given back",
            metadata: ["limit": "\(drainLimit)"]
        )
        return .undrained
    }

    /// Renews until that has failed for too long.
    /// - Returns: nil when cancelled.
    private func keep(_ election: Election, _ gate: LeaseGate) async -> LeadershipLoss? {
        var election = election
        while true {
            // A try that fails is not the last one before the deadline by chance alone: the deadline itself is.
            try? await clock.sleep(min(clock.now() + timing.retryPeriod, gate.deadline))
            guard !Task.isCancelled else { return nil }
            switch await attempt(&election, until: gate.deadline) {
            case .leading(let term): gate.extend(to: term)
            case .lost(let loss): return loss
            case .undecided(let reason):
                guard !Task.isCancelled else { return nil }
                logger.info("the lease was not renewed; trying again", metadata: ["reason": "\(reason)"])
            case .following(let holder): return .takenOver(by: holder)
            }
        }
    }

    // MARK: Giving back

    private func release(before deadline: Duration) async {
        var reason = "the renew deadline has passed"
        while clock.now() < deadline {
            do {
                guard let current = try await bounded(until: deadline, { try await self.storage.read() }),
                    let released = Election.releasing(current, heldBy: identity, wallTime: .now)
                else { return logger.info("the lease was not this process's any more") }
                if let free = try await bounded(until: deadline, { try await self.storage.update(released) }) {
                    observe(free.spec.holder)
                    return logger.info("the lease is given back")
                }
                // Changed meanwhile, perhaps by a renewal whose answer nobody awaited: look again.
            } catch {
                reason = "\(error)"
                try? await clock.sleep(min(clock.now() + timing.retryPeriod, deadline))
            }
        }
        logger.notice("the lease could not be given back; it will expire", metadata: ["reason": "\(reason)"])
    }
}
