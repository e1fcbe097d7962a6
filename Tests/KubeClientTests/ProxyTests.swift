import Foundation
import JSON
import Logging
import TestEnvironment
import Testing

@testable import KubeClient

/// Through proxies to a real API server, whose name only the proxy knows.
@Suite(.timeLimit(.minutes(4))) struct ProxyTests {
    /// A kubeconfig for the cluster under another name, for which its certificate is not made out.
    private func configuration(
        proxy: String?,
        environment: [String: String] = [:]
    ) async throws -> ClusterConfiguration {
        let cluster = try await ControlPlane.shared
        let folder = try CredentialFolder()
        let proxyField = proxy.map { ", proxy-url: \"\($0)\"" } ?? ""
        let text = try String(contentsOfFile: cluster.kubeconfig, encoding: .utf8)
            .replacingOccurrences(of: "https://127.0.0.1", with: "https://kubernetes.invalid")
            .replacingOccurrences(of: "cluster: {", with: "cluster: {tls-server-name: localhost\(proxyField), ")
        let path = try folder.write(text, to: "config")
        return try ClusterConfiguration.load(kubeconfig: path, environment: environment)
    }

    /// Sends a request and follows a watch.
    private func use(_ configuration: ClusterConfiguration) async throws {
        let client = try KubeClient(configuration, logger: Logger(label: "test"))
        defer { client.shutdown() }
        let api = APIResource(version: "v1", kind: "ConfigMap", plural: "configmaps")
        let namespace = try await ControlPlane.shared.makeNamespace()
        let configMaps = client.resources(api, namespace: namespace)
        let version = try await configMaps.list().resourceVersion
        _ = try await configMaps.create(try DynamicObject(json: ["metadata": ["name": "one"]]))
        for try await event in configMaps.watch(from: version) {
            guard case .added(let object) = event, object.metadata.name == "one" else { continue }
            return
        }
        Issue.record("the watch ended without the object")
    }

    @Test(arguments: [ProxyRelay.Kind.http, .socks5])
    func `requests and watches go through the proxy of the cluster, which looks up the name`(
        kind: ProxyRelay.Kind
    ) async throws {
        let proxy = try ProxyRelay(kind)
        let configuration = try await configuration(proxy: "\(kind)://127.0.0.1:\(proxy.port)")
        try await use(configuration)
        let port = try #require(configuration.server.split(separator: ":").last)
        #expect(proxy.targets.count >= 2)
        #expect(Set(proxy.targets) == ["kubernetes.invalid:\(port)"])
        #expect(proxy.credentials.isEmpty)
    }

    @Test(arguments: [(ProxyRelay.Kind.http, "Basic amFuZTpwQHNz"), (.socks5, "jane:p@ss")])
    func `the proxy is told the user and password of its URL`(kind: ProxyRelay.Kind, expected: String) async throws {
        let proxy = try ProxyRelay(kind)
        try await use(configuration(proxy: "\(kind)://jane:p%40ss@127.0.0.1:\(proxy.port)"))
        #expect(Set(proxy.credentials) == [expected])
    }

    @Test func `without a proxy of the cluster, the environment's is used`() async throws {
        let proxy = try ProxyRelay(.http)
        try await use(configuration(proxy: nil, environment: ["HTTPS_PROXY": "127.0.0.1:\(proxy.port)"]))
        #expect(!proxy.targets.isEmpty)
    }

    @Test func `the environment's proxy is not used for this machine, the cluster's own is`() async throws {
        let proxy = try ProxyRelay(.http)
        let cluster = try await ControlPlane.shared
        let environment = ["HTTPS_PROXY": "127.0.0.1:\(proxy.port)"]
        var configuration = try ClusterConfiguration.load(kubeconfig: cluster.kubeconfig, environment: environment)
        try await use(configuration)
        #expect(proxy.targets.isEmpty)
        configuration.proxy = "http://127.0.0.1:\(proxy.port)"
        try await use(configuration)
        #expect(!proxy.targets.isEmpty)
    }

    @Test func `a proxy that is none is refused at once`() {
        var configuration = ClusterConfiguration(server: "https://a.test")
        configuration.proxy = "ftp://p"
        #expect(throws: ConfigurationError.self) {
            try KubeClient(configuration, logger: Logger(label: "test"))
        }
    }
}
