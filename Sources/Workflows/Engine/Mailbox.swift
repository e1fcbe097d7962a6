internal import Synchronization

/// What a run is told, in the order in which it came. Everything that has come can be taken at once, so that many results
/// cost one commit.
final class Mailbox<Message: Sendable>: Sendable {
    private struct State {
        var messages: [Message] = []
        var isClosed = false
    }

    private let state = Mutex(State())
    /// Ticks when there is something to take.
    let arrivals: AsyncStream<Void>
    private let arrival: AsyncStream<Void>.Continuation

    init() { (arrivals, arrival) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1)) }

    /// - Returns: false when nobody will take it any more.
    @discardableResult
    func put(_ message: Message) -> Bool {
        let isTaken = state.withLock { state in
            guard !state.isClosed else { return false }
            state.messages.append(message)
            return true
        }
        if isTaken { arrival.yield() }
        return isTaken
    }

    func takeAll() -> [Message] {
        state.withLock { state in
            defer { state.messages = [] }
            return state.messages
        }
    }

    /// Takes what is left; nothing is accepted after that.
    func close() -> [Message] {
        state.withLock { state in
            defer { state.messages = [] }
            state.isClosed = true
            return state.messages
        }
    }
}
