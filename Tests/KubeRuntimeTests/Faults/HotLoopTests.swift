import FaultServer
import JSON
import Testing

/// Servers that would keep a careless client busy.
@Suite(.timeLimit(.minutes(4))) struct HotLoopTests {
    /// How many requests came in the second after the first of them.
    private func inFirstSecond(_ requests: [APIRequest]) -> Int {
        guard let start = requests.first?.time else { return 0 }
        return requests.count { $0.time - start < .seconds(1) }
    }

    /// How many watches a reflector opens in a second if each brings this and then ends. At least three are waited for.
    ///
    /// With a backoff of 20 ms doubling to 200 ms there are about eight; fewer on a busy machine.
    private func watchesInASecond(_ lines: @Sendable (FaultyAPIServer) -> [JSONValue]) async throws -> Int {
        let server = try FaultyAPIServer(streamedLists: .refused)
        server.put("a", ["v": "1"])
        server.plan(.events(lines(server), ends: true), for: .plainWatches, times: .max)
        try await server.followed { follower in
            await follower.converge(with: server)
            await server.await(1, .plainWatches)
            try await Task.sleep(for: .seconds(1))
            await server.await(3, .plainWatches)
        }
        #expect(server.relists == 1)
        return inFirstSecond(server.requests(.plainWatches))
    }

    @Test func `watches that bring nothing are opened again, about eight times a second`() async throws {
        let watches = try await watchesInASecond { _ in [] }
        #expect(watches < 15)
    }

    @Test func `watches that bring nothing but a bookmark are opened again, no more often`() async throws {
        let watches = try await watchesInASecond { [WatchLine.bookmark($0.version)] }
        #expect(watches < 15)
    }

    @Test func `watches that bring nothing but what is known are opened again, no more often`() async throws {
        let watches = try await watchesInASecond { [WatchLine.added($0.objects()[0])] }
        #expect(watches < 15)
    }

    @Test func `watches that bring an error are opened again, no more often`() async throws {
        let watches = try await watchesInASecond { _ in [WatchLine.error(.internalError)] }
        #expect(watches < 15)
    }

    @Test func `watches that bring something that is no event are opened again, no more often`() async throws {
        let watches = try await watchesInASecond { _ in [["type": "SURPRISE", "object": [:]]] }
        #expect(watches < 15)
    }

    @Test func `versions that are expired however often the state is listed lead to more of them, a few a second`()
        async throws
    {
        let server = try FaultyAPIServer(streamedLists: .refused)
        server.put("a", ["v": "1"])
        server.plan(.events([WatchLine.error(.expired)], ends: true), for: .plainWatches, times: .max)
        try await server.followed { follower in
            await follower.converge(with: server)
            try await Task.sleep(for: .seconds(1))
            await server.await(3, .firstPages)
        }
        #expect(inFirstSecond(server.requests) < 40)
    }
}
