public import HTTPTransport

/// Everything needed to talk to one API server as one identity.
///
/// ## What changes while a client lives
/// - What is in files (authorities, certificate, key, token) is read again once a minute, before a request, and after
///   the server has refused it (401). A plugin is run again shortly before its credentials expire, and after a 401.
/// - Other authorities or another certificate mean other connections: requests under way finish on the old ones, and
///   watches on them end with a failure that may be retried, for their owners to watch again. Another token does not.
/// - A file that is missing, half written, or a key that is not its certificate's, leaves what was read before in use,
///   and is logged as a warning, once. At the start it is an error.
public struct ClusterConfiguration: Sendable {
    /// For example `https://10.0.0.1:6443`.
    public var server: String
    /// Verification, certificate authority, client certificate. Files are looked at again every minute.
    public var tls: HTTPTransport.TLS
    /// Token, password or plugin.
    public var credentials: Credentials
    /// Whom requests are made as. Default nil: as who makes them.
    public var impersonation: Impersonation?
    /// The proxy that the server is reached through: `http://`, `https://` or `socks5://` with a host, and
    /// `user:password@` where it is wanted. A SOCKS proxy looks up the server's name. Default nil: none; no variable is
    /// looked at.
    public var proxy: String?
    /// Where namespaced requests go when the user names no namespace.
    public var namespace: String
    /// Told to the server, which logs it and takes what stands before the first `/` for the name of the field manager. Default:
    /// the program's name.
    public var userAgent = ClusterConfiguration.programName
    /// Rates, sizes and times.
    public var limits = RequestLimits()
    /// Whether the server may compress large answers to reads by gzip. Default true.
    public var compression = true

    /// A configuration from its parts.
    public init(
        server: String,
        tls: HTTPTransport.TLS = HTTPTransport.TLS(),
        credentials: Credentials = .none,
        namespace: String = "default"
    ) {
        self.server = server
        self.tls = tls
        self.credentials = credentials
        self.namespace = namespace
    }
}

extension ClusterConfiguration {
    /// As the process was started, without the directory.
    private static var programName: String {
        CommandLine.arguments.first.flatMap { $0.split(separator: "/").last.map { String($0) } } ?? "swift"
    }
}

extension ClusterConfiguration: CustomStringConvertible, CustomDebugStringConvertible {
    /// The server and the kind of credentials: neither keys nor passwords.
    public var description: String { "\(server) with credentials: \(credentials)" }

    /// The same.
    public var debugDescription: String { description }
}
