import FaultServer
import HTTPTransport
import JSON
import ScriptedServers
import Testing

@testable import KubeClient

/// What the client sends again by itself, counted by a server.
@Suite(.timeLimit(.minutes(4))) struct RetryTests {
    enum Request: CaseIterable {
        case get, list, stream, create, replace, patch, delete

        static let reads: [Request] = [.get, .list, .stream]
        static let writes: [Request] = [.create, .replace, .patch, .delete]

        func send(_ objects: ResourceClient<ConfigMap>) async throws {
            switch self {
            case .get: _ = try await objects.get("a")
            case .list: _ = try await objects.list()
            case .stream: _ = try await objects.list(pageSize: nil)
            case .create: _ = try await objects.create(ConfigMap("b"))
            case .replace: _ = try await objects.replace(ConfigMap("a", ["k": "v"]))
            case .patch: _ = try await objects.patch("a", .merge(["data": ["k": "v"]]))
            case .delete: try await objects.delete("a")
            }
        }
    }

    private let server: FaultyAPIServer
    private let pauses = Recorder<Duration>()

    init() throws {
        server = try FaultyAPIServer()
        server.put("a")
    }

    private func withClient(
        _ change: (inout ClusterConfiguration) -> Void = { _ in },
        _ body: (KubeClient) async throws -> Void
    ) async throws {
        let client = try server.client(change, pause: { pauses.append($0) })
        defer { client.shutdown() }
        try await body(client)
    }

    private func failure(_ request: Request, _ client: KubeClient) async -> KubeError? {
        await #expect(throws: KubeError.self) { try await request.send(client.configMaps) }
    }

    @Test(arguments: Request.allCases, [StatusAnswer.tooManyRequests(retryAfter: 7), .unavailable(retryAfter: 7)])
    func `a refusal with a time is repeated after that time`(request: Request, answer: StatusAnswer) async throws {
        server.plan(.answer(answer), for: .any, times: 2)
        try await withClient { client in
            try await request.send(client.configMaps)
            #expect(pauses.all == [.seconds(7), .seconds(7)])
            #expect(server.requests.count == 3)
            #expect(Set(server.requests.map(\.body)).count == 1)
        }
    }

    @Test(arguments: Request.allCases, [StatusAnswer.tooManyRequests(retryAfter: nil), .unavailable(), .internalError])
    func `a refusal without a time is not repeated`(request: Request, answer: StatusAnswer) async throws {
        server.plan(.answer(answer), for: .any, times: 2)
        try await withClient { client in
            #expect(await failure(request, client)?.status == answer.status)
            #expect(pauses.all.isEmpty)
            #expect(server.requests.count == 1)
        }
    }

    @Test(arguments: [Request.get, .patch])
    func `a request is sent eleven times at most`(request: Request) async throws {
        server.plan(.answer(.tooManyRequests(retryAfter: 1)), for: .any, times: 100)
        try await withClient { client in
            let error = await failure(request, client)
            #expect(error?.code == .tooManyRequests)
            #expect(error?.retryAfter == .seconds(1))
            #expect(server.requests.count == 11)
            #expect(pauses.all.count == 10)
        }
    }

    @Test func `how often is for the configuration to say`() async throws {
        server.plan(.answer(.tooManyRequests(retryAfter: 1)), for: .any, times: 100)
        try await withClient(
            { $0.limits.maximumRetries = 0 },
            { client in
                #expect(await failure(.get, client)?.code == .tooManyRequests)
                #expect(server.requests.count == 1)
            }
        )
    }

    @Test(arguments: [Request.get, .patch])
    func `a server that wants more than half a minute is not waited for`(request: Request) async throws {
        server.plan(.answer(.unavailable(retryAfter: 31)), for: .any)
        try await withClient { client in
            #expect(await failure(request, client)?.retryAfter == .seconds(31))
            #expect(server.requests.count == 1)
        }
    }

    @Test(arguments: [Request.get, .list], [Fault.Ending.close, .reset])
    func `a read whose connection was lost is repeated after a second`(
        request: Request,
        ending: Fault.Ending
    ) async throws {
        server.plan(.cut(afterBytes: 5, ending), for: .any)
        try await withClient { client in
            try await request.send(client.configMaps)
            #expect(pauses.all == [.seconds(1)])
            #expect(server.requests.count == 2)
        }
    }

    @Test(arguments: Request.writes, [Fault.Ending.close, .reset])
    func `a write whose connection was lost is never repeated`(request: Request, ending: Fault.Ending) async throws {
        server.plan(.cut(afterBytes: 5, ending), for: .any)
        try await withClient { client in
            #expect(await failure(request, client)?.code == .transport(.connectionLost))
            #expect(pauses.all.isEmpty)
            #expect(server.requests.count == 1)
        }
    }

    @Test func `cancelling the task ends a pause`() async throws {
        server.plan(.answer(.tooManyRequests(retryAfter: 30)), for: .any)
        let pausing = Fact()
        let client = try server.client(pause: { pause in
            pausing.happened()
            try await Task.sleep(for: pause)
        })
        defer { client.shutdown() }
        let task = Task { try await client.configMaps.get("a") }
        await pausing.value
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
        #expect(server.requests.count == 1)
    }
}
