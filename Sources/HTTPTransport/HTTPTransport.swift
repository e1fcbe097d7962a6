internal import Synchronization

/// An asynchronous HTTP client on libcurl's multi interface.
///
/// One thread drives all exchanges of a transport; it sleeps while nothing happens. Connections are kept and used again,
/// and requests to an `https` host share one HTTP/2 connection where the server offers it. All functions may be called
/// from anywhere.
///
/// ## Cancellation
/// When the calling task is cancelled, the call throws `.cancelled` at once and the exchange is aborted: the connection
/// is closed, or the HTTP/2 stream reset. The server may have acted on the request all the same.
///
/// ## Retries
/// A `GET`, `HEAD` or `OPTIONS` that meets a connection closed since its last use is sent again, up to five times. No
/// other request is ever sent twice, unless it says `mayBeRepeated`: it throws `.connectionLost`.
///
/// ## Timeouts
/// After `.timedOut` or `.idle` the connection is not used for further requests. Cancellation says nothing about the
/// connection, so give a request its `timeout` rather than cancel it when it takes too long.
public final class HTTPTransport: Sendable {
    private let mailbox: Mailbox
    private let thread: LoopThread
    private let lastID = Atomic<UInt64>(0)

    /// Starts the thread. Connects to nothing yet, and reads no file. Throws `.invalidRequest` for a configuration that
    /// could never work and `.other` when the system is out of memory, threads or file descriptors.
    public init(_ configuration: Configuration = Configuration()) throws(TransferError) {
        try configuration.validate()
        mailbox = Mailbox(try WakeUp())
        thread = try LoopThread(
            name: "honua-http",
            running: try EventLoop(mailbox: mailbox, configuration: configuration)
        )
    }

    deinit {
        shutdown()
    }

    /// Sends a request and returns the whole response, whatever its status.
    ///
    /// Throws when there is no complete response; see `TransferError.Code`. A body longer than
    /// `request.maximumResponseBytes` ends the exchange with `.bodyTooLarge` as soon as that is known, unless
    /// `request.excess` says otherwise.
    public func send(_ request: HTTPRequest) async throws(TransferError) -> HTTPResponse {
        let prepared = try PreparedRequest(request)
        let outcome = Outcome<HTTPResponse>()
        return try await result(of: outcome, for: prepared, id: nextID(), delivery: .whole(outcome))
    }

    /// Sends a request and returns once the header block of the response is complete, whatever its status. The body is
    /// read as it arrives. Over `https` the exchange has a connection of its own, so that a slow reader slows down nothing
    /// else; only with `http2` off is a kept connection used, and kept afterwards.
    ///
    /// Throws when there is no response; what ends the body early is thrown by the body. `request.timeout` and
    /// `request.idleTimeout` cover the body too; `request.maximumResponseBytes` does not apply.
    public func stream(_ request: HTTPRequest) async throws(TransferError) -> HTTPResponseStream {
        let prepared = try PreparedRequest(request)
        let outcome = Outcome<ResponseHead>()
        let buffer = BodyBuffer()
        let id = nextID()
        let source = BodySource(request: prepared, buffer: buffer, id: id, mailbox: mailbox)
        let head = try await result(of: outcome, for: prepared, id: id, delivery: .stream(outcome, buffer))
        return HTTPResponseStream(
            status: head.status,
            headers: head.headers,
            httpVersion: head.version,
            body: HTTPBody(source)
        )
    }

    /// Ends all streams with `.connectionLost`, now and from now on, so that their readers open new ones elsewhere, and
    /// lets `send` go on. For the owner of a transport that another one takes over from, such as one with a renewed
    /// certificate: it lets go of this one, which ends with the last exchange. Returns at once.
    public func retire() {
        mailbox.post(.retire)
    }

    /// Ends all exchanges with `.shutDown`, closes all connections, and returns when the thread has ended, which takes
    /// no longer than closing sockets does. Requests made later throw `.shutDown`. May be called more than once, and
    /// is called when the transport goes away.
    public func shutdown() {
        mailbox.post(.shutDown)
        thread.join()
    }

    private func nextID() -> TransferID {
        TransferID(number: lastID.add(1, ordering: .relaxed).newValue)
    }

    private func result<Value: Sendable>(
        of outcome: Outcome<Value>,
        for prepared: PreparedRequest,
        id: TransferID,
        delivery: Delivery
    ) async throws(TransferError) -> Value {
        let submission = Submission(id: id, prepared: prepared, delivery: delivery, submitted: .now)
        let result = await withTaskCancellationHandler {
            if !mailbox.post(.start(submission)) { delivery.fail(prepared.shutDown) }
            return await outcome.value()
        } onCancel: {
            // Told first, aborted second: the event loop relies on this order when it starts a transfer.
            if outcome.settle(.failure(prepared.cancelled)) { mailbox.post(.cancel(id)) }
        }
        return try result.get()
    }
}
