import Foundation
import Testing

@testable import KubeClient

/// Which files are read, and how they are put together.
@Suite(.timeLimit(.minutes(4))) struct KubeconfigFilesTests {
    private let folder: CredentialFolder

    init() throws {
        folder = try CredentialFolder()
        try FileManager.default.createDirectory(atPath: folder.path("sub"), withIntermediateDirectories: true)
        try folder.write("first token", to: "sub/token")
        try folder.write("second token", to: "token")
        try folder.write(
            """
            contexts: [{name: one, context: {cluster: c, user: u}}]
            users: [{name: u, user: {tokenFile: token}}]
            """,
            to: "sub/first"
        )
        try folder.write(
            """
            current-context: one
            clusters: [{name: c, cluster: {server: https://second}}]
            users: [{name: u, user: {token: t, as: somebody}}, {name: v, user: {tokenFile: token}}]
            """,
            to: "second"
        )
        try folder.write(
            """
            current-context: other
            clusters: [{name: c, cluster: {server: https://third}}]
            """,
            to: "third"
        )
        try folder.write("", to: "empty")
    }

    private func load(_ files: String...) throws -> ClusterConfiguration {
        let list = files.map { $0.isEmpty ? "" : folder.path($0) }.joined(separator: ":")
        return try ClusterConfiguration.load(environment: ["KUBECONFIG": list])
    }

    @Test func `the first file that defines an entry defines all of it`() throws {
        let configuration = try load("sub/first", "none", "", "empty", "second", "third")
        #expect(configuration.server == "https://second")
        #expect(configuration.impersonation == nil)
        #expect("\(configuration.credentials)" == "the token in \(folder.path("sub/token"))")
    }

    @Test func `relative paths are relative to the file they stand in`() throws {
        let kubeconfig = try Kubeconfig.load(paths: [folder.path("sub/first"), folder.path("second")])
        let configuration = try kubeconfig.configuration(user: "v", environment: [:])
        #expect("\(configuration.credentials)" == "the token in \(folder.path("token"))")
    }

    @Test func `the first file that sets the current context sets it`() throws {
        let paths = ["sub/first", "second", "third"].map(folder.path)
        #expect(try Kubeconfig.load(paths: paths).currentContext == "one")
        #expect(try Kubeconfig.load(paths: paths.reversed()).currentContext == "other")
    }

    @Test func `one file at least must be there, and what is there must be in order`() throws {
        let none = #expect(throws: ConfigurationError.self) { try load("none", "nowhere") }
        #expect(none?.description.contains("none of the kubeconfig files") == true)
        try folder.write("a: [", to: "broken")
        let broken = #expect(throws: ConfigurationError.self) { try load("second", "broken") }
        #expect(broken?.description.contains(folder.path("broken")) == true)
    }

    @Test func `a named kubeconfig is the only one, and must exist`() throws {
        let environment = ["KUBECONFIG": folder.path("second")]
        #expect(throws: FileContents.Unreadable.self) {
            try ClusterConfiguration.load(kubeconfig: folder.path("none"), environment: environment)
        }
        let error = #expect(throws: ConfigurationError.self) {
            try ClusterConfiguration.load(kubeconfig: folder.path("third"), environment: environment)
        }
        #expect(error?.description.contains("has no context \"other\"") == true)
    }

    @Test func `a pod's service account has server, token, authority and namespace`() throws {
        try folder.write("gis\n", to: "namespace")
        let environment = ["KUBERNETES_SERVICE_HOST": "fd00::1", "KUBERNETES_SERVICE_PORT": "443"]
        let configuration = try #require(
            try ClusterConfiguration.inCluster(environment: environment, directory: folder.path)
        )
        #expect(configuration.server == "https://[fd00::1]:443")
        #expect(configuration.namespace == "gis")
        #expect("\(configuration.credentials)" == "the token in \(folder.path("token"))")
        let outside = try ClusterConfiguration.inCluster(environment: [:], directory: folder.path)
        #expect(outside == nil)
    }
}
