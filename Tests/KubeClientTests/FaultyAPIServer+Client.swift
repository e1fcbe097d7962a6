import FaultServer
import Logging
import Metrics
import Tracing

@testable import KubeClient

extension FaultyAPIServer {
    /// A client that makes no pauses, and whose requests may take longer than a test, unless it is told otherwise.
    func client(
        _ change: (inout ClusterConfiguration) -> Void = { _ in },
        logger: Logger = Logger(label: "test"),
        metrics: any MetricsFactory = NOOPMetricsHandler.instance,
        tracer: (any Tracer)? = nil,
        pause: @escaping @Sendable (Duration) async throws -> Void = { _ in }
    ) throws -> KubeClient {
        var configuration = ClusterConfiguration(server: url)
        configuration.limits.requestTimeout = .seconds(3600)
        change(&configuration)
        return KubeClient(
            try ClientCore(configuration, logger: logger, metrics: metrics, tracer: tracer, pause: pause)
        )
    }
}

extension KubeClient {
    var configMaps: ResourceClient<ConfigMap> { resources(ConfigMap.self, namespace: FaultyAPIServer.namespace) }
}
