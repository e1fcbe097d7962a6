internal import Synchronization

/// Tells whatever is done for an execution that it is to stop. Given once.
struct StopSignal: Sendable {
    private final class Flag: Sendable { let isGiven = Atomic(false) }

    private let flag = Flag()
    private let stream: AsyncStream<Void>
    private let continuation: AsyncStream<Void>.Continuation

    init() { (stream, continuation) = AsyncStream.makeStream() }

    /// Whether it has been given: what has not begun yet is not to begin.
    var isGiven: Bool { flag.isGiven.load(ordering: .relaxed) }

    func give() {
        flag.isGiven.store(true, ordering: .relaxed)
        continuation.finish()
    }

    /// Waits until it is given, or the task is cancelled.
    func wait() async { for await _ in stream {} }
}
