import FaultServer
import JSON
import KubeRuntime
import Testing

/// Objects that are not of the form that their type expects.
@Suite(.timeLimit(.minutes(4))) struct UnreadableObjectTests {
    private let malformed: JSONValue = ["metadata": ["name": "bad", "namespace": "default"], "data": 5]

    @Test(arguments: [StreamedLists.refused, .supported])
    func `an unreadable object is left out of a list, stops no other, and comes when it is mended`(
        lists: StreamedLists
    ) async throws {
        let server = try FaultyAPIServer(streamedLists: lists)
        server.put(malformed)
        server.put("good", ["v": "1"])
        try await server.followed { follower in
            await follower.store.waitUntilSynced()
            #expect(follower.told == ["good=1"])
            server.put("bad", ["v": "2"])
            await follower.converge(with: server)
        }
        #expect(server.relists == 1)
    }

    @Test func `an unreadable event is passed over, and the watch goes on`() async throws {
        let server = try FaultyAPIServer(streamedLists: .refused)
        server.put("good", ["v": "1"])
        try await server.followed { follower in
            await follower.converge(with: server)
            await server.awaitOpenWatches()
            server.put(malformed)
            server.put("good", ["v": "2"])
            await follower.wait { follower.told.contains("good=2") }
            server.put("bad", ["v": "3"])
            await follower.converge(with: server)
        }
        #expect(server.relists == 1)
    }
}
