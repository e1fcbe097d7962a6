import FaultServer
import HTTPTransport
import JSON
import Synchronization
import Testing

@testable import KubeClient

@Suite(.timeLimit(.minutes(4))) struct WriteGateTests {
    struct Shut: Error {}

    /// Lets so many writes through.
    private final class Gate: WriteGate {
        private let left: Mutex<Int>
        let timeLeft: Duration?
        let epoch = 7

        init(_ count: Int, timeLeft: Duration? = nil) {
            left = Mutex(count)
            self.timeLeft = timeLeft
        }

        func check(_ operation: KubeOperation) throws {
            try left.withLock { left in
                guard left > 0 else { throw Shut() }
                left -= 1
            }
        }
    }

    private let server: FaultyAPIServer

    init() throws {
        server = try FaultyAPIServer()
        server.put("a")
    }

    private func withConfigMaps(
        _ gate: some WriteGate,
        _ body: (ResourceClient<ConfigMap>) async throws -> Void
    ) async throws {
        // Longer than a test may take.
        let client = try server.client {
            $0.userAgent = "tests"
            $0.limits.maximumInFlight = 1
            $0.limits.requestTimeout = .seconds(3600)
        }
        defer { client.shutdown() }
        try await body(client.guarded(by: gate).configMaps)
    }

    @Test(arguments: RetryTests.Request.writes)
    func `a shut gate lets no write out`(request: RetryTests.Request) async throws {
        try await withConfigMaps(Gate(0)) { configMaps in
            await #expect(throws: Shut.self) { try await request.send(configMaps) }
            #expect(server.requests.isEmpty)
        }
    }

    @Test(arguments: RetryTests.Request.reads)
    func `a shut gate holds no read up, and takes no place among the requests`(
        request: RetryTests.Request
    ) async throws {
        try await withConfigMaps(Gate(0)) { configMaps in
            await #expect(throws: Shut.self) { try await configMaps.delete("a") }
            try await request.send(configMaps)
            #expect(server.requests.count == 1)
        }
    }

    @Test func `the gate is asked before each attempt`() async throws {
        server.plan(.answer(.tooManyRequests(retryAfter: 1)), for: .any, times: 5)
        try await withConfigMaps(Gate(2)) { configMaps in
            await #expect(throws: Shut.self) { try await configMaps.delete("a") }
            #expect(server.requests.count == 2)
        }
    }

    @Test(arguments: [Duration.milliseconds(50), .zero, .seconds(-1)])
    func `a write takes no longer than the gate allows`(timeLeft: Duration) async throws {
        server.plan(.swallow, for: .any)
        try await withConfigMaps(Gate(1, timeLeft: timeLeft)) { configMaps in
            let error = await #expect(throws: KubeError.self) { try await configMaps.delete("a") }
            #expect(error?.code == .transport(.timedOut))
        }
    }

    @Test func `the server is told by when a gated write must have ended`() async throws {
        try await withConfigMaps(Gate(1, timeLeft: .milliseconds(9500))) { configMaps in
            _ = try await configMaps.get("a")
            try await configMaps.delete("a")
            #expect(server.requests.map { $0.query["timeout"] } == [nil, "9500ms"])
        }
    }

    @Test func `the client's own limit holds where the gate allows more`() async throws {
        server.plan(.swallow, for: .any)
        var client = try server.client()
        defer { client.shutdown() }
        client.requestTimeout = .milliseconds(50)
        let configMaps = client.guarded(by: Gate(1, timeLeft: .seconds(600))).configMaps
        let error = await #expect(throws: KubeError.self) { try await configMaps.delete("a") }
        #expect(error?.code == .transport(.timedOut))
    }

    @Test func `writes tell the term they belong to, reads do not`() async throws {
        try await withConfigMaps(Gate(1)) { configMaps in
            _ = try await configMaps.patch("a", .merge(["data": ["k": "v"]]))
            _ = try await configMaps.get("a")
            #expect(server.requests.map { $0.field("user-agent") } == ["tests/epoch-7", "tests"])
        }
    }
}
