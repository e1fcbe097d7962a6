import FaultServer
import Testing

/// Watches that end as soon as they have begun.
@Suite(.timeLimit(.minutes(1))) struct ShortWatchTests {
    @Test(arguments: [StreamedLists.supported, .refused])
    func `watches that end at once are opened again at a growing distance, without a relist`(
        lists: StreamedLists
    ) async throws {
        let server = try FaultyAPIServer(streamedLists: lists)
        server.put("a", ["v": "1"])
        server.plan(.events([], ends: true), for: .plainWatches, times: 2)
        try await server.followed { follower in
            await follower.converge(with: server)
            await server.awaitOpenWatches()
            let started = ContinuousClock.now
            server.endWatches()
            server.put("a", ["v": "2"])
            await follower.converge(with: server)
            if lists == .supported {
                #expect(ContinuousClock.now - started >= .milliseconds(800))
            }
        }
        #expect(server.relists == 1)
        #expect(server.count(.plainWatches) <= 4)
    }
}
