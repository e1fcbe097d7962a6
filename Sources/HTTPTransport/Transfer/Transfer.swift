internal import CCurl

/// How a transfer and the connection it is on belong together.
enum ConnectionUse {
    /// One transfer at a time; the connection is kept for later ones.
    case exclusive
    /// Many transfers at a time.
    case shared(ConnectionGates.Key)
    /// This transfer alone, though the connection could carry many: see `EventLoop`. The number has no other transfer.
    case dedicated(generation: Int)
}

/// A request under way. Not thread-safe: it lives on the event loop, which libcurl calls back on.
final class Transfer {
    /// Memory set aside for a body because the server announced one so long. Beyond it memory grows as bytes arrive.
    private static let largestReservation = 1024 * 1024

    let id: TransferID
    let prepared: PreparedRequest
    let easy: EasyHandle
    let connection: ConnectionUse
    var clock: TransferClock
    /// Whether libcurl has it. Before, it waits for a connection that another transfer makes.
    var isUnderWay = false

    private let delivery: Delivery
    private var parser = ResponseHeadParser()
    private var body: [UInt8] = []
    private var isTruncated = false
    private var hasDeliveredHead = false
    /// How often the request was sent; libcurl may send it again.
    private(set) var sendings = 0
    /// Why a callback told libcurl to end the transfer; libcurl then only knows that it did.
    private var refusal: TransferError?

    init(_ submission: Submission, easy: EasyHandle, connection: ConnectionUse) {
        id = submission.id
        prepared = submission.prepared
        delivery = submission.delivery
        self.easy = easy
        self.connection = connection
        clock = TransferClock(
            timeout: submission.prepared.request.timeout,
            idleTimeout: submission.prepared.request.idleTimeout,
            started: submission.submitted
        )
    }

    /// Whether the body is read as it arrives.
    var isStream: Bool { delivery.isStream }

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

    // MARK: While it lasts

    /// Whether the request may go out on the connection that was found for it.
    ///
    /// libcurl sends a request again, up to five times and whatever its method, when a connection that was used before
    /// dies without an answer. The server may have acted on the first. So only what may be repeated is.
    func maySend() -> Bool {
        sendings += 1
        let redirects = easy.info(CURLINFO_REDIRECT_COUNT)
        guard sendings > 1 + redirects else { return true }
        if prepared.request.mayBeRepeated ?? prepared.request.method.isSafe { return true }
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
            // The length of a compressed body says nothing about what it becomes.
            let maximum = prepared.request.maximumResponseBytes
            guard length <= maximum || prepared.request.excess != .fails || head.headers.contains("Content-Encoding")
            else { return refuseBody() }
            body.reserveCapacity(min(max(0, length), maximum, Self.largestReservation))
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
            let room = prepared.request.maximumResponseBytes - body.count
            if bytes.count > room {
                guard prepared.request.excess != .fails else {
                    _ = refuseBody()
                    return .abandoned
                }
                isTruncated = true
            }
            body.append(contentsOf: bytes.prefix(room))
            return isTruncated && prepared.request.excess == .cutsOff ? .abandoned : .taken
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

    /// Why it failed, when it ended of itself, in libcurl's words `result`; nil when it did not fail.
    func error(_ result: CURLcode) -> TransferError? {
        if let refusal { return refusal }
        // Ended by us, as the request wants it.
        if isTruncated, prepared.request.excess == .cutsOff { return nil }
        guard result == CURLE_OK else { return TransferError(result, of: easy, for: prepared) }
        return parser.head == nil ? prepared.error(.connectionLost, "the exchange ended without a response") : nil
    }

    /// Tells the caller that there is no response, or no rest of it. The last call of all, like `succeed`.
    func fail(_ error: TransferError) {
        delivery.fail(error)
    }

    /// Tells the caller that the response is complete.
    func succeed() {
        guard let head = parser.head else { preconditionFailure("a transfer succeeded without a head") }
        switch delivery {
        case .whole(let outcome):
            let response = HTTPResponse(
                status: head.status,
                headers: head.headers,
                body: body,
                isTruncated: isTruncated,
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
