import Foundation
import HTTPTransport
import JSON
import Testing

@testable import KubeClient

@Suite(.timeLimit(.minutes(4))) struct KubeconfigTests {
    private let text = """
        apiVersion: v1
        kind: Config
        current-context: dev
        contexts:
        - {name: dev, context: {cluster: c1, user: u1, namespace: gis}}
        - {name: files, context: {cluster: c1, user: u2}}
        - {name: broken, context: {cluster: nope, user: u1}}
        clusters:
        - name: c1
          cluster: {server: "https://example.test:6443", certificate-authority-data: "UEVN"}
        - name: c2
          cluster:
            server: https://other.test
            insecure-skip-tls-verify: true
            tls-server-name: kubernetes
            proxy-url: socks5://proxy.test
            disable-compression: true
        users:
        - {name: u1, user: {token: secret-token}}
        - {name: u2, user: {client-certificate: cert.pem, client-key-data: S0VZ}}
        """

    private func configuration(_ context: String? = nil) throws -> ClusterConfiguration {
        try Kubeconfig(parsing: Array(text.utf8), path: "/etc/kube/config")
            .configuration(context: context, environment: [:])
    }

    /// Of one user or cluster, whose fields are written as YAML.
    private func configuration(
        cluster: String = "{server: https://a}",
        user: String = "{}",
        in folder: CredentialFolder? = nil
    ) throws -> ClusterConfiguration {
        let text = """
            clusters: [{name: c, cluster: \(cluster)}]
            users: [{name: u, user: \(user)}]
            """
        return try Kubeconfig(parsing: Array(text.utf8), path: folder?.path("config") ?? "/k")
            .configuration(cluster: "c", user: "u", environment: ["PATH": "/bin"])
    }

    @Test func `the current context says where, who and which namespace`() throws {
        let configuration = try configuration()
        #expect(configuration.server == "https://example.test:6443")
        #expect(configuration.namespace == "gis")
        guard case .token("secret-token") = configuration.credentials else {
            Issue.record("the token is not taken from the file")
            return
        }
        #expect(configuration.tls.verifiesPeer)
        #expect(configuration.compression)
        #expect(configuration.proxy == nil)
        guard case .data(let authority) = configuration.tls.certificateAuthorities else {
            Issue.record("the certificate authority is not taken from the file")
            return
        }
        #expect(authority == Array("PEM".utf8))
    }

    @Test func `parts of the context are replaced, even all of it`() throws {
        let kubeconfig = try Kubeconfig(parsing: Array(text.utf8), path: "/k")
        let other = try kubeconfig.configuration(cluster: "c2", user: "u1", namespace: "elsewhere", environment: [:])
        #expect(other.server == "https://other.test")
        #expect(other.namespace == "elsewhere")
        #expect(!other.tls.verifiesPeer)
        #expect(other.tls.serverName == "kubernetes")
        #expect(other.proxy == "socks5://proxy.test")
        #expect(!other.compression)
        let alone = try configuration(user: "{token: t}")
        #expect(alone.namespace == "default")
    }

    @Test(arguments: [
        (
            "files",
            "kubeconfig /etc/kube/config, user \"u2\": client-certificate is of no use: "
                + "cannot read /etc/kube/cert.pem: No such file or directory"
        ),
        ("broken", "kubeconfig /etc/kube/config has no cluster \"nope\"; there are: c1, c2"),
        ("absent", "kubeconfig /etc/kube/config has no context \"absent\"; there are: dev, files, broken"),
    ])
    func `a context that cannot be used says why and what would help`(context: String, words: String) {
        let error = #expect(throws: ConfigurationError.self) { try configuration(context) }
        #expect(error?.description == words)
    }

    @Test(arguments: [
        ("{}", "cluster \"c\": server is missing"),
        ("{server: 1}", "cluster \"c\": server must be a string in quotes"),
        ("{server: https://a, certificate-authority-data: \"%\"}", "certificate-authority-data is not base64"),
        ("{server: https://a, certificate-authority: ca}", "certificate-authority is of no use: cannot read /ca"),
        ("{server: https://a, insecure-skip-tls-verify: 1}", "insecure-skip-tls-verify must be true or false"),
        (
            "{server: https://a, insecure-skip-tls-verify: true, certificate-authority-data: UEVN}",
            "although a certificate-authority is given"
        ),
        ("{server: https://a, proxy-url: ftp://b}", "proxy-url must be http://, https:// or socks5:// with a host"),
        ("{server: https://a, proxy-url: b:3128}", "proxy-url must be"),
    ])
    func `a cluster that cannot be used says which field is wrong`(cluster: String, words: String) {
        let error = #expect(throws: ConfigurationError.self) { try configuration(cluster: cluster) }
        #expect(error?.description.contains(words) == true, "\(error?.description ?? "")")
        #expect(error?.description.hasPrefix("kubeconfig /k, cluster \"c\": ") == true)
    }

    @Test(arguments: [
        ("{auth-provider: {name: gcp}}", "auth-provider is not supported; use an exec plugin"),
        ("{token: 12345}", "token must be a string in quotes"),
        ("{token: a, username: b}", "token and username are both given"),
        ("{tokenFile: none}", "tokenFile is of no use: cannot read /none: No such file"),
        ("{client-certificate-data: UEVN}", "client-key is missing"),
        ("{client-key-data: UEVN}", "client-certificate is missing"),
        ("{as-groups: [a]}", "as is missing, but as-uid"),
        ("{as: a, as-groups: b}", "as-groups must be a list of strings"),
        ("{as: a, as-user-extra: {k: v}}", "as-user-extra.k must be a list of strings"),
        ("{exec: {}}", "exec.command is missing"),
        ("{exec: {command: a}}", "exec.apiVersion is missing"),
        (
            "{exec: {command: a, apiVersion: client.authentication.k8s.io/v1alpha1}}",
            "exec.apiVersion is \"client.authentication.k8s.io/v1alpha1\", but must be one of"
        ),
        ("{exec: {command: a, apiVersion: client.authentication.k8s.io/v1}}", "exec.interactiveMode is missing"),
        (
            "{exec: {command: a, apiVersion: client.authentication.k8s.io/v1, interactiveMode: never}}",
            "exec.interactiveMode is \"never\", but must be Never, IfAvailable or Always"
        ),
        (
            "{exec: {command: a, apiVersion: client.authentication.k8s.io/v1beta1, env: [{name: A}]}}",
            "exec.env must be a list"
        ),
    ])
    func `a user that cannot be used says which field is wrong`(user: String, words: String) {
        let error = #expect(throws: ConfigurationError.self) { try configuration(user: user) }
        #expect(error?.description.contains(words) == true, "\(error?.description ?? "")")
        #expect(error?.description.hasPrefix("kubeconfig /k, user \"u\": ") == true)
    }

    @Test func `a token file wins over a token, and is relative to its kubeconfig`() throws {
        let folder = try CredentialFolder()
        try folder.write("from file", to: "token")
        let configuration = try configuration(user: "{token: t, tokenFile: token}", in: folder)
        guard case .tokenFile(let path) = configuration.credentials else {
            Issue.record("\(configuration.credentials)")
            return
        }
        #expect(path == folder.path("token"))
    }

    @Test func `impersonation has user, uid, groups and extra`() throws {
        let impersonation = try configuration(
            user: "{token: t, as: jane, as-uid: '7', as-groups: [a, b], as-user-extra: {example.com/x: [v, w]}}"
        ).impersonation
        #expect(
            impersonation
                == Impersonation(user: "jane", uid: "7", groups: ["a", "b"], extra: ["example.com/x": ["v", "w"]])
        )
    }

    @Test func `a plugin is read with what its cluster has for it`() throws {
        let cluster = """
            {server: https://a, extensions: [{name: other, extension: 1},
             {name: client.authentication.k8s.io/exec, extension: {audience: x}}]}
            """
        let user = """
            {exec: {apiVersion: client.authentication.k8s.io/v1beta1, command: ./bin/plugin, args: [a, b],
             env: [{name: E, value: v}], installHint: get it, provideClusterInfo: true}}
            """
        guard case .exec(let plugin) = try configuration(cluster: cluster, user: user).credentials else {
            Issue.record("no plugin")
            return
        }
        #expect(plugin.command == "/./bin/plugin")
        #expect(plugin.arguments == ["a", "b"])
        #expect(plugin.environment == ["PATH": "/bin", "E": "v"])
        #expect(plugin.installHint == "get it")
        #expect(plugin.interactiveMode == .ifAvailable)
        #expect(
            plugin.request(isInteractive: false, cluster: ["server": "https://a"]) == [
                "apiVersion": "client.authentication.k8s.io/v1beta1", "kind": "ExecCredential",
                "spec": ["interactive": false, "cluster": ["server": "https://a", "config": ["audience": "x"]]],
            ]
        )
    }

    @Test func `a file that is no kubeconfig is refused with its path`() {
        for text in ["a: [", "hello: world", "", "clusters: 1", "users: [{}]", "users: [{name: a}, {name: a}]"] {
            let error = #expect(throws: ConfigurationError.self) {
                try Kubeconfig(parsing: Array(text.utf8), path: "/k")
            }
            #expect(error?.description.contains("/k") == true)
        }
    }

    @Test func `a configuration that is printed gives no secret away`() throws {
        let configuration = try configuration()
        #expect("\(configuration) \(String(reflecting: [configuration]))".contains("secret-token") == false)
        #expect("\(Credentials.basic(user: "a", password: "secret"))" == "the password of a")
    }

    @Test(arguments: ["", "f", "fo", "foo", "foob", "fooba", "foobar"]) func `base64 is written and read`(text: String)
    {
        let bytes = Array(text.utf8)
        #expect(Base64.encode(bytes) == Data(bytes).base64EncodedString())
        #expect(Base64.decode(Base64.encode(bytes)) == bytes)
    }

    @Test(arguments: ["a", "=a", "a$bc"]) func `what is not base64 is refused`(text: String) {
        #expect(Base64.decode(text) == nil)
    }
}
