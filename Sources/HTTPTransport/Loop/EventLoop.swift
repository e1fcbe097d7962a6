internal import CCurl

/// Drives all transfers of a transport. Not thread-safe: it is made, run and dropped on the loop's thread.
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
    /// No time limit passes before this. It may be too early, since a finished transfer does not move it; then the loop
    /// looks once in vain.
    private var nextDue: ContinuousClock.Instant?

    init(multi: MultiHandle, mailbox: Mailbox, configuration: HTTPTransport.Configuration) {
        self.multi = multi
        self.mailbox = mailbox
        settings = TransferSettings(configuration)
    }

    /// Runs until told to shut down, then fails what is left.
    func run() {
        var failure: CURLMcode?
        var commands: [Command] = []
        loop: while true {
            mailbox.take(into: &commands)
            for command in commands {
                guard handle(command) else { break loop }
            }
            commands.removeAll(keepingCapacity: true)

            var status = multi.perform()
            collectFinished()
            endOverdue()
            if status == CURLM_OK { status = multi.poll(milliseconds: untilNextDue()) }
            guard status == CURLM_OK else {
                // Out of memory or descriptors, or libcurl has a bug: nothing it says is to be relied on any more.
                failure = status
                break
            }
        }
        end(with: failure, leftover: commands + mailbox.close())
    }

    // MARK: Commands

    /// False when it is time to end.
    private func handle(_ command: Command) -> Bool {
        switch command {
        case .start(let submission): start(submission)
        case .cancel(let id): active[id].map { abort($0, $0.prepared.cancelled) }
        case .resume(let id): active[id].map(resume)
        case .shutDown: return false
        }
        return true
    }

    private func start(_ submission: Submission) {
        // A cancellation may arrive before the request it is for. The caller was told before it was posted, so either
        // this sees it or the cancellation is still to come.
        guard !submission.delivery.isSettled else { return }
        guard let easy = handles.take() else {
            return submission.delivery.fail(submission.prepared.error(.other, "out of memory"))
        }
        let transfer = transfer(for: submission, on: easy)
        do throws(CurlFailure) {
            try settings.configure(
                easy,
                for: transfer.prepared,
                generation: transfer.generation,
                sharesConnection: transfer.sharesConnection
            )
            try transfer.installCallbacks()
        } catch {
            handles.give(back: easy)
            return transfer.fail(TransferError(error.code, of: easy, for: transfer.prepared))
        }
        active[transfer.id] = transfer
        let status = multi.add(easy)
        guard status == CURLM_OK else {
            active[transfer.id] = nil
            return transfer.fail(transfer.prepared.error(.other, String(cString: curl_multi_strerror(status))))
        }
        watch(transfer)
    }

    /// A streamed body is read at its reader's pace, and libcurl 7.88 cannot slow down one HTTP/2 stream without
    /// stopping all others on its connection (`lib/http2.c`, `pause_stream_id`). So a stream that could share its
    /// connection gets one of its own, which stops alone, and by TCP.
    private func transfer(for submission: Submission, on easy: EasyHandle) -> Transfer {
        let target = submission.prepared.target
        guard settings.multiplexes(target) else {
            return Transfer(submission, easy: easy, generation: 0, sharesConnection: true)
        }
        switch submission.delivery {
        case .whole:
            let generation = generations.current(of: target.origin)
            return Transfer(submission, easy: easy, generation: generation, sharesConnection: true)
        case .stream:
            return Transfer(submission, easy: easy, generation: generations.unique(), sharesConnection: false)
        }
    }

    private func resume(_ transfer: Transfer) {
        transfer.clock.resume(at: .now)
        watch(transfer)
        // May call back at once, and be refused again, which pauses the clock again.
        let result = transfer.easy.unpause()
        guard result != CURLE_OK, result != CURLE_BAD_FUNCTION_ARGUMENT else { return }
        remove(transfer)
        transfer.end(result)
        handles.give(back: transfer.easy)
    }

    // MARK: Ends

    private func collectFinished() {
        while let (raw, result) = multi.nextFinished() {
            var context: UnsafeMutableRawPointer?
            ccurl_getinfo_private(raw, &context)
            guard let context else { continue }
            let transfer = Transfer.from(context)
            remove(transfer)
            transfer.end(result)
            handles.give(back: transfer.easy)
        }
    }

    private func abort(_ transfer: Transfer, _ error: TransferError) {
        if !sharesConnectionNow(transfer) {
            // libcurl 7.88 resets an HTTP/2 stream with a frame that it keeps until it has something else to send
            // (`lib/http2.c`, `send_callback`). Closing the connection tells the server at once.
            forbidReuse(of: transfer)
        }
        remove(transfer)
        transfer.fail(error)
        handles.give(back: transfer.easy)
    }

    /// Whether other transfers may be on the same connection. Their next bytes will take the reset along.
    private func sharesConnectionNow(_ transfer: Transfer) -> Bool {
        active.values.contains { $0 !== transfer && $0.mayShareConnection(with: transfer) }
    }

    /// libcurl reads this option when the transfer ends. If it cannot be set, the connection stays open, unused, until
    /// libcurl's limit on idle connections closes it.
    private func forbidReuse(of transfer: Transfer) {
        try? transfer.easy.set(CURLOPT_FORBID_REUSE, true)
    }

    /// Takes the transfer out of libcurl and out of `active`. Whoever calls this settles it.
    private func remove(_ transfer: Transfer) {
        multi.remove(transfer.easy)
        active[transfer.id] = nil
    }

    private func end(with failure: CURLMcode?, leftover: [Command]) {
        func error(for prepared: PreparedRequest) -> TransferError {
            guard let failure else { return prepared.shutDown }
            return prepared.error(.shutDown, "libcurl gave up: \(String(cString: curl_multi_strerror(failure)))")
        }
        for transfer in active.values {
            abort(transfer, error(for: transfer.prepared))
        }
        for case .start(let submission) in leftover {
            submission.delivery.fail(error(for: submission.prepared))
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

    /// Keeps new requests off a connection that did not answer in time, and has it closed by its last user.
    private func retireConnection(of transfer: Transfer) {
        guard settings.multiplexes(transfer.prepared.target), transfer.sharesConnection else { return }
        generations.retire(transfer.generation, of: transfer.prepared.target.origin)
        for other in active.values where other.mayShareConnection(with: transfer) {
            forbidReuse(of: other)
        }
    }

    private func untilNextDue() -> Int32 {
        guard let nextDue else { return .max }
        let left = ContinuousClock.now.duration(to: nextDue).milliseconds
        return Int32(clamping: max(0, left))
    }
}
