import FaultServer
import Testing

/// A server that says no to protect itself, or because it is broken.
@Suite(.timeLimit(.minutes(4))) struct OverloadTests {
    /// How much time lies between the first two requests that match.
    private func pause(_ server: FaultyAPIServer, _ pattern: RequestPattern) throws -> Duration {
        let requests = server.requests(pattern)
        try #require(requests.count >= 2)
        return requests[1].time - requests[0].time
    }

    @Test func `429 on a list is waited out for as long as the server asks`() async throws {
        let server = try FaultyAPIServer(streamedLists: .refused)
        server.put("a", ["v": "1"])
        server.plan(.answer(.tooManyRequests(retryAfter: 2)), for: .lists)
        try await server.followed { follower in await follower.converge(with: server) }
        #expect(try pause(server, .lists) >= .seconds(2))
        #expect(server.count(.lists) == 2)
    }

    @Test func `429 on a watch is waited out for as long as the server asks, and leads to no relist`() async throws {
        let server = try FaultyAPIServer(streamedLists: .refused)
        server.put("a", ["v": "1"])
        server.plan(.answer(.tooManyRequests(retryAfter: 2)), for: .plainWatches)
        try await server.followed { follower in
            await follower.converge(with: server)
            await server.await(1, .plainWatches)
            server.put("a", ["v": "2"])
            await follower.converge(with: server)
        }
        #expect(try pause(server, .plainWatches) >= .seconds(2))
        #expect(server.relists == 1)
        #expect(server.count(.plainWatches) == 2)
    }

    @Test(arguments: [StreamedLists.supported, .refused])
    func `a storm of failures is survived by few requests and ends with one state`(lists: StreamedLists) async throws {
        let server = try FaultyAPIServer(streamedLists: lists)
        server.put("a", ["v": "1"])
        try await server.followed { follower in
            await follower.converge(with: server)
            await server.awaitOpenWatches()
            let before = server.requests.count
            server.plan(.answer(.internalError), for: .any, times: 3)
            server.cutWatches()
            server.put("a", ["v": "2"])
            await follower.converge(with: server)
            // Those that failed, and the one that did not.
            #expect(server.requests.count == before + 4)
        }
        #expect(server.relists == 1)
    }

    @Test func `a version the server has not seen yet is asked for again, then the newest is taken`() async throws {
        let server = try FaultyAPIServer(streamedLists: .refused)
        server.put("a", ["v": "1"])
        try await server.followed { follower in
            await follower.converge(with: server)
            await server.awaitOpenWatches()
            server.plan(.answer(.tooLargeResourceVersion(retryAfter: 1)), for: .firstPages)
            server.send(WatchLine.error(.expired))
            server.endWatches()
            server.put("a", ["v": "2"])
            await follower.converge(with: server)
        }
        #expect(server.count(.firstPages) == 3)
        #expect(server.requests(.firstPages).last?.query["resourceVersion"] ?? "" == "")
    }

    @Test func `a server that is shutting down is followed again when it is back`() async throws {
        let server = try FaultyAPIServer(streamedLists: .refused)
        server.put("a", ["v": "1"])
        try await server.followed { follower in
            await follower.converge(with: server)
            await server.awaitOpenWatches()
            server.plan(.answer(.unavailable(retryAfter: 1)), for: .any, times: 2)
            server.endWatches()
            server.put("a", ["v": "2"])
            await follower.converge(with: server)
        }
        #expect(server.relists == 1)
    }
}
