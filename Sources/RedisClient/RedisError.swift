/// What can go wrong with a command or a connection.
///
/// Texts name the command but never its arguments, and never a password.
public enum RedisError: Error, Sendable, Hashable {
    /// A value in ``RedisConfiguration`` makes no sense.
    case invalidConfiguration(String)
    /// The command was not sent: it would harm the shared connection, is administrative without `allowAdmin`, or is
    /// malformed.
    case refused(command: String, reason: String)
    /// There was no connection, within the time a caller waits. The command was not sent.
    case connectionFailed(RedisConnectionFailure)
    /// The connection broke between sending the command and its reply. It is not sent again.
    ///
    /// `mayHaveBeenExecuted` is false only if part of the command's bytes had not been handed to the network.
    case connectionLost(mayHaveBeenExecuted: Bool, RedisConnectionFailure)
    /// The reply did not come within `syncTimeout`.
    ///
    /// `mayHaveBeenExecuted` is false if the command had not been sent yet; it is not sent any more.
    case timedOut(mayHaveBeenExecuted: Bool, detail: String)
    /// The calling task was cancelled. A command that had been sent is not undone.
    case cancelled
    /// ``RedisClient/shutdown()`` came before or during the call.
    case clientClosed(mayHaveBeenExecuted: Bool)
    /// Redis answered with an error.
    case server(RedisReplyError)
}

extension RedisError: CustomStringConvertible {
    /// What was attempted, what came back, and what would help.
    public var description: String {
        switch self {
        case .invalidConfiguration(let problem): "Redis client: \(problem)"
        case .refused(let command, let reason): "Redis command \(command) was not sent: \(reason)"
        case .connectionFailed(let failure): failure.description
        case .connectionLost(let mayHaveBeenExecuted, let failure):
            "\(failure) \(Self.consequence(mayHaveBeenExecuted))"
        case .timedOut(let mayHaveBeenExecuted, let detail):
            "Redis command timed out: \(detail) \(Self.consequence(mayHaveBeenExecuted))"
        case .cancelled: "The Redis command was cancelled by its caller; if it had been sent, it may still be executed."
        case .clientClosed(let mayHaveBeenExecuted):
            "The Redis client has been shut down. \(Self.consequence(mayHaveBeenExecuted))"
        case .server(let error) where error.code == "READONLY":
            "Redis answered with an error: \(error) The server is a replica, as after a failover; the connection is made "
                + "anew, in case the name now leads to the master."
        case .server(let error): "Redis answered with an error: \(error)"
        }
    }

    private static func consequence(_ mayHaveBeenExecuted: Bool) -> String {
        mayHaveBeenExecuted ? "The command may have been executed." : "The command was not executed."
    }
}

extension RedisError {
    /// Whether the server may have executed the command although the caller got no reply to it.
    public var mayHaveBeenExecuted: Bool {
        switch self {
        case .invalidConfiguration, .refused, .connectionFailed, .server: false
        case .connectionLost(let mayHaveBeenExecuted, _), .timedOut(let mayHaveBeenExecuted, _),
            .clientClosed(let mayHaveBeenExecuted):
            mayHaveBeenExecuted
        case .cancelled: true
        }
    }

    /// Whether sending the same command again, later, can succeed without any risk of executing it twice.
    public var isRetryable: Bool {
        switch self {
        case .connectionFailed: true
        case .connectionLost, .timedOut: !mayHaveBeenExecuted
        case .server(let error): error.isTransient
        case .invalidConfiguration, .refused, .cancelled, .clientClosed: false
        }
    }
}
