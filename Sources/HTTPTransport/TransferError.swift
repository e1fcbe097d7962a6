internal import Glibc

/// Why there is no HTTP response, or no rest of its body.
public struct TransferError: Error, Sendable, CustomStringConvertible {
    /// What kind of failure it was.
    public enum Code: String, Sendable {
        /// The calling task was cancelled.
        case cancelled
        /// The transport was shut down before or during the exchange.
        case shutDown
        /// `HTTPRequest.timeout` passed.
        case timedOut
        /// `HTTPRequest.idleTimeout` passed without a byte.
        case idle
        /// The name of the host or proxy has no address, or the name server did not answer in time.
        case couldNotResolve
        /// No connection: refused, unreachable, refused by the proxy, or not made within `connectTimeout`.
        case couldNotConnect
        /// The TLS handshake failed, or the configured certificates could not be used.
        case tls
        /// The connection, or the HTTP/2 stream, ended before the response was complete.
        case connectionLost
        /// The body is longer than `HTTPRequest.maximumResponseBytes`.
        case bodyTooLarge
        /// The request or the configuration cannot be put on the wire; nothing was sent.
        case invalidRequest
        /// Anything else; `message` and `curlCode` tell.
        case other

        /// Whether trying again later may help.
        public var isRetryable: Bool {
            switch self {
            case .timedOut, .idle, .couldNotResolve, .couldNotConnect, .connectionLost: true
            case .cancelled, .shutDown, .tls, .bodyTooLarge, .invalidRequest, .other: false
            }
        }
    }

    /// What kind of failure it was.
    public let code: Code
    /// What happened, with libcurl's own words where it spoke.
    public let message: String
    /// The method of the request, nil for failures that concern no request.
    public let method: HTTPMethod?
    /// The URL of the request without user, password, query and fragment; empty for failures that concern no request.
    public let url: String
    /// libcurl's code, as in libcurl-errors(3); 0 when libcurl was not what failed.
    public let curlCode: Int32
    /// The `errno` of the failed connection attempt; 0 when there is none.
    public let systemError: Int32

    init(
        _ code: Code,
        _ message: String,
        method: HTTPMethod? = nil,
        url: String = "",
        curlCode: Int32 = 0,
        systemError: Int32 = 0
    ) {
        self.code = code
        self.message = message
        self.method = method
        self.url = url
        self.curlCode = curlCode
        self.systemError = systemError
    }

    /// Whether the host answered that nothing listens on that port.
    public var isConnectionRefused: Bool {
        systemError == ECONNREFUSED
    }

    /// Whether trying again later may help. It says nothing of whether the server acted on this attempt: see
    /// `wasNeverProcessed`.
    public var isRetryable: Bool { code.isRetryable }

    /// Whether the server certainly did not act on the request, so that even a write may be sent again.
    public var wasNeverProcessed: Bool {
        switch code {
        case .couldNotResolve, .couldNotConnect, .tls, .invalidRequest: true
        case .cancelled, .shutDown, .timedOut, .idle, .connectionLost, .bodyTooLarge, .other: false
        }
    }

    /// One line: what was attempted, on what, what came back.
    public var description: String {
        let attempted = url.isEmpty ? "HTTP transport" : "\(method?.rawValue ?? "request") \(url)"
        let curl = curlCode == 0 ? "" : ", curl \(curlCode)"
        return "\(attempted) failed (\(code.rawValue)\(curl)): \(message)"
    }
}
