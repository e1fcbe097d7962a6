internal import HTTPTransport

/// When a request is sent again by the client itself, without the caller.
///
/// client-go's rules (`rest/with_retry.go`): a refusal that says when to come back, whatever the method, since the server
/// has not acted on it; and a read whose connection was lost. A write whose connection was lost is never repeated: the
/// server may have acted on it, and only the caller knows whether that matters.
struct RetryPolicy: Sendable {
    let maximumRetries: Int
    /// A server that asks for a longer pause is not waited for: the caller is told and can do something else meanwhile.
    static let longestPause: Duration = .seconds(30)
    /// Before a read is repeated on a new connection (client-go waits 1 s too).
    static let pauseAfterLostConnection: Duration = .seconds(1)

    /// - Parameter retries: how often the request was sent again already.
    /// - Returns: how long to wait before sending it again; nil when the failure is for the caller.
    func pause(after failure: KubeError, retries: Int, isRead: Bool) -> Duration? {
        guard retries < maximumRetries else { return nil }
        switch failure.code {
        case .tooManyRequests, .serverError:
            guard let pause = failure.retryAfter, pause <= Self.longestPause else { return nil }
            return pause
        case .transport(.connectionLost) where isRead: return Self.pauseAfterLostConnection
        default: return nil
        }
    }
}
