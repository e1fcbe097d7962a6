import CMalloc
import KubeClient
import KubeRuntime
import Logging
import Usage

extension Probe {
    /// A store, filled by a reflector, and filled once more by another one, which lists everything again.
    func memory() async throws -> Reading {
        let client = try await cluster.client()
        defer { client.shutdown() }
        let store = Store<Sample>(scopes: [namespace])
        let meter = try Meter(cluster.servers)
        await fill(store, with: client)
        var reading = try meter.read(count: store.count)
        reading.after = try ProcessUsage.ownResidentMegabytes()
        malloc_trim(0)
        reading.trimmed = try ProcessUsage.ownResidentMegabytes()

        try ProcessUsage.resetOwnPeak()
        await fill(store, with: client)
        reading.relistPeak = try ProcessUsage.ownPeakMegabytes()
        reading.relisted = try ProcessUsage.ownResidentMegabytes()
        return reading
    }

    private func fill(_ store: Store<Sample>, with client: KubeClient) async {
        let (lists, listed) = AsyncStream<Void>.makeStream()
        let reflector = Reflector(
            client.resources(Sample.self, namespace: namespace),
            store: store,
            logger: Logger(label: "reflector") { _ in ListLog(listed: listed) }
        )
        await withDiscardingTaskGroup { group in
            group.addTask { await reflector.run() }
            for await _ in lists { break }
            group.cancelAll()
        }
    }
}

/// Hears of complete lists by what the reflector says of them.
private struct ListLog: LogHandler {
    let listed: AsyncStream<Void>.Continuation
    var logLevel = Logger.Level.debug
    var metadata: Logger.Metadata = [:]

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        if event.message == "listed" || event.message == "initial events complete" { listed.yield() }
    }
}
