import FaultServer
import JSON
import KubeClient
import Logging
import Synchronization
import TestClock
import Testing
import Workflows

@testable import Actions

/// Waiting for one object, at a server that fails as it is told to.
@Suite(.timeLimit(.minutes(4))) struct ObjectWaitTests {
    private let server: FaultyAPIServer
    private let client: KubeClient
    private let clock = ManualClock()
    private let seen = Seen()

    init() throws {
        server = try FaultyAPIServer()
        var configuration = ClusterConfiguration(server: server.url)
        configuration.limits.requestTimeout = .seconds(3600)
        configuration.limits.maximumRetries = 0
        client = try KubeClient(configuration, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    }

    /// Waits for the object `a` to hold the value `go`, or to be what is asked.
    private func wait(
        until isMet: @escaping @Sendable (DynamicObject?) -> Bool = { $0?.content[path: "data", "v"] == "go" }
    ) async throws -> DynamicObject? {
        let api = APIResource(version: "v1", kind: "ConfigMap", plural: "configmaps")
        let maps = client.resources(api, namespace: FaultyAPIServer.namespace)
        return try await maps.wait(for: "a", time: TimeSource(clock)) { object in
            seen.note(object?.content[path: "data", "v"]?.string ?? (object == nil ? "nothing" : "empty"))
            return isMet(object)
        }
    }

    @Test func `an object that does not exist yet is waited for, by one list and one watch`() async throws {
        server.put("b", ["v": "go"])
        async let found = wait()
        await server.awaitOpenWatches()
        server.put("a", ["v": "stop"])
        server.put("a", ["v": "go"])
        #expect(try await found?.metadata.name == "a")
        #expect(seen.all == ["nothing", "stop", "go"])
        #expect(server.count(.lists) == 1 && server.count(.watches) == 1)
        #expect(server.requests.allSatisfy { $0.query["fieldSelector"] == "metadata.name=a" })
    }

    @Test func `an object that is as wanted is not watched`() async throws {
        server.put("a", ["v": "go"])
        #expect(try await wait() != nil)
        #expect(server.requests.count == 1)
    }

    @Test func `the deletion of an object is told as its absence`() async throws {
        server.put("a", ["v": "stop"])
        async let gone = wait { $0 == nil }
        await server.awaitOpenWatches()
        server.delete("a")
        #expect(try await gone == nil)
        #expect(seen.all == ["stop", "nothing"])
    }

    @Test func `a watch that the server ends goes on where it was`() async throws {
        server.put("a", ["v": "stop"])
        async let found = wait()
        await server.awaitOpenWatches()
        server.put("a", ["v": "slow"])
        server.endWatches()
        // Something has come, so that there is no pause.
        await server.await(2, .watches)
        server.put("a", ["v": "go"])
        #expect(try await found != nil)
        #expect(server.count(.lists) == 1)
    }

    @Test func `a watch that ends before anything has come is opened again after a pause`() async throws {
        async let found = wait()
        await server.awaitOpenWatches()
        server.endWatches()
        await clock.sleepers(1)
        #expect(server.count(.watches) == 1)
        clock.advance(by: .seconds(2))
        await server.awaitOpenWatches()
        server.put("a", ["v": "go"])
        #expect(try await found != nil)
        #expect(server.count(.lists) == 1)
    }

    @Test func `a watch that breaks, or whose version is too old, leads to a new list after a pause`() async throws {
        async let found = wait()
        await server.awaitOpenWatches()
        server.withholdingEvents {
            server.put("a", ["v": "slow"])
            server.cutWatches()
        }
        await clock.sleepers(1)
        server.plan(.answer(.expired), for: .watches)
        clock.advance(by: .seconds(2))
        // The second failure in a row is waited for twice as long.
        await server.await(2, .watches)
        await clock.sleepers(1)
        clock.advance(by: .milliseconds(1500))
        #expect(server.count(.lists) == 2)
        server.put("a", ["v": "go"])
        clock.advance(by: .seconds(4))
        #expect(try await found != nil)
        #expect(server.count(.lists) == 3)
        #expect(seen.all == ["nothing", "slow", "go"])
    }

    @Test func `a server that asks for time gets it`() async throws {
        server.put("a", ["v": "go"])
        server.plan(.answer(.unavailable(retryAfter: 3600)), for: .lists)
        async let found = wait()
        await clock.sleeper(until: .seconds(3600))
        clock.advance(by: .seconds(3600))
        #expect(try await found != nil)
    }

    @Test func `an error that stays ends the wait`() async throws {
        server.plan(.answer(StatusAnswer(403, "Forbidden", "no")), for: .lists)
        let error = await #expect(throws: KubeError.self) { try await wait() }
        #expect(error?.code == .forbidden)
    }

    @Test func `cancellation ends the wait in a watch, and in a pause`() async throws {
        let watching = Task { try await wait() }
        await server.awaitOpenWatches()
        watching.cancel()
        await #expect(throws: CancellationError.self) { try await watching.value }
        server.plan(.answer(.internalError), for: .lists)
        let pausing = Task { try await wait() }
        await clock.sleepers(1)
        pausing.cancel()
        await #expect(throws: CancellationError.self) { try await pausing.value }
    }

    /// What the predicate was told.
    private final class Seen: Sendable {
        private let values = Mutex<[String]>([])
        var all: [String] { values.withLock { $0 } }
        func note(_ value: String) { values.withLock { $0.append(value) } }
    }
}
