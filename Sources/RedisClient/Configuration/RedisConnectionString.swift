/// A Redis connection string, taken apart.
///
/// Two forms are read:
///
/// - the StackExchange.Redis form, `host:port[,host2:port2][,password=…][,ssl=true][,abortConnect=false]…`: separated
///   by commas, option names in any case, blanks around parts ignored, split at the first `=` only. A password with a
///   comma cannot be written this way;
/// - the URL form, `redis://[user[:password]@]host[:port][/database][?option=value&…]`, or `rediss://` for TLS, with
///   percent-encoding in the user, the password and the options. A user part without a colon is the password, as
///   `redis-cli -u` reads it.
///
/// What the string does not say stays `nil` here where a setting outside the string may decide; see
/// ``RedisConfiguration``.
public struct RedisConnectionString: Sendable, Hashable, CustomStringConvertible, CustomDebugStringConvertible {
    /// The servers, at least one. More than one means Redis Cluster, or the Sentinels if ``serviceName`` is set.
    public internal(set) var endpoints: [RedisEndpoint] = []
    /// `user`: the ACL user. `nil` is Redis' own `default`.
    public internal(set) var user: String?
    /// `password`. An empty password counts as none.
    public internal(set) var password: RedisSecret?
    /// `ssl`: whether to speak TLS. Off unless said, on with `rediss://`.
    public internal(set) var ssl = false
    /// `sslHost`: the name for SNI and certificate verification. `nil` takes the endpoint's host.
    public internal(set) var sslHost: String?
    /// `abortConnect`: whether a failing start gives up. True unless said.
    public internal(set) var abortConnect = true
    /// `connectTimeout`, in milliseconds in the string.
    public internal(set) var connectTimeout: Duration?
    /// `syncTimeout`, in milliseconds in the string: how long one command may take.
    public internal(set) var syncTimeout: Duration?
    /// `connectRetry`: how often the first connection is tried.
    public internal(set) var connectRetry: Int?
    /// `keepAlive`, in seconds in the string; zero is off. `-1` in the string leaves it to the default.
    public internal(set) var keepAlive: Duration?
    /// `serviceName`: the master's name when the endpoints are Sentinels.
    public internal(set) var serviceName: String?
    /// `sentinelUser`: the ACL user for the Sentinels themselves.
    public internal(set) var sentinelUser: String?
    /// `sentinelPassword`: for the Sentinels themselves. An empty one counts as none.
    public internal(set) var sentinelPassword: RedisSecret?
    /// `defaultDatabase`, or the path of a URL.
    public internal(set) var defaultDatabase: Int?
    /// `allowAdmin`: whether administrative commands may be sent. False unless said.
    public internal(set) var allowAdmin = false
    /// Sentences about what was ignored, for the log. They hold no values.
    public internal(set) var warnings: [String] = []

    /// Reads a connection string in either form.
    public init(_ text: String) throws(RedisConfigurationError) {
        let text = text.trimmingBlanks()
        if let url = RedisURLParts(text) {
            try readURL(url)
        } else {
            try readList(text)
        }
    }

    /// The string again in the StackExchange.Redis form, with `***` for the password.
    public var description: String {
        var parts = endpoints.map(\.description)
        func add(_ option: RedisOption, _ value: String?) {
            if let value { parts.append("\(option.rawValue)=\(value)") }
        }
        add(.user, user)
        add(.password, password?.description)
        add(.ssl, ssl ? "true" : nil)
        add(.sslHost, sslHost)
        add(.abortConnect, "\(abortConnect)")
        add(.connectTimeout, connectTimeout.map { "\($0.wholeMilliseconds)" })
        add(.syncTimeout, syncTimeout.map { "\($0.wholeMilliseconds)" })
        add(.connectRetry, connectRetry.map(String.init))
        add(.keepAlive, keepAlive.map { "\($0.components.seconds)" })
        add(.serviceName, serviceName)
        add(.sentinelUser, sentinelUser)
        add(.sentinelPassword, sentinelPassword?.description)
        add(.defaultDatabase, defaultDatabase.map(String.init))
        add(.allowAdmin, allowAdmin ? "true" : nil)
        return parts.joined(separator: ",")
    }

    /// The same as ``description``.
    public var debugDescription: String { description }
}

extension RedisConnectionString {
    /// The StackExchange.Redis form.
    private mutating func readList(_ text: Substring) throws(RedisConfigurationError) {
        var addresses: [RedisAddressText] = []
        var options = RedisOptionReader()
        for part in text.split(separator: ",") {
            let part = part.trimmingBlanks()
            if part.isEmpty { continue }
            if let split = part.firstIndex(of: "=") {
                let name = part[..<split].trimmingBlanks()
                try options.read(name, part[part.index(after: split)...].trimmingBlanks(), into: &self)
            } else if let option = RedisOption(anyCase: part) {
                throw RedisConfigurationError(option: option.rawValue, problem: "its value is missing.")
            } else if options.sawPassword {
                throw RedisConfigurationError(
                    option: "password",
                    problem: "it is followed by something that is no option. Endpoints come before the options. If the "
                        + "password contains a comma, use the form redis://:password@host:port with %2C for the comma."
                )
            } else {
                addresses.append(try RedisAddressText(part, number: addresses.count + 1))
            }
        }
        guard !addresses.isEmpty else {
            throw RedisConfigurationError(option: "endpoint", problem: "no host is given; expected host:port first.")
        }
        endpoints = addresses.map { $0.endpoint(withTLS: ssl) }
    }

    /// The URL form.
    private mutating func readURL(_ url: RedisURLParts) throws(RedisConfigurationError) {
        ssl = try url.usesTLS()
        let credentials = try url.credentials()
        user = credentials.user
        password = credentials.password
        defaultDatabase = try url.database()
        var addresses: [RedisAddressText] = []
        for part in url.hosts { addresses.append(try RedisAddressText(part, number: addresses.count + 1)) }
        var options = RedisOptionReader()
        for (name, value) in try url.options() { try options.read(name, value, into: &self) }
        if try url.usesTLS(), !ssl {
            throw RedisConfigurationError(option: "ssl", problem: "it contradicts rediss://; plain is redis://.")
        }
        endpoints = addresses.map { $0.endpoint(withTLS: ssl) }
    }
}
