/// Everything a ``RedisClient`` needs to know.
///
/// Property names are those of the connection string, so that a setting is found by the name it is documented under.
public struct RedisConfiguration: Sendable, Hashable, CustomStringConvertible, CustomDebugStringConvertible {
    /// The server; or several nodes of one Redis Cluster, of which one that answers is enough; or, with
    /// ``serviceName``, the Sentinels.
    public var endpoints: [RedisEndpoint]
    /// The ACL user; `nil` for Redis' own `default`.
    public var user: String?
    /// The password, or an access token of a managed service; `nil` to send no `AUTH`.
    public var password: RedisSecret?
    /// How to speak TLS; `nil` for a plain connection.
    public var tls: RedisTLSConfiguration?
    /// Whether a client that has never reached the server stops trying once its waiting callers have failed.
    ///
    /// False keeps trying in the background. After the first success this makes no difference: a lost connection is
    /// always re-established. Default true, as StackExchange.Redis has it.
    public var abortConnect = true
    /// How long one attempt to connect may take, from name resolution to the answer to `PING`; also the longest
    /// ``RedisClient/connect()`` waits, and how long a connection with unanswered commands may stay silent before it
    /// counts as dead. Default 5 s.
    public var connectTimeout: Duration = .seconds(5)
    /// How long one command may take, from the call to the reply. Default 1 s.
    public var syncTimeout: Duration = .seconds(1)
    /// How many attempts ``RedisClient/connect()`` makes. Default 3, as StackExchange.Redis has it.
    public var connectRetry = 3
    /// After how long without traffic a `PING` is sent, so that a dead peer is noticed and idle connections are not
    /// cut on the way; zero for never. Default 60 s, as StackExchange.Redis has it.
    public var keepAlive: Duration = .seconds(60)
    /// The name of the master if the endpoints are Sentinels; `nil` if they are not. Default `nil`.
    public var serviceName: String?
    /// The ACL user for the Sentinels themselves. Default `nil`.
    public var sentinelUser: String?
    /// The password for the Sentinels themselves, which is not that of the servers; `nil` to send no `AUTH`. Default
    /// `nil`.
    public var sentinelPassword: RedisSecret?
    /// The database chosen with `SELECT`. Redis Cluster has only 0. Default 0.
    public var defaultDatabase = 0
    /// Whether administrative commands such as `FLUSHALL` or `CONFIG` may be sent. Default false.
    public var allowAdmin = false
    /// The name `CLIENT LIST` shows: printable ASCII without blanks, empty for none. Default `honua-operator`.
    public var clientName = "honua-operator"
    /// How many connections to each server are opened at the start and kept. Default 1.
    public var minimumConnections = 1
    /// How many connections to each server there may be. Each costs a thread here and a client there. Default 50.
    public var maximumConnections = 50
    /// How many commands may be in flight on a connection; further ones wait, and after 10 ms another connection is
    /// opened for them. 1 is no pipelining, and does not wait. Default 100.
    public var pipelineDepth = 100
    /// After how long without commands a connection beyond ``minimumConnections`` is closed. Default 60 s.
    var idleConnectionLimit: Duration = .seconds(60)
    /// The largest reply taken, in bytes on the wire. A larger one closes the connection. Default 64 MiB.
    public var maximumReplySize = 64 << 20
    /// The option that errors about the password are to name.
    var passwordOption = "password"

    /// A plain connection to one server, with the defaults above.
    public init(endpoint: RedisEndpoint) {
        endpoints = [endpoint]
    }

    /// What the connection string says, then what the arguments say, then the defaults above.
    ///
    /// - Parameters:
    ///   - connectTimeout: Used unless the string has `connectTimeout`.
    ///   - syncTimeout: Used unless the string has `syncTimeout`.
    ///   - caFile, clientCertificateFile, clientKeyFile: See ``RedisTLSConfiguration``; they take effect with
    ///     `ssl=true`.
    public init(
        _ string: RedisConnectionString,
        connectTimeout: Duration? = nil,
        syncTimeout: Duration? = nil,
        caFile: String? = nil,
        clientCertificateFile: String? = nil,
        clientKeyFile: String? = nil
    ) {
        endpoints = string.endpoints
        user = string.user
        password = string.password
        if string.ssl {
            tls = RedisTLSConfiguration(
                serverName: string.sslHost,
                caFile: caFile,
                clientCertificateFile: clientCertificateFile,
                clientKeyFile: clientKeyFile
            )
        }
        abortConnect = string.abortConnect
        self.connectTimeout = string.connectTimeout ?? connectTimeout ?? self.connectTimeout
        self.syncTimeout = string.syncTimeout ?? syncTimeout ?? self.syncTimeout
        connectRetry = string.connectRetry ?? connectRetry
        keepAlive = string.keepAlive ?? keepAlive
        serviceName = string.serviceName
        sentinelUser = string.sentinelUser
        sentinelPassword = string.sentinelPassword
        defaultDatabase = string.defaultDatabase ?? defaultDatabase
        allowAdmin = string.allowAdmin
    }

    /// One line for the log, without the password.
    public var description: String {
        var parts = endpoints.map(\.description)
        if let user { parts.append("user=\(user)") }
        if let password { parts.append("password=\(password)") }
        if let tls { parts.append("ssl=true,\(tls)") }
        if let serviceName { parts.append("serviceName=\(serviceName)") }
        if let sentinelUser { parts.append("sentinelUser=\(sentinelUser)") }
        if let sentinelPassword { parts.append("sentinelPassword=\(sentinelPassword)") }
        parts.append("abortConnect=\(abortConnect)")
        parts.append("connectTimeout=\(connectTimeout.wholeMilliseconds)")
        parts.append("syncTimeout=\(syncTimeout.wholeMilliseconds)")
        parts.append("connectRetry=\(connectRetry)")
        parts.append("keepAlive=\(keepAlive.components.seconds)")
        parts.append("defaultDatabase=\(defaultDatabase)")
        parts.append("allowAdmin=\(allowAdmin)")
        return parts.joined(separator: ",")
    }

    /// The same as ``description``.
    public var debugDescription: String { description }
}

extension Duration {
    /// Milliseconds, rounded down.
    var wholeMilliseconds: Int64 {
        let (seconds, attoseconds) = components
        return seconds * 1000 + attoseconds / 1_000_000_000_000_000
    }
}
