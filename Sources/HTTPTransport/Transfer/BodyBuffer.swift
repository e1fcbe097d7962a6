internal import Synchronization

/// The bytes of a streamed body between the event loop, which appends, and one reader, who takes all there is.
///
/// Pure but for the reader's continuation: it tells its caller what to do (pause, resume, abort) and touches no socket.
/// The continuation lives in `awaited` alone, and each way out of `awaited` resumes it. None is lost, because the event
/// loop calls `finish` for each transfer it drops.
final class BodyBuffer: Sendable {
    /// Beyond so many unread bytes the event loop stops reading from the socket.
    ///
    /// 1 MiB: at 1 Gbit/s a reader that pauses for 8 ms does not stop the flow, and a hundred stalled streams hold 100 MiB.
    static let capacity = 1024 * 1024

    /// What became of bytes that were offered.
    enum Verdict {
        /// Kept or handed to the reader.
        case taken
        /// Not taken: offer them again after `resume`.
        case full
        /// Nobody will read them.
        case abandoned
    }

    private typealias Reader = CheckedContinuation<Result<[UInt8]?, TransferError>, Never>

    private enum State {
        /// Nobody waits. `isPaused` says that bytes were refused. Moves to `awaited`, `ended`, `closed`.
        case flowing(bytes: [UInt8], isPaused: Bool)
        /// No bytes, and the reader waits. Moves to `flowing`, `closed`.
        case awaited(Reader)
        /// No more will come; the reader has not been told yet. Moves to `closed`.
        case ended(bytes: [UInt8], TransferError?)
        /// The reader was told the end, or has gone.
        case closed
    }

    private let state = Mutex(State.flowing(bytes: [], isPaused: false))

    // MARK: The event loop's side

    /// Offers bytes.
    func append(_ bytes: UnsafeRawBufferPointer) -> Verdict {
        let (verdict, continuation) = state.withLock { state -> (Verdict, Reader?) in
            switch state {
            case .flowing(var held, _):
                guard held.count < Self.capacity else {
                    state = .flowing(bytes: held, isPaused: true)
                    return (.full, nil)
                }
                // Taken out while it grows, so that it is not copied.
                state = .closed
                held.append(contentsOf: bytes)
                state = .flowing(bytes: held, isPaused: false)
                return (.taken, nil)
            case .awaited(let continuation):
                state = .flowing(bytes: [], isPaused: false)
                return (.taken, continuation)
            case .ended, .closed:
                return (.abandoned, nil)
            }
        }
        continuation?.resume(returning: .success([UInt8](bytes)))
        return verdict
    }

    /// No more bytes will come. The reader gets what is held, then the error, if any. The first call counts.
    func finish(_ error: TransferError?) {
        let continuation = state.withLock { state -> Reader? in
            switch state {
            case .flowing(let bytes, _):
                state = .ended(bytes: bytes, error)
                return nil
            case .awaited(let continuation):
                state = .closed
                return continuation
            case .ended, .closed:
                return nil
            }
        }
        continuation?.resume(returning: Self.ending(error))
    }

    // MARK: The reader's side

    /// All bytes there are, waiting for some if need be; nil at the end. `resume` is called when the event loop had
    /// been refused bytes and may offer them again. Not called again before it returned.
    func next(resume: () -> Void) async -> Result<[UInt8]?, TransferError> {
        await withCheckedContinuation { continuation in
            let (known, mayResume) = state.withLock { state -> (Result<[UInt8]?, TransferError>?, Bool) in
                switch state {
                case .flowing(let bytes, let isPaused):
                    guard bytes.isEmpty else {
                        state = .flowing(bytes: [], isPaused: false)
                        return (.success(bytes), isPaused)
                    }
                    state = .awaited(continuation)
                    return (nil, false)
                case .ended(let bytes, let error):
                    guard bytes.isEmpty else {
                        state = .ended(bytes: [], error)
                        return (.success(bytes), false)
                    }
                    state = .closed
                    return (Self.ending(error), false)
                case .closed:
                    return (.success(nil), false)
                case .awaited:
                    preconditionFailure("a body has one reader at a time")
                }
            }
            if let known { continuation.resume(returning: known) }
            if mayResume { resume() }
        }
    }

    /// The reader goes away, or is told `error` at once, before any bytes still held. Says whether bytes may still be
    /// coming, so that the transfer has to be aborted.
    func abandon(_ error: TransferError?) -> Bool {
        let (wasFlowing, continuation) = state.withLock { state -> (Bool, Reader?) in
            switch state {
            case .flowing:
                state = error.map { .ended(bytes: [], $0) } ?? .closed
                return (true, nil)
            case .awaited(let continuation):
                state = .closed
                return (true, continuation)
            case .ended:
                state = error.map { .ended(bytes: [], $0) } ?? .closed
                return (false, nil)
            case .closed:
                return (false, nil)
            }
        }
        continuation?.resume(returning: Self.ending(error))
        return wasFlowing
    }

    private static func ending(_ error: TransferError?) -> Result<[UInt8]?, TransferError> {
        error.map { .failure($0) } ?? .success(nil)
    }
}
