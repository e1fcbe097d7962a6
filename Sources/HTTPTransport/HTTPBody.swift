/// A response body as it arrives: chunks of as many bytes as there are, in order, never empty.
///
/// ## Guarantees
/// - While more than 1 MiB waits to be read, nothing more is read from the socket, so the server is slowed down.
/// - The exchange is aborted, its connection closed, when the reader stops: when the iterator goes away before the end,
///   when the task waiting in `next()` is cancelled, when a body nobody iterates is dropped.
/// - It ends with nil after the last byte, or throws once and then ends: a cut-off body is never a complete one.
///
/// ## Assumptions
/// - There is one reader. A second iterator throws `.invalidRequest`.
/// - The transport outlives the body; `shutdown` ends it with `.shutDown`.
public struct HTTPBody: AsyncSequence, Sendable {
    /// As many bytes as had arrived, at least one.
    public typealias Element = [UInt8]
    /// The only error thrown.
    public typealias Failure = TransferError

    private let source: BodySource

    init(_ source: BodySource) {
        self.source = source
    }

    /// The reader. The first one made is the only one that yields bytes.
    public func makeAsyncIterator() -> Iterator {
        Iterator(reader: source.makeReader())
    }

    /// The rest of the body in one piece; `.bodyTooLarge` beyond `maximum` bytes. The exchange is aborted then, and
    /// when the task is cancelled.
    public func collect(upTo maximum: Int) async throws(TransferError) -> [UInt8] {
        var bytes: [UInt8] = []
        var iterator = makeAsyncIterator()
        while let chunk = try await iterator.next() {
            guard bytes.count + chunk.count <= maximum else {
                throw source.request.error(.bodyTooLarge, "the body is longer than \(maximum) bytes")
            }
            if bytes.isEmpty { bytes = chunk } else { bytes += chunk }
        }
        return bytes
    }

    /// Reads the body; aborts the exchange when it goes away before the end.
    public struct Iterator: AsyncIteratorProtocol {
        let reader: BodyReader?

        /// The next bytes, or nil at the end. Throws `.cancelled` at once when the task is cancelled.
        public mutating func next() async throws(TransferError) -> [UInt8]? {
            guard let reader else {
                throw TransferError(.invalidRequest, "a body is read once; collect it first to use it twice")
            }
            return try await reader.next()
        }

        /// The next bytes, or nil at the end. Throws `.cancelled` at once when the task is cancelled.
        public mutating func next(isolation actor: isolated (any Actor)?) async throws(TransferError) -> [UInt8]? {
            try await next()
        }
    }
}

/// One reader reads at a time.
@available(*, unavailable)
extension HTTPBody.Iterator: Sendable {}
