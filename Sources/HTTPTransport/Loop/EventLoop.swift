internal import CCurl
internal import Glibc

/// Drives all transfers of a transport. Not thread-safe: once made it is handed to its thread, run and dropped there.
///
/// A transfer is in `active` from before libcurl knows it until after libcurl has let go of it, and whoever takes it out
/// settles it. So each caller is told once, and libcurl never calls back into a transfer that is gone.
final class EventLoop {
    private let multi: MultiHandle
    private let mailbox: Mailbox
    private let settings: TransferSettings
    private var handles = EasyHandlePool()
    private var active: [TransferID: Transfer] = [:]
    private var generations = ConnectionGenerations()
    private var gates = ConnectionGates()
    /// Transfers with a shared connection that, when last looked at, had none yet.
    private var connecting: [Transfer] = []
    /// No time limit passes before this. It may be too early, since a finished transfer does not move it; then the loop
    /// looks once in vain.
    private var nextDue: ContinuousClock.Instant?
    /// Whether another transport has taken over.
    private var isRetired = false

    init(mailbox: Mailbox, configuration: HTTPTransport.Configuration) throws(TransferError) {
        self.mailbox = mailbox
        multi = try MultiHandle(
            maxConnectionsPerHost: configuration.maxConnectionsPerHost,
            wakeUp: mailbox.wakeUp
        )
        settings = TransferSettings(configuration)
    }

    /// Runs until told to shut down, then fails what is left.
    func run() {
        var reason = "the transport was shut down"
        var commands: [Command] = []
        loop: while true {
            mailbox.take(into: &commands)
            for command in commands {
                guard handle(command) else { break loop }
            }
            commands.removeAll(keepingCapacity: true)

            let status = multi.advance()
            passGates()
            collectFinished()
            endOverdue()
            guard status == CURLM_OK, multi.wait(until: nextDue) else {
                // Out of memory or descriptors, or libcurl has a bug: nothing it says is to be relied on any more.
                let cause = status == CURLM_OK ? UnsafePointer(strerror(errno)) : curl_multi_strerror(status)
                reason = "the event loop failed: \(cause.map { String(cString: $0) } ?? "for no known reason")"
                break
            }
        }
        end(reason, leftover: commands + mailbox.close())
    }

    // MARK: Commands

    /// False when it is time to end.
    private func handle(_ command: Command) -> Bool {
        switch command {
        case .start(let submission): start(submission)
        case .cancel(let id): active[id].map { abort($0, $0.prepared.cancelled) }
        case .resume(let id): active[id].map(resume)
        case .retire: retire()
        case .shutDown: return false
        }
        return true
    }

    private func start(_ submission: Submission) {
        // A cancellation may arrive before the request it is for. The caller was told before it was posted, so either
        // this sees it or the cancellation is still to come.
        guard !submission.delivery.isSettled else { return }
        guard !(isRetired && submission.delivery.isStream) else {
            return submission.delivery.fail(submission.prepared.retired)
        }
        guard let easy = handles.take() else {
            return submission.delivery.fail(submission.prepared.error(.other, "out of memory"))
        }
        let connection = connectionUse(for: submission)
        let transfer = Transfer(submission, easy: easy, connection: connection)
        do throws(CurlFailure) {
            try settings.configure(easy, for: transfer.prepared, using: connection)
            try transfer.installCallbacks()
        } catch {
            transfer.fail(TransferError(error.code, of: easy, for: transfer.prepared))
            return handles.give(back: easy)
        }
        active[transfer.id] = transfer
        watch(transfer)
        if case .shared(let key) = connection, !gates.arrive(transfer.id, at: key) { return }
        begin(transfer)
    }

    /// A streamed body is read at its reader's pace, and libcurl 7.88 cannot slow down one HTTP/2 stream without
    /// stopping all others on its connection (`lib/http2.c`, `pause_stream_id`). So a stream that could share its
    /// connection gets one of its own, which stops alone, and by TCP.
    private func connectionUse(for submission: Submission) -> ConnectionUse {
        let target = submission.prepared.target
        guard settings.multiplexes(target) else { return .exclusive }
        switch submission.delivery {
        case .whole:
            let generation = generations.current(of: target.origin)
            return .shared(ConnectionGates.Key(origin: target.origin, generation: generation))
        case .stream:
            return .dedicated(generation: generations.unique())
        }
    }

    /// Hands a transfer to libcurl, which has it begin with the next `advance`.
    private func begin(_ transfer: Transfer) {
        let status = multi.add(transfer.easy)
        guard status == CURLM_OK else {
            return abort(transfer, transfer.prepared.error(.other, String(cString: curl_multi_strerror(status))))
        }
        transfer.isUnderWay = true
        if case .shared = transfer.connection { connecting.append(transfer) }
    }

    /// Lets in those who waited for a connection that is there now.
    private func passGates() {
        guard !connecting.isEmpty else { return }
        let candidates = connecting
        connecting.removeAll(keepingCapacity: true)
        for transfer in candidates where active[transfer.id] === transfer {
            guard case .shared(let key) = transfer.connection else { continue }
            if transfer.sendings > 0 {
                gates.hasConnection(transfer.id, at: key).compactMap { active[$0] }.forEach(begin)
            } else {
                gates.isConnecting(transfer.id, at: key)
                connecting.append(transfer)
            }
        }
    }

    private func resume(_ transfer: Transfer) {
        transfer.clock.resume(at: .now)
        watch(transfer)
        // May call back at once, and be refused again, which pauses the clock again.
        let result = transfer.easy.unpause()
        guard result != CURLE_OK, result != CURLE_BAD_FUNCTION_ARGUMENT else { return }
        finish(transfer, result)
    }

    // MARK: Ends

    private func collectFinished() {
        while let (raw, result) = multi.nextFinished() {
            var context: UnsafeMutableRawPointer?
            ccurl_getinfo_private(raw, &context)
            guard let context else { continue }
            finish(Transfer.from(context), result)
        }
    }

    /// It ended of itself.
    private func finish(_ transfer: Transfer, _ result: CURLcode) {
        let error = transfer.error(result)
        if let error, transfer.sendings == 0, case .shared(let key) = transfer.connection {
            for follower in gates.followers(of: transfer.id, at: key).compactMap({ active[$0] }) {
                abort(follower, follower.prepared.error(likewise: error))
            }
        }
        remove(transfer)
        if let error { transfer.fail(error) } else { transfer.succeed() }
        handles.give(back: transfer.easy)
    }

    /// It is ended before its time, unless it has ended meanwhile.
    private func abort(_ transfer: Transfer, _ error: TransferError) {
        guard active[transfer.id] != nil else { return }
        if case .shared(let key) = transfer.connection, gates.users(at: key) == 1 {
            // libcurl 7.88 resets an HTTP/2 stream with a frame that it keeps until it has something else to send
            // (`lib/http2.c`, `send_callback`). Other users will see to that; without any, closing tells the server.
            forbidReuse(of: transfer)
        }
        remove(transfer)
        transfer.fail(error)
        handles.give(back: transfer.easy)
    }

    /// Takes the transfer out of libcurl and out of `active`. Whoever calls this settles it.
    private func remove(_ transfer: Transfer) {
        active[transfer.id] = nil
        if transfer.isUnderWay { multi.remove(transfer.easy) }
        guard case .shared(let key) = transfer.connection else { return }
        gates.leave(transfer.id, at: key).flatMap { active[$0] }.map(begin)
    }

    /// Has the connection closed after its last user. libcurl reads this option when the transfer ends. If it cannot be
    /// set, the connection stays open, unused, until libcurl's limit on idle connections closes it.
    private func forbidReuse(of transfer: Transfer) {
        try? transfer.easy.set(CURLOPT_FORBID_REUSE, true)
    }

    private func retire() {
        isRetired = true
        for transfer in active.values where transfer.isStream { abort(transfer, transfer.prepared.retired) }
    }

    private func end(_ reason: String, leftover: [Command]) {
        for transfer in active.values {
            abort(transfer, transfer.prepared.error(.shutDown, reason))
        }
        for case .start(let submission) in leftover {
            submission.delivery.fail(submission.prepared.error(.shutDown, reason))
        }
    }

    // MARK: Time

    private func watch(_ transfer: Transfer) {
        guard let due = transfer.clock.due else { return }
        nextDue = nextDue.map { min($0, due) } ?? due
    }

    private func endOverdue() {
        guard let due = nextDue else { return }
        let now = ContinuousClock.now
        guard due <= now else { return }
        nextDue = nil
        for transfer in active.values {
            guard let (code, message) = transfer.clock.overdue(at: now) else {
                watch(transfer)
                continue
            }
            retireConnection(of: transfer)
            abort(transfer, transfer.prepared.error(code, message))
        }
    }

    /// Keeps new requests off a connection that did not answer in time, and has it closed after its last user.
    private func retireConnection(of transfer: Transfer) {
        guard case .shared(let key) = transfer.connection else { return }
        generations.retire(key.generation, of: key.origin)
        for other in active.values {
            guard case .shared(key) = other.connection else { continue }
            forbidReuse(of: other)
        }
    }
}
