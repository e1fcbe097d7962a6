import FaultServer
import KubeRuntime
import Testing

/// Watches that end as soon as they have begun.
@Suite(.timeLimit(.minutes(4))) struct ShortWatchTests {
    /// Every watch without news counts as short, however slow the machine is.
    private var timing: ReflectorTiming {
        var timing = ReflectorTiming.quick
        timing.shortestWatch = .seconds(3600)
        return timing
    }

    @Test(arguments: [StreamedLists.supported, .refused])
    func `watches that end at once are opened again at a growing distance, without a relist`(
        lists: StreamedLists
    ) async throws {
        let server = try FaultyAPIServer(streamedLists: lists)
        server.put("a", ["v": "1"])
        server.plan(.events([], ends: true), for: .plainWatches, times: 2)
        try await server.followed(timing: timing) { follower in
            await follower.converge(with: server)
            await server.awaitOpenWatches()
            server.endWatches()
            server.put("a", ["v": "2"])
            await follower.converge(with: server)
        }
        #expect(server.relists == 1)
        // A streamed list that ends after its list has brought news; its successors bring none.
        let times = server.requests(.plainWatches).map(\.time)
        let pauses = zip(times, times.dropFirst()).map { $1 - $0 }
        let backoff: [Duration] = [.milliseconds(20), .milliseconds(40), .milliseconds(80)]
        #expect(pauses.count == (lists == .supported ? 2 : 3))
        #expect(zip(pauses, backoff).allSatisfy { $0 >= $1 }, "\(pauses)")
    }
}
