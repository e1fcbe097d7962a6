import FaultServer
import JSON
import KubeClient
import Testing

/// The faulty API server itself, where nothing fails.
@Suite(.timeLimit(.minutes(4))) struct FaultServerTests {
    @Test func `a reflector follows creations, changes and deletions by one list and one watch`() async throws {
        let server = try FaultyAPIServer(streamedLists: .refused)
        server.put("a", ["v": "1"])
        try await server.followed { follower in
            await follower.converge(with: server)
            await server.awaitOpenWatches()
            server.put("a", ["v": "2"])
            server.skipVersions(50)
            server.put("b", ["v": "1"])
            server.delete("a")
            await follower.converge(with: server)
            #expect(follower.told == ["a=1", "a=2", "b=1", "-a"])
        }
        #expect(server.count(.firstPages) == 1)
        #expect(server.count(.plainWatches) == 1)
    }

    @Test func `pages are consistent, whatever happens between them`() async throws {
        let server = try FaultyAPIServer()
        for name in ["a", "b", "c", "d", "e"] { server.put(name) }
        let client = try server.client()
        defer { client.shutdown() }
        let configMaps = client.resources(ServedMap.self)
        let first = try await configMaps.page(limit: 2)
        server.delete("c")
        server.put("f")
        let second = try await configMaps.page(limit: 2, continueToken: first.continueToken)
        let third = try await configMaps.page(limit: 2, continueToken: second.continueToken)
        #expect([first, second, third].map { $0.items.map(\.metadata.name) } == [["a", "b"], ["c", "d"], ["e"]])
        #expect(Set([first, second, third].map(\.resourceVersion)).count == 1)
        #expect(third.continueToken == nil)
        server.compact()
        let error = await #expect(throws: KubeError.self) {
            try await configMaps.page(limit: 2, continueToken: first.continueToken)
        }
        #expect(error?.code == .expired)
    }

    @Test func `single objects are written as by the real server`() async throws {
        let server = try FaultyAPIServer()
        let client = try server.client()
        defer { client.shutdown() }
        let configMaps = client.resources(ServedMap.self, namespace: "default")
        let created = try await configMaps.create(ServedMap(metadata: ObjectMeta(name: "a"), data: ["v": "1"]))
        let changed = try await configMaps.patch("a", .merge(["data": ["v": "2"]]))
        #expect(changed.data == ["v": "2"])
        #expect(changed.metadata.uid == created.metadata.uid)
        let conflict = await #expect(throws: KubeError.self) { try await configMaps.replace(created) }
        #expect(conflict?.code == .conflict)
        let unchanged = try await configMaps.replace(changed)
        #expect(unchanged.metadata.resourceVersion == changed.metadata.resourceVersion)
        try await configMaps.delete("a")
        let missing = await #expect(throws: KubeError.self) { try await configMaps.get("a") }
        #expect(missing?.code == .notFound)
        #expect(server.requests.map(\.method) == ["POST", "PATCH", "PUT", "PUT", "DELETE", "GET"])
    }
}
