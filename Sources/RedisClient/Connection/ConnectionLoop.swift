import Glibc
import Logging

/// What the connection's thread does: keep one connection up, send what is in the mailbox, hand out replies, watch the
/// clock.
///
/// ## Demand
/// The thread starts connecting with the first command or `connect()`. From then on it keeps the connection up until
/// the client is shut down. Only with `abortConnect`, and before the first success, does it give up when nobody waits
/// any more.
final class ConnectionLoop {
    private enum Phase {
        /// Waits for demand and for `retryAt`. Moves to `attempting`.
        case down
        /// Moves to `up` or `down`.
        case attempting(ConnectionAttempt)
        /// Moves to `down` when the connection breaks.
        case up(RedisLink, since: ContinuousClock.Instant)
    }

    private struct Caller {
        let request: ConnectRequest
        var attemptsLeft: Int
    }

    private let configuration: RedisConfiguration
    private let endpoint: RedisEndpoint
    private let role: ConnectionRole
    private let mailbox: ConnectionMailbox
    private let owner: WeakOwner
    private var log: ConnectionLog
    private let lookup: AddressLookup
    private var pipeline = CommandPipeline()
    private var callers: [Caller] = []
    private var phase = Phase.down
    private var wasUpOnce = false
    private var wasWanted = false
    private var retryAt: ContinuousClock.Instant
    private var delay = ReconnectDelay()
    private var generator = SystemRandomNumberGenerator()
    private var lastFailure: RedisConnectionFailure?
    private var mustRenew = false
    private var stopReason: RedisConnectionFailure?
    /// When there was last anything to do but to stay connected.
    private var busyAt: ContinuousClock.Instant
    /// When the server last said something, or was first asked something after a silence in which it had nothing to
    /// say.
    private var heardAt: ContinuousClock.Instant

    init(
        _ configuration: RedisConfiguration,
        _ endpoint: RedisEndpoint,
        _ role: ConnectionRole,
        mailbox: ConnectionMailbox,
        owner: WeakOwner,
        logger: Logger
    ) {
        self.configuration = configuration
        self.endpoint = endpoint
        self.role = role
        self.mailbox = mailbox
        self.owner = owner
        log = ConnectionLog(logger, isProminent: role.isProminent)
        lookup = AddressLookup(endpoint, wake: mailbox.wake)
        retryAt = .now
        heardAt = .now
        busyAt = .now
    }

    /// Returns when the connection is stopped, or not needed any more.
    func run() {
        var isReady = false
        while true {
            let mail = mailbox.collect()
            let now = ContinuousClock.now
            take(mail, now)
            if mail.isStopping {
                stopReason = mail.stopReason
                break
            }
            advance(isReady: isReady, now: now)
            expire(now)
            reportSettled()
            if mayRetire(now) { break }
            isReady = wait(now)
        }
        close()
    }

    private func take(_ mail: ConnectionMailbox.Mail, _ now: ContinuousClock.Instant) {
        if mail.isEmpty { return }
        busyAt = now
        wasWanted = true
        mustRenew = mustRenew || mail.mustRenew
        pipeline.enqueue(mail.commands)
        let attempts = role.reconnects ? max(1, configuration.connectRetry) : 1
        for request in mail.requests {
            if case .up = phase {
                request.outcome.decide(.success(()))
            } else {
                callers.append(Caller(request: request, attemptsLeft: attempts))
            }
        }
        // Who comes between two attempts need not wait for the next one to learn that there are other servers.
        guard !role.keepsWaiting, case .down = phase, let lastFailure, !role.reconnects || now < retryAt else { return }
        giveBackWaiting(lastFailure)
        if !role.reconnects { failCallers(lastFailure) }
    }

    private func giveBackWaiting(_ failure: RedisConnectionFailure) {
        let unsent = pipeline.takeWaiting()
        if unsent.isEmpty { return }
        reportSettled()
        if let owner = owner.object {
            owner.takeBack(unsent, from: role.number, because: failure)
        } else {
            for command in unsent { command.reply.decide(.failure(.connectionFailed(failure))) }
        }
    }

    private func failCallers(_ failure: RedisConnectionFailure) {
        for caller in callers { caller.request.outcome.decide(.failure(.connectionFailed(failure))) }
        callers = []
    }

    /// Once per turn, so that a burst of replies is one report.
    private func reportSettled() {
        let weight = pipeline.takeSettledWeight()
        if weight > 0 { owner.object?.settled(weight, by: role.number) }
    }

    private func mayRetire(_ now: ContinuousClock.Instant) -> Bool {
        guard let idleLimit = role.idleLimit, now >= busyAt + idleLimit, callers.isEmpty else { return false }
        busyAt = now
        return owner.object?.mayRetire(role.number) ?? true
    }

    private var isWanted: Bool {
        if lastFailure != nil, !role.reconnects { return false }
        if pipeline.hasWaiting || !callers.isEmpty { return true }
        return wasWanted && (wasUpOnce || !configuration.abortConnect)
    }

    // MARK: One turn

    private func advance(isReady: Bool, now: ContinuousClock.Instant) {
        do throws(RedisConnectionFailure) {
            switch phase {
            case .down:
                guard isWanted, now >= retryAt else { return }
                let attempt = try ConnectionAttempt(configuration, endpoint, lookup: lookup, now: now)
                phase = .attempting(attempt)
                if let link = try attempt.advance(isReady: false, now: now) { try connected(link, now) }
            case .attempting(let attempt):
                if let link = try attempt.advance(isReady: isReady, now: now) { try connected(link, now) }
            case .up(let link, _):
                try exchange(over: link, isReady: isReady, now: now)
            }
        } catch {
            failed(error, now)
        }
    }

    private func connected(_ link: RedisLink, _ now: ContinuousClock.Instant) throws(RedisConnectionFailure) {
        phase = .up(link, since: now)
        wasUpOnce = true
        heardAt = now
        lastFailure = nil
        mustRenew = false
        log.connected(to: "\(endpoint)")
        role.publish?(.connected(endpoint))
        owner.object?.isUp(role.number)
        for caller in callers { caller.request.outcome.decide(.success(())) }
        callers = []
        try exchange(over: link, isReady: false, now: now)
    }

    /// Receives first, so that replies already here are not lost to an error in sending.
    private func exchange(
        over link: RedisLink,
        isReady: Bool,
        now: ContinuousClock.Instant
    ) throws(RedisConnectionFailure) {
        if isReady || link.mayHaveMore { try receive(from: link, now) }
        if mustRenew, !pipeline.awaitsReplies {
            throw RedisConnectionFailure(
                .refusedByServer,
                endpoint,
                "the server is a read-only replica. The connection is made anew, in case the name now leads to the "
                    + "master."
            )
        }
        if !pipeline.awaitsReplies {
            if pipeline.hasWaiting {
                heardAt = now
            } else if configuration.keepAlive > .zero, now >= heardAt + configuration.keepAlive {
                heardAt = now
                pipeline.enqueuePing(deadline: now + configuration.syncTimeout)
            }
        } else if now >= heardAt + configuration.connectTimeout {
            throw RedisConnectionFailure(
                .timeout,
                endpoint,
                "the server has said nothing for \(configuration.connectTimeout.wholeMilliseconds) ms (connectTimeout) "
                    + "although commands wait for replies."
            )
        }
        let wasBlocked = !pipeline.output.isEmpty
        let accepted = pipeline.output.accepted
        if !mustRenew { pipeline.fillOutput() }
        do throws(TransferFailure) {
            try pipeline.flush(to: link.transport)
            // A full socket that takes bytes again shows that the peer does. One that was never full shows nothing.
            if wasBlocked, pipeline.output.accepted > accepted { heardAt = now }
        } catch {
            // Replies that arrived before the connection broke still count.
            try? receive(from: link, now)
            throw RedisConnectionFailure(error.reason, endpoint, error.detail)
        }
    }

    private func receive(from link: RedisLink, _ now: ContinuousClock.Instant) throws(RedisConnectionFailure) {
        let heard = try link.receive { value throws(ReplyReader.Failure) in
            if !pipeline.accept(value) {
                throw ReplyReader.Failure(detail: "the server sent a reply to nothing.")
            }
        }
        if heard { heardAt = now }
    }

    private func failed(_ failure: RedisConnectionFailure, _ now: ContinuousClock.Instant) {
        var failure = failure
        if case .up(let link, let since) = phase {
            link.transport.sendCloseNotify()
            failure = RedisConnectionFailure(failure.reason, endpoint, wasEstablished: true, failure.detail)
            // One that breaks right after the greeting is no success to forget earlier failures for.
            if since.duration(to: now) > ReconnectDelay.cap { delay.reset() }
            pipeline.connectionEnded(failure)
        }
        phase = .down
        lastFailure = failure
        mustRenew = false
        retryAt = now + delay.next(using: &generator)
        log.failed(failure, now)
        role.publish?(.unavailable(failure))
        reportSettled()
        owner.object?.failed(role.number, failure)
        if !role.keepsWaiting { giveBackWaiting(failure) }
        for index in callers.indices {
            callers[index].attemptsLeft -= 1
            if callers[index].attemptsLeft == 0 {
                callers[index].request.outcome.decide(.failure(.connectionFailed(failure)))
            }
        }
        callers.removeAll { $0.attemptsLeft == 0 }
    }

    // MARK: Time

    /// Why a command whose time is up was not sent; `nil` when there is a connection.
    private var whyDown: RedisConnectionFailure? {
        if case .up = phase { return nil }
        if let lastFailure {
            guard lastFailure.wasEstablished else { return lastFailure }
            return RedisConnectionFailure(lastFailure.reason, endpoint, "not yet again, since: \(lastFailure.detail)")
        }
        if case .attempting(let attempt) = phase {
            return RedisConnectionFailure(.timeout, endpoint, "still waiting for \(attempt.missing)")
        }
        return RedisConnectionFailure(.timeout, endpoint, "no attempt has been made in time.")
    }

    private func expire(_ now: ContinuousClock.Instant) {
        pipeline.expire(at: now, whileDown: whyDown, endpoint: endpoint)
        guard !callers.isEmpty, let failure = whyDown else { return }
        for caller in callers where caller.request.deadline <= now {
            caller.request.outcome.decide(.failure(.connectionFailed(failure)))
        }
        callers.removeAll { $0.request.deadline <= now || $0.request.outcome.isDecided }
    }

    private var nextDeadline: ContinuousClock.Instant? {
        var deadlines = callers.map(\.request.deadline)
        if let deadline = pipeline.nextDeadline { deadlines.append(deadline) }
        if let idleLimit = role.idleLimit { deadlines.append(busyAt + idleLimit) }
        switch phase {
        case .down:
            if isWanted { deadlines.append(retryAt) }
        case .attempting(let attempt):
            deadlines.append(attempt.nextDeadline)
        case .up:
            if pipeline.awaitsReplies {
                deadlines.append(heardAt + configuration.connectTimeout)
            } else if configuration.keepAlive > .zero {
                deadlines.append(heardAt + configuration.keepAlive)
            }
        }
        return deadlines.min()
    }

    /// Sleeps until something happens. True if it happened to the socket.
    private func wait(_ now: ContinuousClock.Instant) -> Bool {
        var descriptors = [pollfd(fd: mailbox.wake.fileDescriptor, events: Int16(POLLIN), revents: 0)]
        var mustNotSleep = false
        switch phase {
        case .down: break
        case .attempting(let attempt):
            if let (socket, events) = attempt.interest {
                descriptors.append(pollfd(fd: socket, events: events, revents: 0))
            }
        case .up(let link, _):
            mustNotSleep = link.mayHaveMore
            let events = link.transport.pollEvents(hasOutput: !pipeline.output.isEmpty)
            descriptors.append(pollfd(fd: link.transport.fileDescriptor, events: events, revents: 0))
        }
        if !mailbox.fallAsleep() { mustNotSleep = true }
        let timeout = mustNotSleep ? 0 : Self.milliseconds(from: now, until: nextDeadline)
        // EINTR is as good as a timeout here.
        guard poll(&descriptors, nfds_t(descriptors.count), timeout) > 0 else { return false }
        if descriptors[0].revents != 0 { mailbox.wake.clear() }
        return descriptors.count > 1 && descriptors[1].revents != 0
    }

    /// Rounded up, so that the deadline has passed after sleeping; -1 is for ever.
    private static func milliseconds(
        from now: ContinuousClock.Instant,
        until deadline: ContinuousClock.Instant?
    ) -> Int32 {
        guard let deadline else { return -1 }
        let time = now.duration(to: deadline)
        return time <= .zero ? 0 : Int32(clamping: time.wholeMilliseconds + 1)
    }

    // MARK: The end

    private func close() {
        if case .up(let link, _) = phase {
            // Replies that are here already are better than an error.
            try? receive(from: link, .now)
            link.transport.sendCloseNotify()
        }
        phase = .down
        if let stopReason {
            pipeline.connectionEnded(stopReason)
            for command in pipeline.takeWaiting() { command.reply.decide(.failure(.connectionFailed(stopReason))) }
        }
        pipeline.close()
        for caller in callers { caller.request.outcome.decide(.failure(.clientClosed(mayHaveBeenExecuted: false))) }
        callers = []
    }
}
