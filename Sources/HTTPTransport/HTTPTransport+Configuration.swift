extension HTTPTransport {
    /// What all requests of a transport have in common. Fixed for its life: to use renewed certificates, make a new
    /// transport, retire the old one, and let go of it.
    public struct Configuration: Sendable {
        /// How servers are verified and who the client says it is.
        public var tls: TLS
        /// Whether HTTP/2 is offered to `https` servers. Requests of `send` then share one connection per host, up to
        /// 100 at a time. Default true. Plain `http` is always HTTP/1.1.
        public var http2: Bool
        /// The proxy for all requests, such as `http://user:password@host:3128`, in the form of CURLOPT_PROXY. An `https`
        /// proxy is verified against `tls.certificateAuthorities` and the system's, if `tls.verifiesPeer`. Default nil:
        /// none. The environment (`https_proxy` and the like) is never looked at.
        public var proxy: String?
        /// Host names, domains, addresses and networks that are reached without the proxy, comma-separated, in the form
        /// of CURLOPT_NOPROXY. Default nil: none.
        public var noProxy: String?
        /// The `User-Agent` of requests that do not bring their own. Default `honua`.
        public var userAgent: String
        /// Time for name lookup, TCP and TLS handshake together. Default 10 s: a lost SYN is sent again after 1, 3 and
        /// 7 s (RFC 6298, Linux), so three losses are forgiven, and a lease holder still has time to try elsewhere.
        public var connectTimeout: Duration
        /// The most connections to one host and port; requests beyond wait. Default 0: no limit. Streams count too, and
        /// each has its own connection while it lasts.
        public var maxConnectionsPerHost: Int
        /// The age at which an unused connection is closed rather than used again, so that changed DNS entries are
        /// noticed. Default nil: no limit.
        public var maxConnectionAge: Duration?

        /// A configuration; see the properties for units and defaults.
        public init(
            tls: TLS = TLS(),
            http2: Bool = true,
            proxy: String? = nil,
            noProxy: String? = nil,
            userAgent: String = "honua",
            connectTimeout: Duration = .seconds(10),
            maxConnectionsPerHost: Int = 0,
            maxConnectionAge: Duration? = nil
        ) {
            self.tls = tls
            self.http2 = http2
            self.proxy = proxy
            self.noProxy = noProxy
            self.userAgent = userAgent
            self.connectTimeout = connectTimeout
            self.maxConnectionsPerHost = maxConnectionsPerHost
            self.maxConnectionAge = maxConnectionAge
        }
    }

    /// How servers are verified and who the client says it is. TLS 1.2 is the oldest version accepted.
    public struct TLS: Sendable {
        /// Certificates or a key in PEM form.
        public enum PEM: Sendable {
            /// The path of a file, read whenever a connection is made.
            case file(String)
            /// The contents of such a file.
            case data([UInt8])
        }

        /// Whether the server's certificate and name are verified. Default true. Without it anyone on the way can
        /// read and change everything, credentials included.
        public var verifiesPeer: Bool
        /// The authorities a server's certificate may come from, in place of the system's. Default nil: the system's.
        public var certificateAuthorities: PEM?
        /// The certificate, with its intermediates, that the client shows when asked. Default nil.
        public var clientCertificate: PEM?
        /// The key of `clientCertificate`. May be nil when the same file holds both.
        public var clientKey: PEM?
        /// The name to verify the server's certificate against, and to send as SNI, in place of the host in the URL.
        /// The `Host` field stays that of the URL. Default nil: the host in the URL.
        public var serverName: String?

        /// Settings for TLS; see the properties for defaults.
        public init(
            verifiesPeer: Bool = true,
            certificateAuthorities: PEM? = nil,
            clientCertificate: PEM? = nil,
            clientKey: PEM? = nil,
            serverName: String? = nil
        ) {
            self.verifiesPeer = verifiesPeer
            self.certificateAuthorities = certificateAuthorities
            self.clientCertificate = clientCertificate
            self.clientKey = clientKey
            self.serverName = serverName
        }
    }
}

extension HTTPTransport.TLS.PEM: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// The path, or how many bytes there are; never the bytes, which may be a key.
    public var description: String {
        switch self {
        case .file(let path): "file \(path)"
        case .data(let bytes): "\(bytes.count) bytes"
        }
    }

    /// The same.
    public var debugDescription: String { description }

    /// Nothing.
    public var customMirror: Mirror { Mirror(self, children: []) }
}

extension HTTPTransport.Configuration {
    /// Finds what could never work, before a thread is started for it.
    func validate() throws(TransferError) {
        func refuse(_ reason: String) -> TransferError { TransferError(.invalidRequest, "configuration: \(reason)") }

        guard userAgent.isFieldValue else { throw refuse("userAgent contains a control character") }
        for text in [proxy, noProxy, tls.serverName] {
            guard text?.isFieldValue ?? true else { throw refuse("a name contains a control character") }
        }
        if let name = tls.serverName, RequestTarget("https://\(name)")?.host.count != name.count {
            throw refuse("tls.serverName must be a host name alone")
        }
        for pem in [tls.certificateAuthorities, tls.clientCertificate, tls.clientKey] {
            if case .data(let bytes) = pem, bytes.isEmpty { throw refuse("PEM data is empty") }
            if case .file(let path) = pem, path.isEmpty || path.utf8.contains(0) { throw refuse("a PEM path is empty") }
        }
        if tls.clientKey != nil, tls.clientCertificate == nil {
            throw refuse("tls.clientKey needs tls.clientCertificate")
        }
        guard connectTimeout > .zero else { throw refuse("connectTimeout must be more than zero") }
        guard maxConnectionsPerHost >= 0 else { throw refuse("maxConnectionsPerHost is negative") }
    }
}
