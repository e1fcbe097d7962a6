import FaultServer
import JSON
import KubeClient
import KubeRuntime
import Logging
import ScriptedServers
import Synchronization
import Testing

/// A controller whose server fails: in the end every object is as it should be.
@Suite(.timeLimit(.minutes(4))) struct ControllerFaultTests {
    /// Copies `data.v` to `data.out` while the body runs, then until every object has it.
    private func controlled(
        _ server: FaultyAPIServer,
        namespaces: [String] = [],
        requestTimeout: Duration = .milliseconds(500),
        _ body: () async throws -> Void
    ) async throws {
        let client = try server.client { $0.limits.requestTimeout = requestTimeout }
        let logger = Logger(label: "faults") { _ in SwiftLogNoOpLogHandler() }
        var timing = ReflectorTiming.quick
        timing.watchSilence = .milliseconds(250)
        let cache = Cache(client: client, timing: timing, logger: logger)
        var options = ControllerOptions()
        options.backoff = Backoff(initial: .milliseconds(10), maximum: .milliseconds(100), jitter: 0)
        let controller = Controller(
            ServedMap.self,
            cache: cache,
            namespaces: namespaces,
            options: options,
            logger: logger
        )
        let workers = Workers()
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await cache.run() }
            group.addTask {
                await controller.run { key in
                    workers.begin(key)
                    defer { workers.end(key) }
                    guard let object = controller.store.get(key), let value = object.data?["v"] else {
                        return .awaitChange
                    }
                    guard object.data?["out"] != value else { return .awaitChange }
                    let resources = controller.resources(namespace: key.namespace)
                    _ = try await resources.patch(key.name, .merge(["data": ["out": .string(value)]]))
                    return .awaitChange
                }
            }
            try await body()
            await server.awaitObjects { $0.allSatisfy { $0[path: "data", "out"] == $0[path: "data", "v"] } }
            #expect(workers.collisions == 0)
            group.cancelAll()
        }
        client.shutdown()
    }

    @Test func `a write that is refused, lost or never answered is made good`() async throws {
        let writes = try await withGrowingLimit(from: .milliseconds(500)) { limit in
            let server = try FaultyAPIServer()
            for name in ["a", "b", "c", "d", "e"] { server.put(name, ["v": "1"]) }
            server.plan(.answer(.tooManyRequests(retryAfter: nil)), for: .method("PATCH"))
            server.plan(.answer(.internalError), for: .method("PATCH"))
            server.plan(.cut(afterBytes: 0, .close), for: .method("PATCH"))
            server.plan(.swallow, for: .method("PATCH"))
            try await controlled(server, requestTimeout: limit) {}
            // Five objects and four failures. More when time ran out for others than the one that is never answered.
            let writes = server.count(.method("PATCH"))
            return writes <= 9 ? writes : nil
        }
        // The one that was cut had been carried out.
        #expect(writes >= 8)
    }

    /// The answer to the controller's own write is in the store before the watch tells what came before it.
    @Test func `a change that came just before the controller's own write is not missed`() async throws {
        let server = try FaultyAPIServer()
        let hold = Hold()
        server.plan(.hold(hold), for: .method("PATCH"))
        try await controlled(server) {
            await server.awaitOpenWatches()
            server.put("a", ["v": "1"])
            await server.await(1, .method("PATCH"))
            server.silenceWatches()
            server.put("a", ["v": "2"])
            hold.release()
        }
        #expect(server.count(.method("PATCH")) >= 2)
    }

    @Test(arguments: SeededGenerator.seeds(or: 1...12))
    func `whatever goes wrong, in the end every object is as it should be`(
        seed: UInt64
    ) async throws {
        var chance = SeededGenerator(seed: seed)
        let server = try FaultyAPIServer(streamedLists: [.supported, .refused][Int(seed % 2)])
        let namespaces = seed % 3 == 0 ? ["default", "other"] : []
        try await controlled(server, namespaces: namespaces) {
            for _ in 0..<100 {
                let name = ["a", "b", "c", "d"].randomElement(using: &chance) ?? "a"
                let namespace = ["default", "other"].randomElement(using: &chance) ?? "default"
                switch Int.random(in: 0..<6, using: &chance) {
                case 0: server.delete(name, namespace: namespace)
                default: server.put(name, ["v": "\(server.version)"], namespace: namespace)
                }
                switch Int.random(in: 0..<24, using: &chance) {
                case 0: server.cutConnections()
                case 1: server.endWatches()
                case 2: server.silenceWatches()
                case 3: server.plan(.answer(.internalError), for: .method("PATCH"), times: 3)
                case 4: server.plan(.cut(afterBytes: 0, .reset), for: .method("PATCH"))
                case 5: server.compact()
                case 6:
                    server.refuse()
                    server.cutConnections()
                case 7: server.plan(.swallow, for: .method("PATCH"))
                case 8...12:
                    try server.listen()
                    try await Task.sleep(for: .milliseconds(Int64.random(in: 0...30, using: &chance)))
                default: break
                }
            }
            server.heal()
            try server.listen()
        }
    }
}

/// Whether two workers ever had the same key at once.
private final class Workers: Sendable {
    private let state = Mutex<(keys: Set<ObjectKey>, collisions: Int)>(([], 0))

    var collisions: Int { state.withLock { $0.collisions } }

    func begin(_ key: ObjectKey) {
        state.withLock { state in
            if !state.keys.insert(key).inserted { state.collisions += 1 }
        }
    }

    func end(_ key: ObjectKey) { state.withLock { _ = $0.keys.remove(key) } }
}
