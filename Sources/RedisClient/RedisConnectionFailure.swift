/// Why there is no connection.
///
/// The text carries the phrases people search logs for, and never the word for the opposite state: the line that
/// reports success is found by `Redis.*connected`.
public struct RedisConnectionFailure: Error, Sendable, Hashable, CustomStringConvertible {
    /// What kind of thing went wrong, to branch on.
    public enum Reason: Sendable, Hashable {
        /// The host's name has no address, or asking for it failed.
        case nameResolution
        /// The system refused: connection refused, host unreachable, reset, no file descriptors left.
        case network
        /// It took longer than `connectTimeout`, or an established connection fell silent for as long.
        case timeout
        /// TLS could not be set up, or the certificate does not hold.
        case tls
        /// The server wants a password, or not this one.
        case authentication
        /// The server answered the greeting with an error.
        case refusedByServer
        /// The server closed the connection.
        case closedByServer
        /// What came is not what a Redis server sends, or is too large.
        case protocolViolation
    }

    /// What kind of thing went wrong.
    public let reason: Reason
    /// The server in question.
    public let endpoint: RedisEndpoint
    /// Whether the connection had been usable before.
    public let wasEstablished: Bool
    /// What happened and what would help, in words.
    public let detail: String

    init(_ reason: Reason, _ endpoint: RedisEndpoint, wasEstablished: Bool = false, _ detail: String) {
        self.reason = reason
        self.endpoint = endpoint
        self.wasEstablished = wasEstablished
        // The system's text for ENOTCONN would look like the line that reports success.
        let detail = detail.replacing("connected", with: "linked")
        let isSentence = detail.last.map { ".?!".contains($0) } ?? true
        self.detail = isSentence ? detail : detail + "."
    }

    /// One line with the phrases operators look for.
    public var description: String {
        let what =
            wasEstablished
            ? "The connection to the redis server was lost"
            : "It was not possible to connect to the redis server(s)"
        return "Redis connection failed: RedisConnectionException: \(what): \(endpoint): \(detail)"
    }
}
