internal import Synchronization

/// Commands on their way from any thread to the event loop.
///
/// The loop takes all of them at once, so only the first command after that has to wake it. The wake-up goes out after
/// the lock is released: the reference taken under it keeps the multi handle alive until then.
final class Mailbox: Sendable {
    private struct State {
        /// nil once the event loop has ended.
        var multi: MultiHandle?
        var commands: [Command] = []
    }

    private let state: Mutex<State>

    init(waking multi: MultiHandle) {
        state = Mutex(State(multi: multi))
    }

    /// Leaves a command. False when the event loop has ended; the command is dropped then.
    @discardableResult
    func post(_ command: Command) -> Bool {
        let (isOpen, asleep) = state.withLock { state -> (Bool, MultiHandle?) in
            guard let multi = state.multi else { return (false, nil) }
            state.commands.append(command)
            return (true, state.commands.count == 1 ? multi : nil)
        }
        asleep?.wakeUp()
        return isOpen
    }

    /// Exchanges the commands for an empty array, whose storage is used for the next ones. For the event loop.
    func take(into commands: inout [Command]) {
        state.withLock { swap(&$0.commands, &commands) }
    }

    /// Refuses commands from now on and returns those not yet taken. For the event loop.
    func close() -> [Command] {
        state.withLock { state in
            state.multi = nil
            defer { state.commands = [] }
            return state.commands
        }
    }
}
