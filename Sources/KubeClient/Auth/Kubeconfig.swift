internal import HTTPTransport
internal import JSON
internal import YAML

/// A kubeconfig file: clusters, users, and contexts that join one of each.
///
/// Relative paths in it are relative to the file. Exec plugins and auth providers are not supported and say so.
public struct Kubeconfig: Sendable {
    private let document: JSONValue
    private let path: String

    /// Reads a kubeconfig.
    public static func load(path: String) throws -> Kubeconfig {
        try Kubeconfig(parsing: FileContents.read(path), path: path)
    }

    /// Parses a kubeconfig.
    /// - Parameter path: where it came from, for messages and for relative paths.
    public init(parsing bytes: [UInt8], path: String) throws {
        self.path = path
        let documents: [YAMLDocument]
        do {
            documents = try YAMLDocument.parse(bytes)
        } catch {
            throw ConfigurationError("kubeconfig \(path), \(error)")
        }
        guard let document = documents.first?.value, document["clusters"] != nil else {
            throw ConfigurationError("kubeconfig \(path) has no clusters; is it a kubeconfig?")
        }
        self.document = document
    }

    /// The names of the contexts, in the file's order.
    public var contexts: [String] { document["contexts"]?.array?.compactMap { $0["name"]?.string } ?? [] }

    /// What a context says.
    /// - Parameter context: the file's current context when nil.
    public func configuration(context: String? = nil) throws -> ClusterConfiguration {
        guard let name = context ?? document["current-context"]?.string, !name.isEmpty else {
            throw ConfigurationError("kubeconfig \(path) has no current-context; name one by --context: \(known)")
        }
        let contextEntry = try entry("context", name)
        let cluster = try entry("cluster", try required(contextEntry, "cluster", of: "context \"\(name)\""))
        var configuration = ClusterConfiguration(
            server: try required(cluster, "server", of: "the cluster of context \"\(name)\"")
        )
        configuration.namespace = contextEntry["namespace"]?.string ?? "default"
        configuration.tls = try tls(of: cluster)
        if let userName = contextEntry["user"]?.string, !userName.isEmpty {
            try apply(user: try entry("user", userName), named: userName, to: &configuration)
        }
        return configuration
    }

    private var known: String { contexts.isEmpty ? "it has none" : contexts.joined(separator: ", ") }

    /// The body of the named entry of `contexts`, `clusters` or `users`.
    private func entry(_ kind: String, _ name: String) throws -> JSONValue {
        guard let entry = document["\(kind)s"]?.array?.first(where: { $0["name"]?.string == name }) else {
            let hint = kind == "context" ? "; there are: \(known)" : ""
            throw ConfigurationError("kubeconfig \(path) has no \(kind) \"\(name)\"\(hint)")
        }
        return entry[kind] ?? [:]
    }

    private func required(_ entry: JSONValue, _ key: String, of owner: String) throws -> String {
        guard let value = entry[key]?.string, !value.isEmpty else {
            throw ConfigurationError("kubeconfig \(path): \(owner) has no \(key)")
        }
        return value
    }

    private func tls(of cluster: JSONValue) throws -> HTTPTransport.TLS {
        var tls = HTTPTransport.TLS()
        tls.verifiesPeer = cluster["insecure-skip-tls-verify"]?.bool != true
        tls.certificateAuthorities = try pem(cluster, "certificate-authority")
        return tls
    }

    private func apply(user: JSONValue, named name: String, to configuration: inout ClusterConfiguration) throws {
        for unsupported in ["exec", "auth-provider"] where user[unsupported] != nil {
            throw ConfigurationError(
                "kubeconfig \(path): user \"\(name)\" uses \(unsupported), which this version does not run; "
                    + "use a token, a tokenFile or a client certificate"
            )
        }
        configuration.tls.clientCertificate = try pem(user, "client-certificate")
        configuration.tls.clientKey = try pem(user, "client-key")
        if let file = user["tokenFile"]?.string, !file.isEmpty {
            configuration.credentials = .tokenFile(TokenFile(path: resolve(file)))
        } else if let token = user["token"]?.string, !token.isEmpty {
            configuration.credentials = .token(token)
        } else if let userName = user["username"]?.string, let password = user["password"]?.string {
            configuration.credentials = .basic(user: userName, password: password)
        }
    }

    /// PEM text given inline as `<key>-data` in base64, or in the file named by `<key>`. Inline wins, as in kubectl.
    private func pem(_ entry: JSONValue, _ key: String) throws -> HTTPTransport.TLS.PEM? {
        if let data = entry["\(key)-data"]?.string, !data.isEmpty {
            guard let bytes = Base64.decode(data) else {
                throw ConfigurationError("kubeconfig \(path): \(key)-data is not base64")
            }
            return .data(bytes)
        }
        guard let file = entry[key]?.string, !file.isEmpty else { return nil }
        do {
            return .data(try FileContents.read(resolve(file)))
        } catch {
            throw ConfigurationError("kubeconfig \(path): \(key): \(error)")
        }
    }

    private func resolve(_ file: String) -> String {
        guard !file.hasPrefix("/"), let slash = path.lastIndex(of: "/") else { return file }
        return String(path[...slash]) + file
    }
}
