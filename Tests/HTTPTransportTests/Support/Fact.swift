/// Something that happens at most once and that a test waits for.
struct Fact<Value: Sendable>: Sendable {
    private let stream: AsyncStream<Value>
    private let continuation: AsyncStream<Value>.Continuation

    init(of type: Value.Type = Void.self) {
        (stream, continuation) = AsyncStream.makeStream()
    }

    func happened(_ value: Value) {
        continuation.yield(value)
        continuation.finish()
    }

    /// What happened. Ends early, with nil, when the test is cancelled by its time limit.
    var value: Value? {
        get async {
            for await value in stream { return value }
            return nil
        }
    }
}

extension Fact where Value == Void {
    func happened() {
        happened(())
    }
}
