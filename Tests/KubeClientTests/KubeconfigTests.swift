import Foundation
import HTTPTransport
import Testing

@testable import KubeClient

@Suite struct KubeconfigTests {
    private let text = """
        apiVersion: v1
        kind: Config
        current-context: dev
        contexts:
        - {name: dev, context: {cluster: c1, user: u1, namespace: gis}}
        - {name: files, context: {cluster: c1, user: u2}}
        - {name: plugin, context: {cluster: c1, user: u3}}
        - {name: broken, context: {cluster: nope, user: u1}}
        clusters:
        - name: c1
          cluster: {server: "https://example.test:6443", certificate-authority-data: "UEVN"}
        users:
        - {name: u1, user: {token: secret-token}}
        - {name: u2, user: {client-certificate: cert.pem, client-key-data: S0VZ}}
        - {name: u3, user: {exec: {command: aws}}}
        """

    private func configuration(_ context: String? = nil) throws -> ClusterConfiguration {
        try Kubeconfig(parsing: Array(text.utf8), path: "/etc/kube/config").configuration(context: context)
    }

    @Test func `the current context says where, who and which namespace`() throws {
        let configuration = try configuration()
        #expect(configuration.server == "https://example.test:6443")
        #expect(configuration.namespace == "gis")
        #expect(try configuration.credentials.authorization() == "Bearer secret-token")
        #expect(configuration.tls.verifiesPeer)
        guard case .data(let authority) = configuration.tls.certificateAuthorities else {
            Issue.record("the certificate authority is not taken from the file")
            return
        }
        #expect(authority == Array("PEM".utf8))
    }

    @Test(arguments: [
        ("files", "client-certificate: cannot read /etc/kube/cert.pem: No such file or directory"),
        ("plugin", "user \"u3\" uses exec, which this version does not run"),
        ("broken", "has no cluster \"nope\""),
        ("absent", "has no context \"absent\"; there are: dev, files, plugin, broken"),
    ])
    func `a context that cannot be used says why and what would help`(context: String, words: String) {
        let error = #expect(throws: ConfigurationError.self) { try configuration(context) }
        #expect(error?.description.contains(words) == true, "\(error?.description ?? "")")
    }

    @Test func `a file that is no kubeconfig is refused with its path`() {
        for text in ["a: [", "hello: world", ""] {
            let error = #expect(throws: ConfigurationError.self) {
                try Kubeconfig(parsing: Array(text.utf8), path: "/k")
            }
            #expect(error?.description.contains("/k") == true)
        }
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
