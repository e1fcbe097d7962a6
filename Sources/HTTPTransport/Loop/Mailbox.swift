internal import Synchronization

/// Commands on their way from any thread to the event loop.
///
/// The loop takes all of them at once, so only the first command after that has to wake it.
final class Mailbox: Sendable {
    private struct State {
        /// False once the event loop has ended.
        var isOpen = true
        var commands: [Command] = []
    }

    /// Signalled when there are commands.
    let wakeUp: WakeUp
    private let state = Mutex(State())

    init(_ wakeUp: WakeUp) {
        self.wakeUp = wakeUp
    }

    /// Leaves a command. False when the event loop has ended; the command is dropped then.
    @discardableResult
    func post(_ command: Command) -> Bool {
        let (isOpen, isFirst) = state.withLock { state -> (Bool, Bool) in
            guard state.isOpen else { return (false, false) }
            state.commands.append(command)
            return (true, state.commands.count == 1)
        }
        if isFirst { wakeUp.signal() }
        return isOpen
    }

    /// Exchanges the commands for an empty array, whose storage is used for the next ones. For the event loop.
    func take(into commands: inout [Command]) {
        state.withLock { swap(&$0.commands, &commands) }
    }

    /// Refuses commands from now on and returns those not yet taken. For the event loop.
    func close() -> [Command] {
        state.withLock { state in
            state.isOpen = false
            defer { state.commands = [] }
            return state.commands
        }
    }
}
