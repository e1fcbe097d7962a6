import KubeClient
import KubeRuntime
import Logging

extension Probe {
    /// A controller that has reconciled every second object, and then has nothing to do for 20 s.
    func idle() async throws -> Reading {
        let client = try await cluster.client()
        defer { client.shutdown() }
        let controller = Controller(
            Sample.self,
            client: client,
            namespaces: [namespace],
            selection: Selection(labelSelector: "bench.honua.io/half=even"),
            logger: Logger(label: "controller")
        )
        let (reconciles, reconciled) = AsyncStream<Void>.makeStream()
        async let end: Void = controller.run { _ in
            reconciled.yield()
            return .awaitChange
        }
        var left = count
        for await _ in reconciles {
            left -= 1
            if left == 0 { break }
        }
        try await Task.sleep(for: .seconds(2))
        let meter = try Meter(cluster.servers)
        try await Task.sleep(for: .seconds(20))
        let reading = try meter.read(count: controller.store.count)
        controller.stop()
        await end
        return reading
    }
}
