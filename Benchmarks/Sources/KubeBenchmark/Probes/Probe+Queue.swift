import KubeClient
import KubeRuntime
import Logging
import Synchronization

extension Probe {
    /// Keys through a queue, a thousand waiting at any time: added, handed out, given back.
    func queue() async throws -> Reading {
        let queue = WorkQueue<ObjectKey, ContinuousClock>(name: "benchmark")
        let waiting = 1000
        for number in 0..<waiting { queue.add(ObjectKey(namespace: "empty", name: Sample.name(number))) }
        let meter = try Meter(cluster.servers)
        for _ in 0..<count {
            guard let key = await queue.next() else { break }
            queue.add(key)
            queue.done(key)
            queue.forget(key)
        }
        return try meter.read(count: count)
    }

    /// Keys through a controller with one worker that finds nothing to do.
    func reconcile() async throws -> Reading {
        let client = try await cluster.client()
        defer { client.shutdown() }
        var options = ControllerOptions()
        options.workers = 1
        let controller = Controller(
            Sample.self,
            client: client,
            namespaces: ["empty"],
            options: options,
            logger: Logger(label: "controller")
        )
        for number in 0..<count { controller.queue.add(ObjectKey(namespace: "empty", name: Sample.name(number))) }
        let state = Mutex((done: 0, meter: Meter?.none, reading: Reading?.none))
        let servers = cluster.servers
        await controller.run { [count] _ in
            try state.withLock { state in
                if state.done == 0 { state.meter = try Meter(servers) }
                state.done += 1
                guard state.done == count else { return }
                state.reading = try state.meter?.read(count: count)
                controller.stop()
            }
            return .awaitChange
        }
        guard let reading = state.withLock(\.reading) else { throw CancellationError() }
        return reading
    }
}
