import FaultServer
import HTTPTransport
import JSON
import ScriptedServers
import TestEnvironment
import Testing

@testable import KubeClient

/// The limits a client keeps to, and those it sets the server.
@Suite(.timeLimit(.minutes(4))) struct LimitTests {
    private let server: FaultyAPIServer

    init() throws {
        server = try FaultyAPIServer()
        server.put("a", ["key": "value"])
    }

    @Test func `no more requests than allowed are under way, whatever comes of them`() async throws {
        let hold = Hold()
        server.plan(.hold(hold), for: .any, times: 100)
        let client = try server.client { $0.limits.maximumInFlight = 2 }
        defer { client.shutdown() }
        let tasks = (0..<6).map { number in Task { try await client.configMaps.get(number == 0 ? "none" : "a") } }
        await server.await(2, .any)
        try await eventually { client.core.waitingRequests == 4 }
        #expect(server.requests.count == 2)
        // Each that ends lets one more in; the first of all is refused with 404.
        for count in 3...6 {
            hold.release()
            await server.await(count, .any)
            #expect(server.requests.count == count)
        }
        hold.releaseAll()
        var failures = 0
        for task in tasks {
            if case .failure = await task.result { failures += 1 }
        }
        #expect(failures == 1)
    }

    @Test func `a watch does not count as under way`() async throws {
        let client = try server.client { $0.limits.maximumInFlight = 1 }
        defer { client.shutdown() }
        let watching = Task { for try await _ in client.configMaps.watch(from: "1") {} }
        await server.awaitOpenWatches()
        #expect(try await client.configMaps.get("a").metadata.name == "a")
        watching.cancel()
        _ = await watching.result
    }

    @Test func `requests keep to the rate`() async throws {
        let client = try server.client { $0.limits.rate = RequestLimits.Rate(perSecond: 20, burst: 1) }
        defer { client.shutdown() }
        let time = try await ContinuousClock().measure {
            for _ in 0..<4 { _ = try await client.configMaps.get("a") }
        }
        #expect(time >= .milliseconds(150))
    }

    @Test(arguments: [0, -1, .nan, .infinity, 1e-30])
    func `a rate that is none is refused`(perSecond: Double) {
        #expect(throws: ConfigurationError.self) {
            try server.client { $0.limits.rate = RequestLimits.Rate(perSecond: perSecond, burst: 1) }
        }
    }

    @Test(arguments: [false, true])
    func `an answer that is too long is refused, by its size after decompression`(compresses: Bool) async throws {
        server.configure(compresses: compresses)
        let size = server.objects()[0].serialized().count
        let exact = try server.client { $0.limits.maximumResponseBytes = size }
        defer { exact.shutdown() }
        #expect(try await exact.configMaps.get("a").data == ["key": "value"])
        let short = try server.client { $0.limits.maximumResponseBytes = size - 1 }
        defer { short.shutdown() }
        let error = await #expect(throws: KubeError.self) { try await short.configMaps.get("a") }
        #expect(error?.code == .transport(.bodyTooLarge))
        #expect(error?.description.contains("RequestLimits.maximumResponseBytes") == true)
        // One page is an answer; a list without pages has no limit.
        await #expect(throws: KubeError.self) { try await short.configMaps.list() }
        #expect(try await short.configMaps.list(pageSize: nil).items.count == 1)
    }

    @Test func `compressed objects and lists are read`() async throws {
        server.configure(compresses: true)
        let client = try server.client()
        defer { client.shutdown() }
        #expect(try await client.configMaps.get("a").data == ["key": "value"])
        #expect(try await client.configMaps.list().items.count == 1)
        #expect(try await client.configMaps.list(pageSize: nil).items.count == 1)
        #expect(server.requests.allSatisfy { $0.field("accept-encoding") == "gzip" })
        let plain = try server.client { $0.compression = false }
        defer { plain.shutdown() }
        _ = try await plain.configMaps.get("a")
        #expect(server.requests.last?.field("accept-encoding") == nil)
    }

    @Test func `a copy may have another time limit`() async throws {
        server.plan(.swallow, for: .method("PATCH"))
        // Longer than a test may take.
        let client = try server.client { $0.limits.requestTimeout = .seconds(3600) }
        defer { client.shutdown() }
        var hasty = client
        hasty.requestTimeout = .milliseconds(50)
        let configMaps = hasty.configMaps
        let error = await #expect(throws: KubeError.self) { try await configMaps.patch("a", .merge([:])) }
        #expect(error?.code == .transport(.timedOut))
        #expect(client.requestTimeout == .seconds(3600))
    }

    @Test func `a streamed list must not fall silent for longer than a request may last`() async throws {
        server.plan(.cut(afterBytes: 20, .silence), for: .lists)
        var client = try server.client()
        defer { client.shutdown() }
        client.requestTimeout = .milliseconds(50)
        let configMaps = client.configMaps
        let error = await #expect(throws: KubeError.self) { try await configMaps.list(pageSize: nil) }
        #expect(error?.code == .transport(.idle))
    }
}
