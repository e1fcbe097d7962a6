import FaultServer
import KubeClient
import MetricsTestKit
import Testing

@testable import KubeRuntime

@Suite(.timeLimit(.minutes(4))) struct CacheMetricsTests {
    @Test func `the size and the age of a cache are told by kind`() async throws {
        let server = try FaultyAPIServer()
        let metrics = TestMetrics()
        server.put("a")
        server.put("b", labels: ["app": "x"])
        let cache = Cache(client: try server.client(), logger: .quiet, metrics: metrics)
        let all = cache.store(ServedMap.self)
        let some = cache.store(ServedMap.self, selection: Selection(labelSelector: "app=x"))
        try await running([{ await cache.run() }]) {
            await all.waitUntilSynced()
            await some.waitUntilSynced()
            cache.recordMetrics()
        }
        let labels = [("resource", "configmaps")]
        #expect(try metrics.expectRecorder("kube_runtime_cache_objects", labels).lastValue == 3)
        let staleness = try #require(metrics.expectRecorder("kube_runtime_cache_staleness_seconds", labels).lastValue)
        #expect(staleness > 0 && staleness < 60)
    }
}
