import FaultServer
import HTTPTransport
import KubeClient
import Testing

/// Answers that are compressed, or that never end.
@Suite(.timeLimit(.minutes(4))) struct EncodingTests {
    @Test(arguments: [true, false])
    func `compressed answers are asked for unless that is switched off, and read`(compression: Bool) async throws {
        let server = try FaultyAPIServer(streamedLists: .refused)
        server.configure(compresses: true)
        // More than one block of 64 KiB.
        for number in 0..<500 { server.put("object-\(number)", ["v": String(repeating: "x", count: 300)]) }
        let client = try server.client { $0.compression = compression }
        try await server.followed(by: client) { follower in await follower.converge(with: server) }
        let list = try #require(server.requests(.lists).first)
        #expect((list.field("accept-encoding")?.contains("gzip") == true) == compression)
    }

    @Test func `a compressed answer that is cut is made once more`() async throws {
        let server = try FaultyAPIServer(streamedLists: .refused)
        server.configure(compresses: true)
        server.put("a", ["v": "1"])
        server.plan(.cut(afterBytes: 100, .close), for: .lists)
        try await server.followed { follower in await follower.converge(with: server) }
        #expect(server.count(.lists) == 2)
    }

    @Test func `an answer without end is given up at the limit`() async throws {
        let server = try FaultyAPIServer()
        server.plan(.endless, for: .any, times: 2)
        let client = try server.client { $0.limits.maximumResponseBytes = 1 << 20 }
        defer { client.shutdown() }
        let configMaps = client.resources(ServedMap.self, namespace: "default")
        let error = await #expect(throws: KubeError.self) { try await configMaps.get("a") }
        #expect(error?.code == .transport(.bodyTooLarge))
        #expect(error?.isRetryable == false)
        #expect(server.requests.count == 1)
    }

    @Test(arguments: [StreamedLists.supported, .refused])
    func `a list and a watch without end are given up and made once more`(lists: StreamedLists) async throws {
        let server = try FaultyAPIServer(streamedLists: lists)
        server.put("a", ["v": "1"])
        server.plan(.endless, for: .relists)
        server.plan(.endless, for: .plainWatches)
        try await server.followed { follower in
            await follower.converge(with: server)
            await server.awaitOpenWatches()
            server.put("a", ["v": "2"])
            await follower.converge(with: server)
        }
        #expect(server.relists <= 2)
    }
}
