import FaultServer
import JSON
import KubeClient
import KubeRuntime
import Logging
import Synchronization
import Testing

/// What a subscriber of a store has been told, and when the store became what it should be.
final class Follower: Sendable {
    private struct State {
        var told: [String] = []
        var versions: [String: String] = [:]
        var waiters: [(isSatisfied: @Sendable () -> Bool, continuation: AsyncStream<Void>.Continuation)] = []
    }

    let store: Store<ServedMap>
    private let state = Mutex(State())

    init(store: Store<ServedMap>) {
        self.store = store
        _ = store.subscribe { [weak self] in self?.hear($0) }
    }

    /// Every change, in the order in which it was told: `a=1` for the object `a` with `1` under `v`, `-a` for its end.
    var told: [String] { state.withLock { $0.told } }

    /// The last version told of each object that is there, by its name.
    var versions: [String: String] { state.withLock { $0.versions } }

    private func hear(_ change: StoreChange<ServedMap>) {
        let object = change.object
        let name = object.metadata.name
        let waiters = state.withLock { state in
            if case .deleted = change {
                state.told.append("-\(name)")
                state.versions[name] = nil
            } else {
                state.told.append("\(name)=\(object.data?["v"] ?? "")")
                state.versions[name] = object.metadata.resourceVersion
            }
            return state.waiters
        }
        for waiter in waiters where waiter.isSatisfied() { waiter.continuation.finish() }
    }

    /// Returns when the condition holds after a change, or when the task is cancelled.
    func wait(until isSatisfied: @escaping @Sendable () -> Bool) async {
        let (stream, continuation) = AsyncStream<Void>.makeStream()
        state.withLock { $0.waiters.append((isSatisfied, continuation)) }
        if isSatisfied() { continuation.finish() }
        for await _ in stream {}
    }

    /// Returns when the store holds what the server holds, each object in the version last told.
    func converge(with server: FaultyAPIServer) async {
        await store.waitUntilSynced()
        await wait { [self] in
            // The counts first: they cost nothing.
            let count = server.objectCount
            guard store.count == count, state.withLock({ $0.versions.count == count }) else { return false }
            let wanted = server.versions
            return versions == wanted && store.versions == wanted
        }
    }
}

extension ReflectorTiming {
    /// Impatient, so that tests need not wait: a backoff of 20 ms doubling to 200 ms, without jitter.
    static var quick: ReflectorTiming {
        var timing = ReflectorTiming()
        timing.backoff = Backoff(initial: .milliseconds(20), maximum: .milliseconds(200), jitter: 0)
        return timing
    }
}

extension Store<ServedMap> {
    /// By name.
    var versions: [String: String] {
        Dictionary(objects.map { ($0.metadata.name, $0.metadata.resourceVersion) }) { first, _ in first }
    }
}

extension FaultyAPIServer {
    /// Of the objects there are, by name.
    var versions: [String: String] {
        Dictionary(
            objects().map {
                ($0[path: "metadata", "name"]?.string ?? "", $0[path: "metadata", "resourceVersion"]?.string ?? "")
            }
        ) { first, _ in first }
    }

    /// How often the whole state was asked for: first pages of lists, and streamed lists unless they were refused.
    var relists: Int {
        requests(.relists).count { !$0.isRefusedStreamedList(by: self) }
    }

    /// A client of this server. Its requests may take longer than a test, unless it is told otherwise.
    func client(_ change: (inout ClusterConfiguration) -> Void = { _ in }) throws -> KubeClient {
        var configuration = ClusterConfiguration(server: url)
        configuration.limits.requestTimeout = .seconds(3600)
        change(&configuration)
        return try KubeClient(configuration, logger: Logger(label: "faults") { _ in SwiftLogNoOpLogHandler() })
    }

    /// Lets a reflector follow the ConfigMaps while the body runs; afterwards the store must be what the server holds, and
    /// every last state must have been told.
    func followed(
        by client: KubeClient? = nil,
        selection: Selection = Selection(),
        timing: ReflectorTiming = .quick,
        sourceLocation: SourceLocation = #_sourceLocation,
        _ body: (Follower) async throws -> Void
    ) async throws {
        let client = try client ?? self.client()
        let follower = Follower(store: Store())
        let reflector = Reflector(
            client.resources(ServedMap.self),
            selection: selection,
            store: follower.store,
            timing: timing,
            logger: Logger(label: "faults") { _ in SwiftLogNoOpLogHandler() }
        )
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await reflector.run() }
            try await body(follower)
            await follower.converge(with: self)
            #expect(follower.store.versions == versions, sourceLocation: sourceLocation)
            #expect(follower.versions == versions, sourceLocation: sourceLocation)
            group.cancelAll()
        }
        client.shutdown()
    }
}

extension APIRequest {
    func isRefusedStreamedList(by server: FaultyAPIServer) -> Bool {
        query["sendInitialEvents"] == "true" && server.streamedLists != .supported
    }
}
