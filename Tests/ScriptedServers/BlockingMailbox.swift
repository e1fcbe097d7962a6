import Glibc
import Synchronization

/// Messages for threads that serve a connection, which wait for them and for the end of the connection alike.
package final class BlockingMailbox<Message: Sendable>: Sendable {
    package enum Delivery {
        case message(Message)
        /// The client has closed the connection, or sent something where nothing was due.
        case clientSpoke
        case timedOut
        /// `close()` was called, and nothing is left.
        case closed
    }

    private struct State {
        var messages: [Message] = []
        var isClosed = false
    }

    private let state = Mutex(State())
    /// A pair of sockets of which one can be read as long as there is something to take.
    private let signal: (reading: Int32, writing: Int32)

    package init() {
        var ends: [Int32] = [-1, -1]
        let type = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
        let status = socketpair(AF_UNIX, type, 0, &ends)
        precondition(status == 0, "no sockets for a test server")
        signal = (ends[0], ends[1])
    }

    deinit {
        _ = Glibc.close(signal.reading)
        _ = Glibc.close(signal.writing)
    }

    package func post(_ message: Message) {
        state.withLock { state in
            if state.messages.isEmpty, !state.isClosed { raise() }
            state.messages.append(message)
        }
    }

    /// Lets everyone through who waits or will wait, once the messages are taken.
    package func close() {
        state.withLock { state in
            if state.messages.isEmpty, !state.isClosed { raise() }
            state.isClosed = true
        }
    }

    /// Waits for a message, for the client of `socket`, or for so many milliseconds (-1: for ever).
    package func next(watching socket: Socket, waitingMilliseconds: Int32 = -1) -> Delivery {
        while true {
            var sources = [
                pollfd(fd: signal.reading, events: Int16(POLLIN), revents: 0),
                pollfd(fd: socket.rawDescriptor, events: Int16(POLLIN), revents: 0),
            ]
            let ready = poll(&sources, 2, waitingMilliseconds)
            if ready == 0 { return .timedOut }
            if ready < 0 { continue }
            if sources[0].revents != 0, let delivery = take() { return delivery }
            if sources[1].revents != 0 { return .clientSpoke }
        }
    }

    private func take() -> Delivery? {
        state.withLock { state in
            if !state.messages.isEmpty {
                let message = state.messages.removeFirst()
                if state.messages.isEmpty, !state.isClosed { drain() }
                return .message(message)
            }
            return state.isClosed ? .closed : nil
        }
    }

    private func raise() {
        var byte: UInt8 = 1
        _ = write(signal.writing, &byte, 1)
    }

    private func drain() {
        var byte: UInt8 = 0
        _ = read(signal.reading, &byte, 1)
    }
}
