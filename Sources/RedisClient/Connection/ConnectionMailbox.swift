import DequeModule
import Synchronization

/// A caller of ``RedisClient/connect()`` who waits.
final class ConnectRequest: Sendable {
    let deadline: ContinuousClock.Instant
    let outcome = Promise<Void>()

    init(deadline: ContinuousClock.Instant) {
        self.deadline = deadline
    }
}

/// How tasks hand work to the connection's thread.
final class ConnectionMailbox: Sendable {
    struct Mail {
        var commands: Deque<PendingCommand> = []
        var requests: [ConnectRequest] = []
        /// The connection is to be given up, and made anew, as soon as no reply is owed on it.
        var mustRenew = false
        var isStopping = false
        /// Why, if it is not that the client is shut down.
        var stopReason: RedisConnectionFailure?

        var isEmpty: Bool { commands.isEmpty && requests.isEmpty && !mustRenew && !isStopping }
    }

    private struct State {
        var mail = Mail()
        /// The thread is in `poll`, or about to be, and needs a wake event to notice new mail.
        var isAsleep = false
    }

    private let state = Mutex(State())
    let wake: WakeEvent

    init() throws(SystemError) {
        wake = try WakeEvent()
    }

    /// False if the client has been shut down.
    func send(_ command: PendingCommand) -> Bool {
        post { $0.commands.append(command) }
    }

    /// False if the client has been shut down.
    func send(_ request: ConnectRequest) -> Bool {
        post { $0.requests.append(request) }
    }

    /// Has the connection made anew, once all that has been sent is answered.
    func renew() {
        _ = post { $0.mustRenew = true }
    }

    /// Ends the thread. What is in the box before is still collected, and fails.
    func stop(because failure: RedisConnectionFailure? = nil) {
        _ = post { mail in
            mail.isStopping = true
            mail.stopReason = failure
        }
    }

    private func post(_ change: (inout Mail) -> Void) -> Bool {
        let (isOpen, mustWake) = state.withLock { state in
            guard !state.mail.isStopping else { return (false, false) }
            change(&state.mail)
            defer { state.isAsleep = false }
            return (true, state.isAsleep)
        }
        // One system call per nap of the thread, not per command.
        if mustWake { wake.signal() }
        return isOpen
    }

    /// For the thread: takes everything out. Stopping stays.
    func collect() -> Mail {
        state.withLock { state in
            state.isAsleep = false
            guard !state.mail.isEmpty else { return Mail() }
            let mail = state.mail
            state.mail = Mail(isStopping: mail.isStopping, stopReason: mail.stopReason)
            return mail
        }
    }

    /// For the thread, before `poll`: false if there is mail, so that it must not wait.
    func fallAsleep() -> Bool {
        state.withLock { state in
            state.isAsleep = state.mail.isEmpty
            return state.isAsleep
        }
    }
}
