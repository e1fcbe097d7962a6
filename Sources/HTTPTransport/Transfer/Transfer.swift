internal import CCurl

/// A request under way. Not thread-safe: it lives on the event loop, which libcurl calls back on.
final class Transfer {
    let id: TransferID
    let prepared: PreparedRequest
    let easy: EasyHandle
    /// See `ConnectionGenerations`.
    let generation: Int
    /// Whether the connection may carry other requests.
    let sharesConnection: Bool
    var clock: TransferClock

    private let delivery: Delivery
    private var parser = ResponseHeadParser()
    private var body: [UInt8] = []
    private var hasDeliveredHead = false
    private var sendings = 0
    /// Why a callback told libcurl to end the transfer; libcurl then only knows that it did.
    private var refusal: TransferError?

    init(_ submission: Submission, easy: EasyHandle, generation: Int, sharesConnection: Bool) {
        id = submission.id
        prepared = submission.prepared
        delivery = submission.delivery
        self.easy = easy
        self.generation = generation
        self.sharesConnection = sharesConnection
        clock = TransferClock(
            timeout: submission.prepared.request.timeout,
            idleTimeout: submission.prepared.request.idleTimeout,
            started: submission.submitted
        )
    }

    /// The transfer a callback is for. It takes no reference: see `CurlCallbacks`.
    static func from(_ context: UnsafeMutableRawPointer) -> Transfer {
        Unmanaged<Transfer>.fromOpaque(context).takeUnretainedValue()
    }

    /// Has libcurl call this transfer back.
    func installCallbacks() throws(CurlFailure) {
        let context = Unmanaged.passUnretained(self).toOpaque()
        try easy.set(CURLOPT_PRIVATE, pointer: context)
        try ccurl_setopt_write_callback(easy.raw, CURLOPT_HEADERFUNCTION, receiveHeaderLine).check()
        try easy.set(CURLOPT_HEADERDATA, pointer: context)
        try ccurl_setopt_write_callback(easy.raw, CURLOPT_WRITEFUNCTION, receiveBody).check()
        try easy.set(CURLOPT_WRITEDATA, pointer: context)
        try ccurl_setopt_prereq_callback(easy.raw, willSendRequest).check()
        try easy.set(CURLOPT_PREREQDATA, pointer: context)
    }

    /// Whether libcurl may have both on one connection.
    func mayShareConnection(with other: Transfer) -> Bool {
        sharesConnection && generation == other.generation && prepared.target.origin == other.prepared.target.origin
    }

    // MARK: While it lasts

    /// Whether the request may go out on the connection that was found for it.
    ///
    /// libcurl sends a request again, up to five times and whatever its method, when a connection that was used before
    /// dies without an answer. The server may have acted on the first. So only what does no harm twice is sent twice.
    func maySend() -> Bool {
        sendings += 1
        let redirects = easy.info(CURLINFO_REDIRECT_COUNT)
        guard sendings > 1 + redirects, !prepared.request.method.isSafe else { return true }
        refusal = prepared.error(
            .connectionLost,
            "the connection was closed without an answer; the server may have acted on the request, so it was not repeated"
        )
        return false
    }

    /// Takes a header line; false ends the transfer.
    func receive(headerLine line: UnsafeRawBufferPointer) -> Bool {
        if clock.watchesBytes { clock.received(at: .now) }
        switch parser.take(line) {
        case .more: return true
        case .complete: return headIsComplete()
        case .tooLarge:
            refusal = prepared.error(.other, "the header block is longer than \(ResponseHeadParser.maximumBytes) bytes")
            return false
        case .malformed:
            refusal = prepared.error(.other, "the response does not begin with a status line of HTTP/1 or HTTP/2")
            return false
        }
    }

    private func headIsComplete() -> Bool {
        guard let head = parser.head else { return true }
        // libcurl is going to drop the body of this response and ask elsewhere.
        let isRedirect = prepared.request.followsRedirects && (300..<400).contains(head.status)
        guard !(isRedirect && head.headers.contains("Location")) else { return true }
        switch delivery {
        case .whole:
            guard prepared.request.method != .head, let length = head.headers["Content-Length"].flatMap(Int.init) else {
                return true
            }
            guard length <= prepared.request.maximumResponseBytes else { return refuseBody() }
            body.reserveCapacity(length)
        case .stream(let outcome, _):
            hasDeliveredHead = true
            outcome.settle(.success(head))
        }
        return true
    }

    /// Takes a piece of the body.
    func receive(body bytes: UnsafeRawBufferPointer) -> BodyBuffer.Verdict {
        if clock.watchesBytes { clock.received(at: .now) }
        switch delivery {
        case .whole:
            guard body.count + bytes.count <= prepared.request.maximumResponseBytes else {
                _ = refuseBody()
                return .abandoned
            }
            body.append(contentsOf: bytes)
            return .taken
        case .stream(_, let buffer):
            guard !bytes.isEmpty else { return .taken }
            let verdict = buffer.append(bytes)
            if verdict == .full { clock.pause() }
            return verdict
        }
    }

    private func refuseBody() -> Bool {
        refusal = prepared.error(
            .bodyTooLarge,
            "the body is longer than \(prepared.request.maximumResponseBytes) bytes, the limit of this request"
        )
        return false
    }

    // MARK: At the end

    /// It ended of itself, in libcurl's words `result`. Called once, after libcurl has let go of it.
    func end(_ result: CURLcode) {
        if let refusal {
            fail(refusal)
        } else if result != CURLE_OK {
            fail(TransferError(result, of: easy, for: prepared))
        } else if let head = parser.head {
            succeed(head)
        } else {
            fail(prepared.error(.connectionLost, "the exchange ended without a response"))
        }
    }

    /// It was ended by somebody else.
    func fail(_ error: TransferError) {
        delivery.fail(error)
    }

    private func succeed(_ head: ResponseHead) {
        switch delivery {
        case .whole(let outcome):
            let response = HTTPResponse(
                status: head.status,
                headers: head.headers,
                body: body,
                httpVersion: head.version
            )
            outcome.settle(.success(response))
        case .stream(let outcome, let buffer):
            // A redirect that was not followed after all, for want of a usable location, has not been delivered yet.
            if !hasDeliveredHead { outcome.settle(.success(head)) }
            buffer.finish(nil)
        }
    }
}
