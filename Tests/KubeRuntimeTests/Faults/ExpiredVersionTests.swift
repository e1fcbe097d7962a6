import FaultServer
import JSON
import Testing

/// A watch from a version that the server has forgotten.
@Suite(.timeLimit(.minutes(4))) struct ExpiredVersionTests {
    /// Changes a followed server behind its watch's back and makes the version of the watch too old.
    private func outrun(_ server: FaultyAPIServer) {
        server.withholdingEvents {
            server.put("a", ["v": "2"])
            server.delete("b")
            server.put("c", ["v": "1"])
        }
        server.compact()
    }

    private func server(_ streamedLists: StreamedLists) throws -> FaultyAPIServer {
        let server = try FaultyAPIServer(streamedLists: streamedLists)
        server.put("a", ["v": "1"])
        server.put("b", ["v": "1"])
        return server
    }

    @Test(arguments: [StreamedLists.supported, .refused], [ExpiredWatch.status, .event])
    func `410 when a watch opens leads to one relist`(lists: StreamedLists, expired: ExpiredWatch) async throws {
        let server = try server(lists)
        server.configure(expiredWatch: expired)
        try await server.followed { follower in
            await follower.converge(with: server)
            await server.awaitOpenWatches()
            outrun(server)
            server.endWatches()
            await follower.converge(with: server)
            await server.awaitOpenWatches()
        }
        // The first state and the relist. One watch was answered with 410.
        #expect(server.relists == 2)
        #expect(server.count(.plainWatches) <= 3)
    }

    @Test(arguments: [StreamedLists.supported, .refused], [StatusAnswer.expired, .gone])
    func `410 in a stream leads to one relist`(lists: StreamedLists, answer: StatusAnswer) async throws {
        let server = try server(lists)
        try await server.followed { follower in
            await follower.converge(with: server)
            await server.awaitOpenWatches()
            outrun(server)
            server.send(WatchLine.error(answer))
            server.endWatches()
            await follower.converge(with: server)
            await server.awaitOpenWatches()
        }
        #expect(server.relists == 2)
        #expect(server.count(.plainWatches) <= 2)
    }

    @Test(arguments: [StreamedLists.supported, .refused])
    func `relists that are expired themselves end with one of the newest state, at once`(
        lists: StreamedLists
    ) async throws {
        let server = try server(lists)
        // The streamed one, if there is one, and the one at the last version.
        let expired = lists == .supported ? 2 : 1
        try await server.followed { follower in
            await follower.converge(with: server)
            await server.awaitOpenWatches()
            outrun(server)
            server.plan(.answer(.expired), for: .relists, times: expired)
            server.send(WatchLine.error(.expired))
            server.endWatches()
            await follower.converge(with: server)
        }
        #expect(server.relists == expired + 2)
        #expect(server.requests(.firstPages).last?.query["resourceVersion"] == nil)
    }

    @Test(arguments: [StreamedLists.supported, .refused])
    func `another error in a stream leads to another watch, not to a relist`(lists: StreamedLists) async throws {
        let server = try server(lists)
        try await server.followed { follower in
            await follower.converge(with: server)
            await server.awaitOpenWatches()
            server.withholdingEvents { server.put("a", ["v": "2"]) }
            server.send(WatchLine.error(.internalError))
            server.endWatches()
            await follower.converge(with: server)
            await server.awaitOpenWatches()
        }
        #expect(server.relists == 1)
        #expect(server.count(.plainWatches) <= 2)
    }

    @Test(arguments: [StreamedLists.supported, .refused])
    func `a bookmark moves the version from which the next watch starts`(lists: StreamedLists) async throws {
        let server = try server(lists)
        try await server.followed { follower in
            await follower.converge(with: server)
            await server.awaitOpenWatches()
            server.skipVersions(1000)
            server.sendBookmark()
            // Versions before the bookmark are forgotten, and so is the one of the first list.
            server.compact()
            // Lines arrive in order, so this one shows that the bookmark was read.
            server.put("a", ["v": "2"])
            await follower.converge(with: server)
            server.endWatches()
            await server.awaitOpenWatches()
            server.put("a", ["v": "3"])
            await follower.converge(with: server)
        }
        #expect(server.relists == 1)
    }
}
