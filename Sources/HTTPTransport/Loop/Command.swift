/// Names a transfer for the life of its transport.
struct TransferID: Hashable, Sendable {
    let number: UInt64
}

/// Where a response goes.
enum Delivery: Sendable {
    /// To a caller who waits for all of it.
    case whole(Outcome<HTTPResponse>)
    /// To a caller who waits for the head and then reads the body.
    case stream(Outcome<ResponseHead>, BodyBuffer)

    /// Whether the body is read as it arrives.
    var isStream: Bool {
        if case .stream = self { true } else { false }
    }

    /// Whether the caller has stopped waiting for a response to begin.
    var isSettled: Bool {
        switch self {
        case .whole(let outcome): outcome.isSettled
        case .stream(let outcome, _): outcome.isSettled
        }
    }

    /// Ends it without a response, or without the rest of one.
    func fail(_ error: TransferError) {
        switch self {
        case .whole(let outcome):
            outcome.settle(.failure(error))
        case .stream(let outcome, let buffer):
            outcome.settle(.failure(error))
            buffer.finish(error)
        }
    }
}

/// A request on its way to the event loop.
struct Submission: Sendable {
    let id: TransferID
    let prepared: PreparedRequest
    let delivery: Delivery
    /// When the caller asked: the moment timeouts count from.
    let submitted: ContinuousClock.Instant
}

/// What other threads ask of the event loop.
enum Command: Sendable {
    /// Begin, unless the caller was cancelled meanwhile.
    case start(Submission)
    /// Abort. The caller knows already; an unknown or finished transfer is left alone.
    case cancel(TransferID)
    /// The reader caught up: read from the socket again.
    case resume(TransferID)
    /// Abort streams, now and from now on.
    case retire
    /// Abort everything and end.
    case shutDown
}
