/// A request as the caller wants it sent.
///
/// The transport adds `Host`, `Content-Length`, `Accept: */*` and `User-Agent`; a field given here replaces the one it
/// would add, except that `Content-Length` and `Transfer-Encoding` are refused. It adds no `Expect` and no `Content-Type`,
/// and an `Accept-Encoding` only when `acceptsCompression` is set.
public struct HTTPRequest: Sendable {
    /// What becomes of a body that is longer than `maximumResponseBytes`.
    public enum Excess: Sendable {
        /// The exchange ends with `.bodyTooLarge`.
        case fails
        /// The exchange ends there; the response has what came before, and `isTruncated`.
        case cutsOff
        /// The rest is read and thrown away; the response has what came before, and `isTruncated`.
        case isDropped
    }

    /// The method. Default `GET`.
    public var method: HTTPMethod
    /// An absolute `http` or `https` URL, percent-encoded: printable ASCII without blanks. A fragment is not sent.
    public var url: String
    /// Fields in the order they are sent. Line breaks and other control characters make the request invalid.
    public var headers: HTTPHeaders
    /// The body, for any method but `HEAD`. nil sends none; `POST`, `PUT` and `PATCH` then say `Content-Length: 0`.
    public var body: [UInt8]?
    /// Time for the whole exchange, from the call to the last byte of the body, waiting for a connection included.
    /// Ends it with `.timedOut`. Default nil: no limit.
    public var timeout: Duration?
    /// How long the exchange may go without a byte received before it ends with `.idle`. The clock starts with the
    /// call, starts anew with each line of the header block and each byte of the body, and stands still while the reader
    /// of a stream is too slow. Sending a long body does not count. Default nil: no limit.
    public var idleTimeout: Duration?
    /// The longest body that `send` collects, in bytes; beyond it see `excess`. Streams have no limit. Default 64 MiB:
    /// room for a page of 10,000 large Kubernetes objects, and still bounded.
    public var maximumResponseBytes: Int
    /// What becomes of a body that `send` finds longer. Default: the exchange fails.
    public var excess: Excess
    /// Whether redirects are followed, at most ten. Default false. A redirect never leaves `https` for `http`, and
    /// `Authorization` is not sent to another host. `POST` becomes `GET` after 301, 302 and 303; other methods stay.
    public var followsRedirects: Bool

    /// Whether the server may compress the body by gzip; it arrives here decompressed, and limits count decompressed bytes.
    /// Default false.
    public var acceptsCompression: Bool

    /// Whether it may be sent again, by itself, when a connection that was kept from an earlier request ends without an
    /// answer. The server may have acted on it all the same. Default nil: if the method is safe (`GET`, `HEAD`,
    /// `OPTIONS`). True suits a write that is safe to repeat, such as one with a precondition or an idempotency key.
    public var mayBeRepeated: Bool?

    /// A request; see the properties for units and defaults. Nothing is checked before it is sent.
    public init(
        method: HTTPMethod = .get,
        url: String,
        headers: HTTPHeaders = [:],
        body: [UInt8]? = nil,
        timeout: Duration? = nil,
        idleTimeout: Duration? = nil,
        maximumResponseBytes: Int = 64 * 1024 * 1024,
        excess: Excess = .fails,
        followsRedirects: Bool = false,
        acceptsCompression: Bool = false,
        mayBeRepeated: Bool? = nil
    ) {
        self.method = method
        self.url = url
        self.headers = headers
        self.body = body
        self.timeout = timeout
        self.idleTimeout = idleTimeout
        self.maximumResponseBytes = maximumResponseBytes
        self.excess = excess
        self.followsRedirects = followsRedirects
        self.acceptsCompression = acceptsCompression
        self.mayBeRepeated = mayBeRepeated
    }
}
