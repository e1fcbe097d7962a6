internal import Synchronization

/// What a body and its reader share: the bytes, and the way to the event loop.
///
/// It is owned by the body until an iterator is made and by the iterator from then on, so that either's end is noticed:
/// a body that is still in scope after a `break` must not keep the exchange going.
final class BodySource: Sendable {
    let request: PreparedRequest
    private let reader: Mutex<BodyReader?>

    init(request: PreparedRequest, buffer: BodyBuffer, id: TransferID, mailbox: Mailbox) {
        self.request = request
        reader = Mutex(BodyReader(request: request, buffer: buffer, id: id, mailbox: mailbox))
    }

    /// The reader, the first time; nil ever after.
    func makeReader() -> BodyReader? {
        reader.withLock { reader in
            defer { reader = nil }
            return reader
        }
    }
}

/// The right to read a body. Its end aborts an exchange that is still going on.
final class BodyReader: Sendable {
    private let request: PreparedRequest
    private let buffer: BodyBuffer
    private let id: TransferID
    private let mailbox: Mailbox

    init(request: PreparedRequest, buffer: BodyBuffer, id: TransferID, mailbox: Mailbox) {
        self.request = request
        self.buffer = buffer
        self.id = id
        self.mailbox = mailbox
    }

    deinit {
        abort(telling: nil)
    }

    func next() async throws(TransferError) -> [UInt8]? {
        let result = await withTaskCancellationHandler {
            await buffer.next { mailbox.post(.resume(id)) }
        } onCancel: {
            abort(telling: request.cancelled)
        }
        return try result.get()
    }

    private func abort(telling error: TransferError?) {
        if buffer.abandon(error) { mailbox.post(.cancel(id)) }
    }
}
