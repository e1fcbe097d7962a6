internal import HTTPTransport
internal import JSON

extension Kubeconfig {
    /// What a context says, with parts of it replaced.
    ///
    /// Files that it names are tried now, so that a wrong path is noticed here, and read again while a client lives:
    /// see `ClusterConfiguration`. No plugin is run and nothing is sent.
    /// - Parameters:
    ///   - context: the current context when nil.
    ///   - cluster: another cluster than the context's.
    ///   - user: another user than the context's.
    ///   - namespace: another namespace than the context's, which is `default` unless it says otherwise.
    ///   - environment: where proxies are looked up when the cluster names none, and what exec plugins inherit; that of
    ///     this process when nil.
    /// - Throws: `ConfigurationError`, which names file, entry and field.
    public func configuration(
        context: String? = nil,
        cluster: String? = nil,
        user: String? = nil,
        namespace: String? = nil,
        environment: [String: String]? = nil
    ) throws -> ClusterConfiguration {
        let environment = environment ?? ProcessEnvironment.variables
        let context = try (context ?? currentContext).map { name throws(ConfigurationError) in
            try entry(.context, name)
        }
        guard let clusterName = try cluster ?? context?.string("cluster") else {
            throw context?.error("cluster", "is missing") ?? noContext
        }
        let clusterEntry = try entry(.cluster, clusterName)
        var configuration = try ClusterConfiguration(clusterEntry, environment: environment)
        if let namespace = try namespace ?? context?.string("namespace") { configuration.namespace = namespace }
        if let userName = try user ?? context?.string("user") {
            try configuration.apply(user: try entry(.user, userName), of: clusterEntry, environment: environment)
        }
        return configuration
    }

    private var noContext: ConfigurationError {
        let known = contexts.isEmpty ? "it has none" : contexts.joined(separator: ", ")
        return ConfigurationError("kubeconfig \(source) has no current-context; name one by --context: \(known)")
    }
}

extension ClusterConfiguration {
    fileprivate init(_ cluster: KubeconfigEntry, environment: [String: String]) throws(ConfigurationError) {
        guard let server = try cluster.string("server") else { throw cluster.error("server", "is missing") }
        var tls = HTTPTransport.TLS()
        tls.verifiesPeer = try !cluster.flag("insecure-skip-tls-verify")
        tls.certificateAuthorities = try cluster.pem("certificate-authority")
        tls.serverName = try cluster.string("tls-server-name")
        guard tls.verifiesPeer || tls.certificateAuthorities == nil else {
            throw cluster.error(
                "insecure-skip-tls-verify",
                "is true although a certificate-authority is given; drop one of them"
            )
        }
        self.init(server: server, tls: tls)
        compression = try !cluster.flag("disable-compression")
        if let proxy = try cluster.string("proxy-url") {
            guard ProxyURL(proxy) != nil else {
                throw cluster.error("proxy-url", "must be http://, https:// or socks5:// with a host")
            }
            self.proxy = proxy
        } else {
            self.proxy = try ProxyEnvironment(environment).proxy(for: server)
        }
    }

    fileprivate mutating func apply(
        user: KubeconfigEntry,
        of cluster: KubeconfigEntry,
        environment: [String: String]
    ) throws(ConfigurationError) {
        guard user.fields["auth-provider"]?.isNull ?? true else {
            throw user.error(
                "auth-provider",
                "is not supported; use an exec plugin, as kubectl has to for Google and Azure from 1.26 on: "
                    + "gke-gcloud-auth-plugin, kubelogin, or kubectl oidc-login"
            )
        }
        tls.clientCertificate = try user.pem("client-certificate")
        tls.clientKey = try user.pem("client-key")
        if tls.clientCertificate != nil, tls.clientKey == nil {
            throw user.error("client-key", "is missing; a client-certificate is of no use without")
        }
        if tls.clientKey != nil, tls.clientCertificate == nil {
            throw user.error("client-certificate", "is missing; a client-key is of no use without")
        }
        credentials = try Credentials(user, cluster, environment: environment)
        impersonation = try Impersonation(user)
    }
}

extension Credentials {
    /// Whatever is written down wins over a plugin, as in client-go, where a request that has an `Authorization` is let
    /// through.
    fileprivate init(
        _ user: KubeconfigEntry,
        _ cluster: KubeconfigEntry,
        environment: [String: String]
    ) throws(ConfigurationError) {
        let userName = try user.string("username")
        let password = try user.string("password")
        let token = try user.string("token")
        let tokenFile = try user.file("tokenFile")
        if userName != nil || password != nil, token != nil || tokenFile != nil {
            throw user.error("token", "and username are both given; the server takes only one of them")
        }
        if let tokenFile {
            try user.checkReadable(tokenFile, "tokenFile")
            self = .tokenFile(path: tokenFile)
        } else if let token {
            self = .token(token)
        } else if userName != nil || password != nil {
            self = .basic(user: userName ?? "", password: password ?? "")
        } else if let exec = user.fields["exec"], !exec.isNull {
            self = .exec(try ExecPlugin(user, exec, cluster, environment: environment))
        } else {
            self = .none
        }
    }
}

extension Impersonation {
    fileprivate init?(_ user: KubeconfigEntry) throws(ConfigurationError) {
        var extra: [String: [String]] = [:]
        if let fields = user.fields["as-user-extra"], !fields.isNull {
            guard let object = fields.object else {
                throw user.error("as-user-extra", "must have lists of strings as fields")
            }
            for (key, value) in object { extra[key] = try user.strings(value, "as-user-extra.\(key)") }
        }
        let uid = try user.string("as-uid")
        let groups = try user.strings("as-groups")
        guard let name = try user.string("as") else {
            guard uid == nil, groups.isEmpty, extra.isEmpty else {
                throw user.error("as", "is missing, but as-uid, as-groups or as-user-extra is there")
            }
            return nil
        }
        self.init(user: name, uid: uid, groups: groups, extra: extra)
    }
}

extension KubeconfigEntry {
    /// PEM text given inline as `<key>-data` in base64, or in the file named by `<key>`. Inline wins.
    fileprivate func pem(_ key: String) throws(ConfigurationError) -> HTTPTransport.TLS.PEM? {
        if let bytes = try data("\(key)-data") { return .data(bytes) }
        guard let path = try file(key) else { return nil }
        try checkReadable(path, key)
        return .file(path)
    }

    fileprivate func checkReadable(_ path: String, _ key: String) throws(ConfigurationError) {
        do {
            _ = try FileContents.read(path)
        } catch {
            throw self.error(key, "is of no use: \(error)")
        }
    }
}
