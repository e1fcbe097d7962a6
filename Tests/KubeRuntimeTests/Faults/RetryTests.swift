import FaultServer
import HTTPTransport
import KubeClient
import Testing

/// Requests that are made again by the client itself, and those that must not be.
@Suite(.timeLimit(.minutes(4))) struct RetryTests {
    private func withConfigMaps(
        maximumRetries: Int = 10,
        _ body: (FaultyAPIServer, ResourceClient<ServedMap>) async throws -> Void
    ) async throws {
        let server = try FaultyAPIServer()
        server.put("a", ["v": "1"])
        let client = try server.client { $0.limits.maximumRetries = maximumRetries }
        try await body(server, client.resources(ServedMap.self, namespace: "default"))
        client.shutdown()
    }

    private let new = ServedMap(metadata: ObjectMeta(name: "b"), data: nil)

    @Test func `a conflict is resolved by reading again`() async throws {
        try await withConfigMaps { (server, configMaps) async throws in
            let stale = try await configMaps.get("a")
            server.put("a", ["v": "2"])
            let error = await #expect(throws: KubeError.self) { try await configMaps.replace(stale) }
            #expect(error?.code == .conflict)
            var fresh = try await configMaps.get("a")
            fresh.data = ["v": "3"]
            #expect(try await configMaps.replace(fresh).data == ["v": "3"])
        }
    }
}
