import JSON
import KubeClient

extension Probe {
    /// Merge patches of the status, each of another object, so many in flight.
    func patch() async throws -> Reading {
        let client = try await cluster.client()
        defer { client.shutdown() }
        let samples = client.resources(Sample.self, namespace: namespace)
        let offset = Int.random(in: 0..<1_000_000)
        let meter = try Meter(cluster.servers)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<count {
                if number >= parallel { try await group.next() }
                group.addTask {
                    var status = Sample.status(at: .now.wholeSeconds)
                    // Different from whatever was there, so that something is stored.
                    status.observedGeneration = offset + number
                    _ = try await samples.patch(
                        Sample.name(number),
                        .merge(["status": status.json()]),
                        subresource: .status
                    )
                }
            }
            try await group.waitForAll()
        }
        return try meter.read(count: count)
    }
}
