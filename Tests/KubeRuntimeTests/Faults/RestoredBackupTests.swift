import FaultServer
import JSON
import KubeClient
import KubeRuntime
import Testing

/// A server whose etcd was restored from a backup, so that versions have gone backwards.
@Suite(.timeLimit(.minutes(4))) struct RestoredBackupTests {
    @Test(arguments: [StreamedLists.supported, .refused])
    func `what the backup holds replaces what was newer`(lists: StreamedLists) async throws {
        let server = try FaultyAPIServer(streamedLists: lists)
        server.put("a", ["v": "1"])
        server.put("b", ["v": "1"])
        let backup = server.version
        server.put("a", ["v": "2"])
        server.put("c", ["v": "1"])
        server.delete("b")
        server.skipVersions(100)
        try await server.followed { follower in
            await follower.converge(with: server)
            await server.awaitOpenWatches()
            server.restore(backup)
            server.send(WatchLine.error(.expired))
            server.endWatches()
            await follower.converge(with: server)
            #expect(follower.store.objects.first { $0.metadata.name == "a" }?.data == ["v": "1"])
            await server.awaitOpenWatches()
            server.put("a", ["v": "3"])
            await follower.converge(with: server)
        }
        // One at the version that is no more, one of the newest state.
        #expect(server.relists <= 3)
    }
}
