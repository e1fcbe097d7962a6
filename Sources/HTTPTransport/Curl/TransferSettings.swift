internal import CCurl

/// The configuration in the form libcurl takes it. Lives on the event loop, longer than its easy handles.
final class TransferSettings {
    private let configuration: HTTPTransport.Configuration
    private let certificateAuthorities: PEMBlob?
    private let clientCertificate: PEMBlob?
    private let clientKey: PEMBlob?

    init(_ configuration: HTTPTransport.Configuration) {
        self.configuration = configuration
        func blob(_ pem: HTTPTransport.TLS.PEM?) -> PEMBlob? {
            guard case .data(let bytes) = pem else { return nil }
            return PEMBlob(bytes)
        }
        certificateAuthorities = blob(configuration.tls.certificateAuthorities)
        clientCertificate = blob(configuration.tls.clientCertificate)
        clientKey = blob(configuration.tls.clientKey)
    }

    /// Whether requests to that target may share a connection with others at the same time.
    func multiplexes(_ target: RequestTarget) -> Bool {
        configuration.http2 && target.isTLS
    }

    /// Sets all options of a request on a handle that has none.
    func configure(
        _ easy: EasyHandle,
        for prepared: PreparedRequest,
        using connection: ConnectionUse
    ) throws(CurlFailure) {
        try easy.setErrorBuffer()
        // Without signals, name lookup cannot be timed out by SIGALRM, which would hit any thread.
        try easy.set(CURLOPT_NOSIGNAL, true)
        // Otherwise removing a transfer waits until its name lookup is over, and all other transfers with it.
        try easy.set(CURLOPT_QUICK_EXIT, true)
        try easy.set(CURLOPT_PROTOCOLS_STR, "http,https")
        try setConnection(easy, connection)
        try setProxy(easy)
        if prepared.target.isTLS || prepared.request.followsRedirects || configuration.proxy != nil {
            try setTLS(easy, connection)
        }
        try setRequest(easy, prepared)
    }

    private func setConnection(_ easy: EasyHandle, _ connection: ConnectionUse) throws(CurlFailure) {
        switch connection {
        case .exclusive:
            try easy.set(CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1)
        case .shared:
            try easy.set(CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_2TLS)
        case .dedicated:
            try easy.set(CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_2TLS)
            try easy.set(CURLOPT_FRESH_CONNECT, true)
            try easy.set(CURLOPT_FORBID_REUSE, true)
        }
        try easy.set(CURLOPT_CONNECTTIMEOUT_MS, Int(Int32(clamping: configuration.connectTimeout.milliseconds)))
        if let age = configuration.maxConnectionAge {
            try easy.set(CURLOPT_MAXLIFETIME_CONN, max(1, Int(age.components.seconds)))
        }
        try easy.set(CURLOPT_TCP_NODELAY, true)
        // A dead peer of a quiet connection is noticed after 30 s, then 30 s of TCP_USER_TIMEOUT. 30 s are client-go's
        // too: kubernetes/client-go, `transport/cache.go`, the dialer.
        try easy.set(CURLOPT_TCP_KEEPALIVE, true)
        try easy.set(CURLOPT_TCP_KEEPIDLE, 30)
        try easy.set(CURLOPT_TCP_KEEPINTVL, 10)
        try ccurl_setopt_sockopt_callback(easy.raw, prepareSocket).check()
    }

    private func setProxy(_ easy: EasyHandle) throws(CurlFailure) {
        // Empty rather than left alone: otherwise curl looks into the environment.
        try easy.set(CURLOPT_PROXY, configuration.proxy ?? "")
        guard configuration.proxy != nil else { return }
        try easy.set(CURLOPT_NOPROXY, configuration.noProxy ?? "")
        // The proxy's own answer is not the server's.
        try easy.set(CURLOPT_SUPPRESS_CONNECT_HEADERS, true)
        // The TLS of an https proxy is another than the server's; no client certificate is shown to it.
        try easy.set(CURLOPT_PROXY_SSL_VERIFYPEER, configuration.tls.verifiesPeer)
        try easy.set(CURLOPT_PROXY_SSL_VERIFYHOST, configuration.tls.verifiesPeer ? 2 : 0)
        switch configuration.tls.certificateAuthorities {
        case nil: break
        case .file(let path): try easy.set(CURLOPT_PROXY_CAINFO, path)
        case .data: try certificateAuthorities?.set(CURLOPT_PROXY_CAINFO_BLOB, on: easy)
        }
    }

    private func setTLS(_ easy: EasyHandle, _ connection: ConnectionUse) throws(CurlFailure) {
        let tls = configuration.tls
        let generation: Int
        switch connection {
        case .exclusive: generation = 0
        case .shared(let key): generation = key.generation
        case .dedicated(let number): generation = number
        }
        try easy.set(CURLOPT_SSLVERSION, CURL_SSLVERSION_TLSv1_2)
        try easy.set(CURLOPT_SSL_VERIFYPEER, tls.verifiesPeer)
        // 2: the name must match. 1 is refused by curl.
        try easy.set(CURLOPT_SSL_VERIFYHOST, tls.verifiesPeer ? 2 : 0)

        // A directory of authorities is trusted in addition to the rest; the system's would undo a configured authority.
        // A path below a file names no directory and never can, so it adds nothing but makes a difference to curl.
        try easy.set(CURLOPT_CAPATH, generation == 0 ? nil : "/dev/null/\(generation)")
        switch tls.certificateAuthorities {
        case nil: break
        case .file(let path):
            try easy.set(CURLOPT_CAINFO, path)
            // curl would go on with what it read up to 24 hours ago.
            try easy.set(CURLOPT_CA_CACHE_TIMEOUT, 0)
        case .data: try certificateAuthorities?.set(CURLOPT_CAINFO_BLOB, on: easy)
        }
        switch tls.clientCertificate {
        case nil: break
        case .file(let path): try easy.set(CURLOPT_SSLCERT, path)
        case .data: try clientCertificate?.set(CURLOPT_SSLCERT_BLOB, on: easy)
        }
        switch tls.clientKey {
        case nil: break
        case .file(let path): try easy.set(CURLOPT_SSLKEY, path)
        case .data: try clientKey?.set(CURLOPT_SSLKEY_BLOB, on: easy)
        }
    }

    private func setRequest(_ easy: EasyHandle, _ prepared: PreparedRequest) throws(CurlFailure) {
        let request = prepared.request
        var lines = request.headers.map { field in
            // `Name:` alone would tell curl to leave the field out.
            field.value.utf8.allSatisfy(\.isBlank) ? field.name + ";" : field.name + ": " + field.value
        }
        // curl would wait up to a second for `100 Continue` before it sends a large body.
        if !request.headers.contains("Expect") { lines.append("Expect:") }

        if let name = configuration.tls.serverName, prepared.target.isTLS, name != prepared.target.host {
            try easy.set(CURLOPT_URL, prepared.target.url(at: name))
            try easy.set(CURLOPT_CONNECT_TO, lines: ["\(name)::\(prepared.target.host):"])
            if !request.headers.contains("Host") { lines.append("Host: \(prepared.target.hostField)") }
        } else {
            try easy.set(CURLOPT_URL, request.url)
        }

        let alwaysHasBody: Set<HTTPMethod> = [.post, .put, .patch]
        if request.method == .head {
            try easy.set(CURLOPT_NOBODY, true)
        } else if request.body != nil || alwaysHasBody.contains(request.method) {
            try easy.setBody(request.body ?? [])
            // curl takes each body for a web form unless told otherwise.
            if !request.headers.contains("Content-Type") { lines.append("Content-Type:") }
            if request.method != .post { try easy.set(CURLOPT_CUSTOMREQUEST, request.method.rawValue) }
        } else if request.method != .get {
            try easy.set(CURLOPT_CUSTOMREQUEST, request.method.rawValue)
        }
        if !request.headers.contains("User-Agent") { try easy.set(CURLOPT_USERAGENT, configuration.userAgent) }
        try easy.set(CURLOPT_HTTPHEADER, lines: lines)

        // libcurl then decompresses before it hands over the body.
        if request.acceptsCompression { try easy.set(CURLOPT_ACCEPT_ENCODING, "gzip") }

        if request.followsRedirects {
            try easy.set(CURLOPT_FOLLOWLOCATION, true)
            try easy.set(CURLOPT_MAXREDIRS, 10)
            try easy.set(CURLOPT_REDIR_PROTOCOLS_STR, prepared.target.isTLS ? "https" : "http,https")
        }
    }
}

extension Duration {
    /// Whole milliseconds, rounded up, so that a timer never fires early.
    var milliseconds: Int64 {
        let (seconds, attoseconds) = components
        let (product, overflow) = seconds.multipliedReportingOverflow(by: 1000)
        return overflow ? .max : product + (attoseconds + 999_999_999_999_999) / 1_000_000_000_000_000
    }
}
