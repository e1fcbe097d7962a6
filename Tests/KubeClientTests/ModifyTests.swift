import FaultServer
import JSON
import Testing

@testable import KubeClient

@Suite(.timeLimit(.minutes(4))) struct ModifyTests {
    private let server: FaultyAPIServer

    init() throws {
        server = try FaultyAPIServer()
        server.put("a", ["count": "0"])
    }

    private func withConfigMaps(_ body: (ResourceClient<ConfigMap>) async throws -> Void) async throws {
        let client = try server.client()
        defer { client.shutdown() }
        try await body(client.configMaps)
    }

    @Test func `a change is made to what another has written in between`() async throws {
        try await withConfigMaps { configMaps in
            var reads: [String?] = []
            let object = try await configMaps.modify("a") { object in
                reads.append(object.data?["count"])
                if reads.count < 3 { server.put("a", ["count": String(reads.count)]) }
                object.data?["mine"] = "yes"
            }
            #expect(reads == ["0", "1", "2"])
            #expect(object.data == ["count": "2", "mine": "yes"])
            #expect(server.objects()[0]["data"] == ["count": "2", "mine": "yes"])
        }
    }

    @Test func `after five conflicts the last one is thrown`() async throws {
        try await withConfigMaps { configMaps in
            var count = 0
            let error = await #expect(throws: KubeError.self) {
                try await configMaps.modify("a") { object in
                    count += 1
                    server.put("a", ["count": String(count)])
                    object.data = [:]
                }
            }
            #expect(error?.code == .conflict)
            #expect(count == 5)
            #expect(server.count(.method("PUT")) == 5)
        }
    }

    @Test func `an object that stays as it was is not written`() async throws {
        try await withConfigMaps { configMaps in
            _ = try await configMaps.modify("a") { $0.data = ["count": "0"] }
            #expect(server.count(.method("PUT")) == 0)
        }
    }

    @Test func `only a conflict is tried again`() async throws {
        server.plan(.answer(.internalError), for: .method("PUT"))
        try await withConfigMaps { configMaps in
            await #expect(throws: KubeError.self) { try await configMaps.modify("a") { $0.data = [:] } }
            #expect(server.requests.count == 2)
        }
    }
}
