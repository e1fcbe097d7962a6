import FaultServer
import HTTPTransport
import KubeClient
import KubeRuntime
import ScriptedServers
import Testing

/// Connections on which nothing comes any more, though nobody has closed them.
@Suite(.timeLimit(.minutes(4))) struct BlackHoleTests {
    private var impatient: ReflectorTiming {
        var timing = ReflectorTiming.quick
        timing.watchSilence = .milliseconds(300)
        return timing
    }

    @Test(arguments: [StreamedLists.supported, .refused])
    func `a watch that falls silent is given up, and the next one takes a new connection`(
        lists: StreamedLists
    ) async throws {
        let server = try FaultyAPIServer(streamedLists: lists)
        server.put("a", ["v": "1"])
        try await server.followed(timing: impatient) { follower in
            await follower.converge(with: server)
            await server.awaitOpenWatches()
            let relists = server.relists
            server.silenceWatches()
            server.put("a", ["v": "2"])
            await follower.converge(with: server)
            #expect(follower.told == ["a=1", "a=2"])
            #expect(server.relists == relists)
        }
        let watches = server.requests(.watches).filter { !$0.isRefusedStreamedList(by: server) }
        #expect(Set(watches.map(\.connection)).count == watches.count)
    }

    @Test func `a watch that is cut off in silence within an event tells the event once`() async throws {
        let server = try FaultyAPIServer(streamedLists: .refused)
        server.put("a", ["v": "1"])
        server.plan(.cut(afterBytes: 100, .silence), for: .plainWatches)
        try await server.followed(timing: impatient) { follower in
            await follower.converge(with: server)
            await server.awaitOpenWatches()
            server.put("a", ["v": "2"])
            await follower.converge(with: server)
            #expect(follower.told == ["a=1", "a=2"])
        }
        #expect(server.relists == 1)
    }

    @Test func `a watch that is never answered is given up without a relist`() async throws {
        let server = try FaultyAPIServer(streamedLists: .refused)
        server.put("a", ["v": "1"])
        server.plan(.swallow, for: .plainWatches, times: 2)
        try await server.followed(timing: impatient) { follower in
            await follower.converge(with: server)
            await server.await(1, .plainWatches)
            server.put("a", ["v": "2"])
            await follower.converge(with: server)
        }
        #expect(server.relists == 1)
        #expect(Set(server.requests(.plainWatches).map(\.connection)).count == server.count(.plainWatches))
    }

    @Test func `a streamed list that is never answered gives way to a list`() async throws {
        let server = try FaultyAPIServer()
        server.put("a", ["v": "1"])
        server.plan(.swallow, for: .streamedLists)
        try await server.followed(timing: impatient) { follower in await follower.converge(with: server) }
        #expect(server.relists == 2)
    }

    @Test(arguments: [Fault.swallow, .cut(afterBytes: 50, .silence)])
    func `a list that stops arriving is made once more, on a new connection`(fault: Fault) async throws {
        let lists = try await withGrowingLimit(from: .milliseconds(300)) { limit in
            let server = try FaultyAPIServer(streamedLists: .refused)
            server.put("a", ["v": "1"])
            server.plan(fault, for: .lists)
            let client = try server.client { $0.limits.requestTimeout = limit }
            try await server.followed(by: client, timing: impatient) { follower in
                await follower.converge(with: server)
            }
            let lists = server.requests(.lists)
            // More of them when time ran out for the second one, too.
            return lists.count == 2 ? lists : nil
        }
        #expect(lists.first?.connection != lists.last?.connection)
    }

    @Test func `the request after one that was swallowed uses another connection`() async throws {
        let server = try FaultyAPIServer()
        server.put("a", ["v": "1"])
        let client = try server.client()
        defer { client.shutdown() }
        var hasty = client
        hasty.requestTimeout = .milliseconds(300)
        let configMaps = client.resources(ServedMap.self, namespace: "default")
        let impatient = hasty.resources(ServedMap.self, namespace: "default")
        _ = try await configMaps.get("a")
        server.plan(.swallow, for: .any)
        let error = await #expect(throws: KubeError.self) { try await impatient.get("a") }
        #expect(error?.code == .transport(.timedOut))
        #expect(try await configMaps.get("a").data == ["v": "1"])
        #expect(server.requests.map(\.connection) == [0, 0, 1])
    }
}
