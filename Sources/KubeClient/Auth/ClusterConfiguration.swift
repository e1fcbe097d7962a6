public import HTTPTransport

/// Everything needed to talk to one API server as one identity.
public struct ClusterConfiguration: Sendable {
    /// For example `https://10.0.0.1:6443`.
    public var server: String
    /// Verification, certificate authority, client certificate.
    public var tls: HTTPTransport.TLS
    /// Token or password.
    public var credentials: Credentials
    /// Where namespaced requests go when the user names no namespace.
    public var namespace: String
    /// Told to the server; shows up in its audit log.
    public var userAgent = "honua-operator"

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

/// Why no connection can be configured.
public struct ConfigurationError: Error, Sendable, CustomStringConvertible {
    /// What was read, what was wrong with it, and what would help.
    public let description: String

    init(_ description: String) { self.description = description }
}

extension ClusterConfiguration {
    /// Finds the cluster as kubectl does: a named kubeconfig, `KUBECONFIG`, `~/.kube/config`; else the service account
    /// of the pod this runs in.
    /// - Parameters:
    ///   - kubeconfig: a path that must exist when given.
    ///   - context: a context of the kubeconfig; its current context when nil.
    ///   - environment: where `KUBECONFIG`, `HOME` and the in-cluster variables are looked up.
    public static func load(
        kubeconfig: String? = nil,
        context: String? = nil,
        environment: [String: String]
    ) throws -> ClusterConfiguration {
        if let path = kubeconfig ?? environment["KUBECONFIG"].flatMap({ $0.isEmpty ? nil : $0 }) {
            return try Kubeconfig.load(path: path).configuration(context: context)
        }
        if context == nil, let inCluster = try inCluster(environment: environment) { return inCluster }
        guard let home = environment["HOME"] else {
            throw ConfigurationError("no cluster to talk to: neither --kubeconfig nor KUBECONFIG nor HOME is set")
        }
        let path = "\(home)/.kube/config"
        do {
            return try Kubeconfig.load(path: path).configuration(context: context)
        } catch let error as FileContents.Unreadable {
            throw ConfigurationError(
                "no cluster to talk to: \(error), and this is not a pod with a service account; "
                    + "name a kubeconfig by --kubeconfig or KUBECONFIG"
            )
        }
    }

    /// The service account of the pod this process runs in; nil outside a cluster.
    ///
    /// The token is read again every minute, since the kubelet replaces it.
    public static func inCluster(environment: [String: String]) throws -> ClusterConfiguration? {
        guard let host = environment["KUBERNETES_SERVICE_HOST"], let port = environment["KUBERNETES_SERVICE_PORT"]
        else { return nil }
        let directory = "/var/run/secrets/kubernetes.io/serviceaccount"
        let namespace = try FileContents.read("\(directory)/namespace")
        var tls = HTTPTransport.TLS()
        tls.certificateAuthorities = .file("\(directory)/ca.crt")
        return ClusterConfiguration(
            server: "https://\(host.contains(":") ? "[\(host)]" : host):\(port)",
            tls: tls,
            credentials: .tokenFile(TokenFile(path: "\(directory)/token")),
            namespace: String(decoding: namespace, as: UTF8.self).trimmingBlanks()
        )
    }
}
