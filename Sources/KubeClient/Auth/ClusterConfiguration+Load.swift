internal import HTTPTransport

extension ClusterConfiguration {
    /// Where the kubelet mounts the service account.
    private static let serviceAccountDirectory = "/var/run/secrets/kubernetes.io/serviceaccount"

    /// Finds the cluster as kubectl does: a named kubeconfig, those of `KUBECONFIG`; else the service account of the
    /// pod this runs in, unless a context, cluster or user is named; else `~/.kube/config`.
    /// - Parameters:
    ///   - kubeconfig: a path that must exist when given. `KUBECONFIG` is not looked at then.
    ///   - context: a context of the kubeconfig; its current context when nil.
    ///   - cluster: a cluster of the kubeconfig, in place of the context's.
    ///   - user: a user of the kubeconfig, in place of the context's.
    ///   - namespace: a namespace in place of the context's or the service account's.
    ///   - environment: where `KUBECONFIG`, `HOME`, the in-cluster variables and the proxies (`HTTPS_PROXY`,
    ///     `HTTP_PROXY`, `NO_PROXY`) are looked up, and what exec plugins inherit.
    /// - Throws: an error that says what was read, what is wrong with it and what would help.
    public static func load(
        kubeconfig: String? = nil,
        context: String? = nil,
        cluster: String? = nil,
        user: String? = nil,
        namespace: String? = nil,
        environment: [String: String]
    ) throws -> ClusterConfiguration {
        func configuration(_ kubeconfig: Kubeconfig) throws -> ClusterConfiguration {
            try kubeconfig.configuration(
                context: context,
                cluster: cluster,
                user: user,
                namespace: namespace,
                environment: environment
            )
        }
        if let kubeconfig { return try configuration(.load(path: kubeconfig)) }
        if let list = environment["KUBECONFIG"], !list.isEmpty {
            return try configuration(.load(paths: list.split(separator: ":").map(String.init)))
        }
        if context == nil, cluster == nil, user == nil, var inCluster = try inCluster(environment: environment) {
            if let namespace { inCluster.namespace = namespace }
            return inCluster
        }
        guard let home = environment["HOME"] else {
            throw ConfigurationError("no cluster to talk to: neither --kubeconfig nor KUBECONFIG nor HOME is set")
        }
        let path = "\(home)/.kube/config"
        do {
            return try configuration(.load(path: path))
        } catch let error as FileContents.Unreadable {
            throw ConfigurationError(
                "no cluster to talk to: \(error), and this is not a pod with a service account; "
                    + "name a kubeconfig by --kubeconfig or KUBECONFIG"
            )
        }
    }

    /// The service account of the pod this process runs in; nil outside a cluster.
    ///
    /// Token and certificate authority are read again every minute, since the kubelet replaces them.
    /// - Throws: an error that names the file of the service account that cannot be read.
    public static func inCluster(environment: [String: String]) throws -> ClusterConfiguration? {
        try inCluster(environment: environment, directory: serviceAccountDirectory)
    }

    static func inCluster(environment: [String: String], directory: String) throws -> ClusterConfiguration? {
        guard let host = environment["KUBERNETES_SERVICE_HOST"], let port = environment["KUBERNETES_SERVICE_PORT"]
        else { return nil }
        let namespace = try FileContents.read("\(directory)/namespace")
        var tls = HTTPTransport.TLS()
        tls.certificateAuthorities = .file("\(directory)/ca.crt")
        var configuration = ClusterConfiguration(
            server: "https://\(host.contains(":") ? "[\(host)]" : host):\(port)",
            tls: tls,
            credentials: .tokenFile(path: "\(directory)/token"),
            namespace: String(decoding: namespace, as: UTF8.self).trimmingBlanks()
        )
        configuration.proxy = try ProxyEnvironment(environment).proxy(for: configuration.server)
        return configuration
    }
}
