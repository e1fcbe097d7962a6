/// Opens once; whoever waits before passes then, and whoever comes after at once.
final class Gate: Sendable {
    private let stream: AsyncStream<Void>
    private let continuation: AsyncStream<Void>.Continuation

    init() { (stream, continuation) = AsyncStream<Void>.makeStream() }

    func open() { continuation.finish() }

    /// Returns early when the task is cancelled.
    func passed() async { for await _ in stream {} }
}
