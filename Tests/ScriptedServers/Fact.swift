/// Something that happens at most once and that a test waits for.
package struct Fact<Value: Sendable>: Sendable {
    private let stream: AsyncStream<Value>
    private let continuation: AsyncStream<Value>.Continuation

    package init(of type: Value.Type = Void.self) {
        (stream, continuation) = AsyncStream.makeStream()
    }

    package func happened(_ value: Value) {
        continuation.yield(value)
        continuation.finish()
    }

    /// What happened. Ends early, with nil, when the test is cancelled by its time limit.
    package var value: Value? {
        get async {
            for await value in stream { return value }
            return nil
        }
    }
}

extension Fact where Value == Void {
    package func happened() {
        happened(())
    }
}
