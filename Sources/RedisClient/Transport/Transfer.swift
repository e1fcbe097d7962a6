/// What came of an attempt to read or write without blocking.
enum Transfer: Hashable {
    case moved(Int)
    case wouldBlock
    /// The peer will send no more.
    case ended
}

/// Reading or writing failed; the connection is of no use any more.
struct TransferFailure: Error, Hashable {
    let reason: RedisConnectionFailure.Reason
    let detail: String

    init(_ error: SystemError) {
        reason = .network
        detail = error.description
    }

    init(_ reason: RedisConnectionFailure.Reason, _ detail: String) {
        self.reason = reason
        self.detail = detail
    }
}
