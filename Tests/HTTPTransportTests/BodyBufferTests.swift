import Testing

@testable import HTTPTransport

@Suite(.timeLimit(.minutes(4)))
struct BodyBufferTests {
    let buffer = BodyBuffer()
    let error = TransferError(.connectionLost, "cut")

    func append(_ count: Int) -> BodyBuffer.Verdict {
        [UInt8](repeating: 1, count: count).withUnsafeBytes { buffer.append($0) }
    }

    func next(resumed: () -> Void = { Issue.record("resumed") }) async throws(TransferError) -> Int? {
        try await buffer.next(resume: resumed).get()?.count
    }

    @Test func `the reader takes all there is at once`() async throws {
        #expect(append(3) == .taken)
        #expect(append(4) == .taken)
        #expect(try await next() == 7)
    }

    @Test func `a waiting reader is handed the bytes`() async throws {
        async let count = next()
        while append(1) == .taken, try await count != 1 {}
        #expect(try await count == 1)
    }

    @Test func `bytes are refused once 1 MiB is held, and offered again when the reader took it`() async throws {
        #expect(append(BodyBuffer.capacity - 1) == .taken)
        #expect(append(10) == .taken)
        #expect(append(1) == .full)
        #expect(append(1) == .full)
        var resumptions = 0
        #expect(try await next { resumptions += 1 } == BodyBuffer.capacity + 9)
        #expect(resumptions == 1)
        #expect(append(1) == .taken)
        #expect(try await next() == 1)
    }

    @Test func `an error comes after the bytes before it, once`() async throws {
        #expect(append(1) == .taken)
        buffer.finish(error)
        buffer.finish(nil)
        #expect(try await next() == 1)
        await #expect(throws: TransferError.self) { try await next() }
        #expect(try await next() == nil)
    }

    @Test func `the end comes after the bytes before it`() async throws {
        #expect(append(1) == .taken)
        buffer.finish(nil)
        #expect(append(1) == .abandoned)
        #expect(try await next() == 1)
        #expect(try await next() == nil)
        #expect(try await next() == nil)
    }

    @Test func `cancellation comes before the bytes still held`() async throws {
        #expect(append(1) == .taken)
        #expect(buffer.abandon(TransferError(.cancelled, "")))
        #expect(append(1) == .abandoned)
        let thrown = await transferError { () throws(TransferError) in try await next() }
        #expect(thrown?.code == .cancelled)
        #expect(try await next() == nil)
    }

    @Test func `abandoning says whether there is something to abort`() async throws {
        #expect(buffer.abandon(nil))
        #expect(!buffer.abandon(nil))

        let finished = BodyBuffer()
        finished.finish(nil)
        #expect(!finished.abandon(nil))
    }

    @Test func `a finished body ends for a reader that waits`() async throws {
        async let first = next()
        await Task.yield()
        buffer.finish(nil)
        #expect(try await first == nil)
    }
}
