/// A connection as a stream of replies: the transport, the parser, and a buffer between them.
///
/// Used by the connection's thread only.
final class RedisLink {
    let transport: Transport
    private let endpoint: RedisEndpoint
    private var reader: ReplyReader
    private let buffer: UnsafeMutableRawBufferPointer
    /// The last ``receive(_:)`` stopped before it had everything; with TLS `poll` would not tell that more is there.
    private(set) var mayHaveMore = false

    /// What a server sends in one burst on a busy connection; more takes another turn.
    private static let bufferSize = 64 << 10
    /// After this many reads in a row others get their turn: deadlines, and commands to send.
    private static let readsPerTurn = 16

    init(_ transport: Transport, endpoint: RedisEndpoint, maximumReplySize: Int) throws(RedisConnectionFailure) {
        do throws(ReplyReader.Failure) {
            reader = try ReplyReader(maximumReplySize: maximumReplySize)
        } catch {
            throw RedisConnectionFailure(.protocolViolation, endpoint, error.detail)
        }
        self.transport = transport
        self.endpoint = endpoint
        buffer = .allocate(byteCount: Self.bufferSize, alignment: 16)
    }

    deinit {
        buffer.deallocate()
    }

    /// Reads what has arrived and hands on complete replies. False if nothing had arrived.
    func receive(
        _ body: (RedisValue) throws(ReplyReader.Failure) -> Void
    ) throws(RedisConnectionFailure) -> Bool {
        mayHaveMore = false
        for turn in 0..<Self.readsPerTurn {
            let transfer: Transfer
            do throws(TransferFailure) {
                transfer = try transport.read(into: buffer)
            } catch {
                throw RedisConnectionFailure(error.reason, endpoint, error.detail)
            }
            switch transfer {
            case .moved(let count):
                do throws(ReplyReader.Failure) {
                    try reader.read(UnsafeRawBufferPointer(rebasing: buffer[..<count]), body)
                } catch {
                    throw RedisConnectionFailure(.protocolViolation, endpoint, error.detail)
                }
                if count < buffer.count, transport.isDrainedByShortRead { return true }
            case .wouldBlock:
                return turn > 0
            case .ended:
                throw RedisConnectionFailure(.closedByServer, endpoint, "the server closed the connection.")
            }
        }
        mayHaveMore = true
        return true
    }
}
