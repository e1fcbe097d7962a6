import ArgumentParser
import KubeClient
import Logging

/// The control plane that is measured against.
struct Cluster: ParsableArguments {
    @Option(help: "The kubeconfig of the cluster.")
    var kubeconfig: String

    @Option(help: "Process id of the API server.")
    var apiServer: Int

    @Option(help: "Process id of etcd.")
    var etcd: Int

    var servers: Servers { Servers(apiServer: apiServer, etcd: etcd) }

    func configuration(compression: Bool) throws -> ClusterConfiguration {
        var configuration = try Kubeconfig.load(path: kubeconfig).configuration()
        configuration.compression = compression
        return configuration
    }

    /// A client that has spoken to the server, so that connecting is not measured.
    func client(compression: Bool = true) async throws -> KubeClient {
        let client = try KubeClient(try configuration(compression: compression), logger: Logger(label: "benchmark"))
        _ = try await client.version()
        return client
    }
}
