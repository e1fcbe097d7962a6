import FaultServer
import KubeRuntime
import Testing

/// Servers that stream the first state (WatchList), and servers that do not.
@Suite(.timeLimit(.minutes(4))) struct StreamedListTests {
    private func server(_ lists: StreamedLists) throws -> FaultyAPIServer {
        let server = try FaultyAPIServer(streamedLists: lists)
        for name in ["a", "b", "c"] { server.put(name, ["v": "1"]) }
        return server
    }

    @Test func `a server that streams lists is followed by one request`() async throws {
        let server = try server(.supported)
        try await server.followed { follower in
            await follower.converge(with: server)
            server.put("a", ["v": "2"])
            server.delete("b")
            await follower.converge(with: server)
            #expect(follower.told == ["a=1", "b=1", "c=1", "a=2", "-b"])
        }
        #expect(server.count(.streamedLists) == 1)
        #expect(server.count(.any) == 1)
    }

    /// Ends the watch of a reflector that is followed, and makes it need a relist.
    private func outrun(_ server: FaultyAPIServer) {
        server.withholdingEvents { server.put("a", ["v": "2"]) }
        server.compact()
        server.send(WatchLine.error(.expired))
        server.endWatches()
    }

    @Test func `a server that refuses to stream lists is asked once, and then followed by lists and watches`()
        async throws
    {
        let server = try server(.refused)
        try await server.followed { follower in
            await follower.converge(with: server)
            await server.awaitOpenWatches()
            outrun(server)
            await follower.converge(with: server)
            await server.awaitOpenWatches()
            server.delete("b")
            await follower.converge(with: server)
            #expect(follower.told == ["a=1", "b=1", "c=1", "a=2", "-b"])
        }
        #expect(server.count(.streamedLists) == 1)
        #expect(server.count(.firstPages) == 2)
        #expect(server.count(.plainWatches) == 2)
    }

    /// A bookmark shows at once that the server has not understood, silence does so in the end.
    @Test(arguments: [true, false])
    func `a server that does not know streamed lists is asked once, and then followed by lists and watches`(
        sendsBookmarks: Bool
    ) async throws {
        let server = try server(.ignored)
        var timing = ReflectorTiming.quick
        if !sendsBookmarks { timing.watchSilence = .milliseconds(300) }
        let hold = Hold()
        server.plan(.hold(hold), for: .lists)
        try await server.followed(timing: timing) { follower in
            if sendsBookmarks {
                await server.awaitOpenWatches()
                server.sendBookmark()
            }
            await server.await(1, .lists)
            #expect(!follower.store.isSynced)
            hold.release()
            await follower.converge(with: server)
            await server.await(1, .plainWatches)
            await server.awaitOpenWatches()
            outrun(server)
            await follower.converge(with: server)
            #expect(follower.told == ["a=1", "b=1", "c=1", "a=2"])
        }
        #expect(server.count(.streamedLists) == 1)
        #expect(server.count(.firstPages) == 2)
    }

    @Test func `nothing is synced before the end of the initial events`() async throws {
        let server = try server(.supported)
        let hold = Hold()
        server.plan(.hold(hold), for: .streamedLists)
        try await server.followed { follower in
            await server.await(1, .streamedLists)
            #expect(!follower.store.isSynced)
            hold.release()
            await follower.converge(with: server)
        }
    }

    @Test func `a streamed list that breaks off before its end deletes nothing`() async throws {
        let server = try server(.supported)
        try await server.followed { follower in
            await follower.converge(with: server)
            await server.awaitOpenWatches()
            server.compact()
            server.withholdingEvents { server.put("d", ["v": "1"]) }
            server.compact()
            // The relist breaks off after its first object.
            server.plan(.cut(afterBytes: 250, .close), for: .relists)
            server.send(WatchLine.error(.expired))
            server.endWatches()
            await follower.converge(with: server)
            #expect(!follower.told.contains { $0.hasPrefix("-") })
        }
        #expect(server.relists <= 3)
    }

    @Test func `a server that once ends a streamed list in good order, but early, is asked to stream again later`()
        async throws
    {
        let server = try server(.supported)
        server.plan(.events([], ends: true), for: .streamedLists)
        try await server.followed { follower in
            await follower.converge(with: server)
            await server.awaitOpenWatches()
            #expect(server.count(.firstPages) == 1)
            server.withholdingEvents { server.put("a", ["v": "2"]) }
            server.compact()
            server.send(WatchLine.error(.expired))
            server.endWatches()
            await follower.converge(with: server)
        }
        #expect(server.count(.firstPages) == 1)
        #expect(server.count(.streamedLists) == 2)
    }

    @Test func `a server that loses the feature is followed all the same`() async throws {
        let server = try server(.supported)
        try await server.followed { follower in
            await follower.converge(with: server)
            await server.awaitOpenWatches()
            server.configure(streamedLists: .refused)
            server.withholdingEvents { server.put("a", ["v": "2"]) }
            server.compact()
            server.send(WatchLine.error(.expired))
            server.endWatches()
            await follower.converge(with: server)
        }
        #expect(server.count(.firstPages) == 1)
        #expect(server.count(.streamedLists) <= 2)
    }
}
