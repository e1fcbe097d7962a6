import FaultServer
import Logging
import Metrics
import Tracing

@testable import KubeClient

extension FaultyAPIServer {
    /// A client that makes no pauses unless told how.
    func client(
        _ change: (inout ClusterConfiguration) -> Void = { _ in },
        logger: Logger = Logger(label: "test"),
        metrics: any MetricsFactory = NOOPMetricsHandler.instance,
        tracer: (any Tracer)? = nil,
        pause: @escaping @Sendable (Duration) async throws -> Void = { _ in }
    ) throws -> KubeClient {
        var configuration = ClusterConfiguration(server: url)
        change(&configuration)
        return KubeClient(
            try ClientCore(configuration, logger: logger, metrics: metrics, tracer: tracer, pause: pause)
        )
    }
}

extension KubeClient {
    var configMaps: ResourceClient<ConfigMap> { resources(ConfigMap.self, namespace: FaultyAPIServer.namespace) }
}
