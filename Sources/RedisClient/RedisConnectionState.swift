/// Whether there is a usable connection.
public enum RedisConnectionState: Sendable, Hashable {
    /// Nothing has been asked of the client yet, so it has not tried.
    case idle
    /// Connected and greeted; commands are being sent.
    case connected(RedisEndpoint)
    /// The last attempt failed or the connection broke. Yielded anew for each failed attempt.
    case unavailable(RedisConnectionFailure)
    /// The client has been shut down. Nothing follows.
    case closed
}
