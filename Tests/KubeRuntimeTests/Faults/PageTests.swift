import FaultServer
import KubeRuntime
import Testing

/// Lists that come in pages, slowly, and not all of them.
@Suite(.timeLimit(.minutes(4))) struct PageTests {
    /// More than two pages of 500.
    private func server() throws -> FaultyAPIServer {
        let server = try FaultyAPIServer(streamedLists: .refused)
        server.configure(ignoresLimitAtZero: false)
        for number in 0..<1100 { server.put("object-\(number)", ["v": "1"]) }
        return server
    }

    @Test func `a slow page is waited for, and changes meanwhile are not lost`() async throws {
        let server = try server()
        let hold = Hold()
        server.plan(.hold(hold), for: .laterPages)
        try await server.followed { follower in
            await server.await(1, .laterPages)
            #expect(!follower.store.isSynced)
            server.put("object-1", ["v": "2"])
            server.delete("object-7")
            server.put("new", ["v": "1"])
            hold.release()
            await follower.converge(with: server)
        }
        #expect(server.count(.firstPages) == 1)
        #expect(server.count(.laterPages) == 2)
        #expect(server.count(.plainWatches) == 1)
    }

    @Test func `a continue token that expires on the second page leads to one whole list`() async throws {
        let server = try server()
        let hold = Hold()
        server.plan(.hold(hold), for: .laterPages)
        try await server.followed { follower in
            await server.await(1, .laterPages)
            server.delete("object-0")
            server.put("object-1", ["v": "2"])
            server.compact()
            hold.release()
            await follower.converge(with: server)
        }
        #expect(server.count(.firstPages) == 2)
        #expect(server.requests(.firstPages).last?.query["limit"] == nil)
        #expect(server.count(.laterPages) == 1)
    }

    @Test func `a failure on the second page is overcome without asking for the first again and again`() async throws {
        let server = try server()
        server.plan(.answer(.internalError), for: .laterPages, times: 2)
        try await server.followed { follower in await follower.converge(with: server) }
        #expect(server.count(.firstPages) <= 3)
    }

    @Test(arguments: zip([0, 1, 100, 20_000, 20_001, 50_000], Fault.Ending.noticed + Fault.Ending.noticed))
    func `a second page cut anywhere leaves no object out`(bytes: Int, ending: Fault.Ending) async throws {
        let server = try server()
        server.plan(.cut(afterBytes: bytes, ending), for: .laterPages)
        try await server.followed { follower in await follower.converge(with: server) }
        #expect(server.count(.firstPages) <= 2)
        #expect(server.count(.laterPages) == 3, "The page that was cut was asked for again.")
    }
}

extension Fault.Ending {
    /// Those that a client notices at once.
    fileprivate static let noticed: [Fault.Ending] = [.close, .truncation, .reset]
}
