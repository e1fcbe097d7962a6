/// How to speak TLS. The server's certificate is always verified, for its chain and for its name.
///
/// Files are read at every connection, so that a renewed certificate takes effect at the next reconnect. All are PEM.
public struct RedisTLSConfiguration: Sendable, Hashable, CustomStringConvertible {
    /// The name for SNI and for the check of the certificate, or an IP address; `nil` for the endpoint's host.
    public var serverName: String?
    /// The only certificate authorities to trust; `nil` for those of the system.
    public var caFile: String?
    /// The client's certificate, followed by intermediate ones; `nil` to present none.
    public var clientCertificateFile: String?
    /// The key of the client's certificate, not encrypted; `nil` if it is in the same file.
    public var clientKeyFile: String?

    /// The system's certificate authorities and no client certificate, unless said otherwise.
    public init(
        serverName: String? = nil,
        caFile: String? = nil,
        clientCertificateFile: String? = nil,
        clientKeyFile: String? = nil
    ) {
        self.serverName = serverName
        self.caFile = caFile
        self.clientCertificateFile = clientCertificateFile
        self.clientKeyFile = clientKeyFile
    }

    /// One line for the log.
    public var description: String {
        [
            "sslHost=\(serverName ?? "from the endpoint")",
            "CA file \(caFile ?? "of the system")",
            "client certificate \(clientCertificateFile ?? "none")",
        ].joined(separator: ",")
    }
}
