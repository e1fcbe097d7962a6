import FaultServer
import KubeRuntime
import TestEnvironment
import Testing

/// A server that cannot be connected to, or is lost.
@Suite(.timeLimit(.minutes(4))) struct UnreachableTests {
    @Test(arguments: [StreamedLists.supported, .refused])
    func `a server that refuses connections at the start is followed once it listens`(
        lists: StreamedLists
    ) async throws {
        let server = try FaultyAPIServer(streamedLists: lists, isRefusing: true)
        server.put("a", ["v": "1"])
        try await server.followed { follower in
            try await eventually { follower.store.status.first?.failure != nil }
            #expect(!follower.store.isSynced)
            try server.listen()
            await follower.converge(with: server)
        }
        #expect(server.relists == 1)
    }

    @Test(arguments: [StreamedLists.supported, .refused])
    func `a server that goes away and comes back is watched again without a relist`(
        lists: StreamedLists
    ) async throws {
        let server = try FaultyAPIServer(streamedLists: lists)
        server.put("a", ["v": "1"])
        try await server.followed { follower in
            await follower.converge(with: server)
            await server.awaitOpenWatches()
            server.refuse()
            server.cutWatches()
            server.cutConnections()
            server.put("a", ["v": "2"])
            try await eventually { follower.store.status.first?.failure != nil }
            #expect(follower.told == ["a=1"])
            try server.listen()
            await follower.converge(with: server)
        }
        #expect(server.relists == 1)
        #expect(server.count(.plainWatches) <= 2)
    }

    @Test(arguments: [Fault.Ending.close, .reset])
    func `a connection that is lost before any answer is replaced`(ending: Fault.Ending) async throws {
        let server = try FaultyAPIServer(streamedLists: .refused)
        server.put("a", ["v": "1"])
        server.plan(.cut(afterBytes: 0, ending), for: .any, times: 2)
        try await server.followed { follower in await follower.converge(with: server) }
        #expect(server.relists <= 3)
    }

    @Test func `a server that closes the connection after each answer is followed all the same`() async throws {
        let server = try FaultyAPIServer(streamedLists: .refused)
        server.put("a", ["v": "1"])
        server.plan(.lastOfConnection, for: .lists, times: .max)
        try await server.followed { follower in
            await follower.converge(with: server)
            await server.awaitOpenWatches()
            server.put("a", ["v": "2"])
            await follower.converge(with: server)
        }
        #expect(server.relists == 1)
        #expect(server.count(.plainWatches) == 1)
    }
}
