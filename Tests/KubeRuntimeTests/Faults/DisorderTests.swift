import FaultServer
import JSON
import Testing

/// Events that come twice, in the wrong order or not at all.
@Suite(.timeLimit(.minutes(4))) struct DisorderTests {
    private func following(
        _ lists: StreamedLists = .refused,
        _ body: (FaultyAPIServer, Follower) async throws -> Void
    ) async throws {
        let server = try FaultyAPIServer(streamedLists: lists)
        server.put("a", ["v": "1"])
        try await server.followed { follower in
            await follower.converge(with: server)
            await server.awaitOpenWatches()
            try await body(server, follower)
        }
        #expect(server.relists == 1)
    }

    @Test func `an event that comes twice is told once`() async throws {
        try await following { server, follower in
            let object = server.put("a", ["v": "2"])
            server.send(WatchLine.modified(object), WatchLine.modified(object), WatchLine.added(object))
            server.put("b", ["v": "1"])
            await follower.converge(with: server)
            #expect(follower.told == ["a=1", "a=2", "b=1"])
        }
    }

    @Test func `an older event after a newer one changes nothing`() async throws {
        try await following { server, follower in
            let older = server.put("a", ["v": "2"])
            server.put("a", ["v": "3"])
            server.send(WatchLine.modified(older))
            server.put("b", ["v": "1"])
            await follower.converge(with: server)
            #expect(follower.told == ["a=1", "a=2", "a=3", "b=1"])
        }
    }

    @Test func `after an older event the next watch does not start from before the newer one`() async throws {
        try await following { server, follower in
            let older = server.put("a", ["v": "2"])
            server.put("a", ["v": "3"])
            server.compact()
            server.send(WatchLine.modified(older))
            server.put("b", ["v": "1"])
            server.send(WatchLine.modified(older))
            await follower.converge(with: server)
            server.endWatches()
            await server.awaitOpenWatches()
            server.put("c", ["v": "1"])
            await follower.converge(with: server)
        }
    }

    @Test func `a deletion that comes twice does not touch the successor of that name`() async throws {
        try await following { server, follower in
            let deleted = try #require(server.delete("a"))
            server.put("a", ["v": "new"])
            server.send(WatchLine.deleted(deleted))
            server.put("b", ["v": "1"])
            await follower.converge(with: server)
            #expect(follower.told == ["a=1", "-a", "a=new", "b=1"])
        }
    }

    @Test func `a late event about a deleted object does not bring it back`() async throws {
        try await following { server, follower in
            let last = server.put("a", ["v": "2"])
            server.delete("a")
            server.send(WatchLine.modified(last))
            server.put("b", ["v": "1"])
            await follower.converge(with: server)
        }
    }

    @Test func `a late event about a deleted object does not replace its successor`() async throws {
        try await following { server, follower in
            let last = server.put("a", ["v": "2"])
            server.delete("a")
            server.put("a", ["v": "new"])
            server.send(WatchLine.modified(last))
            server.put("b", ["v": "1"])
            await follower.converge(with: server)
        }
    }

    @Test func `versions that were skipped are nothing to worry about`() async throws {
        try await following { server, follower in
            server.skipVersions(100_000)
            server.put("a", ["v": "2"])
            await follower.converge(with: server)
        }
    }

    @Test func `an event that was never sent is made good by the next one of the object`() async throws {
        try await following { server, follower in
            server.withholdingEvents { server.put("a", ["v": "2"]) }
            server.put("a", ["v": "3"])
            await follower.converge(with: server)
            #expect(follower.told == ["a=1", "a=3"])
        }
    }

    @Test func `a list from a cache that lags is caught up by the watch after it`() async throws {
        let server = try FaultyAPIServer(streamedLists: .refused)
        server.put("a", ["v": "1"])
        server.put("b", ["v": "1"])
        server.freezeCache()
        server.put("a", ["v": "2"])
        server.delete("b")
        try await server.followed { follower in
            await follower.converge(with: server)
            #expect(follower.store.versions["b"] == nil)
        }
        #expect(server.relists == 1)
    }

    @Test(arguments: [StreamedLists.supported, .refused])
    func `an object that got another identity between list and watch is the new one`(lists: StreamedLists) async throws
    {
        let server = try FaultyAPIServer(streamedLists: lists)
        server.put("a", ["v": "old"])
        let hold = Hold()
        server.plan(.hold(hold), for: .plainWatches)
        try await server.followed { follower in
            await follower.converge(with: server)
            server.delete("a")
            server.put("a", ["v": "new"])
            hold.releaseAll()
            await follower.converge(with: server)
            #expect(follower.told == ["a=old", "-a", "a=new"])
        }
        #expect(server.relists == 1)
    }

    @Test(arguments: [StreamedLists.supported, .refused])
    func `an object that got another identity before a relist is told as deleted and added`(
        lists: StreamedLists
    ) async throws {
        let server = try FaultyAPIServer(streamedLists: lists)
        server.put("a", ["v": "old"])
        try await server.followed { follower in
            await follower.converge(with: server)
            await server.awaitOpenWatches()
            server.withholdingEvents {
                server.delete("a")
                server.put("a", ["v": "new"])
            }
            server.compact()
            server.send(WatchLine.error(.expired))
            server.endWatches()
            await follower.converge(with: server)
            #expect(follower.told == ["a=old", "-a", "a=new"])
        }
        #expect(server.relists == 2)
    }
}
