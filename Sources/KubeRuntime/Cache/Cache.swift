public import KubeClient
public import Logging
public import Metrics
internal import Synchronization

/// The stores of one client: for each kind and selection one store, filled by one reflector for each namespace, shared by
/// all who ask for it.
///
/// A cache belongs to one identity, that of its client. Who may not read something must not get it from a store that was
/// filled by somebody who may, so there is one cache for each identity.
///
/// Metrics, by `resource`: `kube_runtime_cache_objects`, and `kube_runtime_cache_staleness_seconds`, the longest time since
/// the API server was last heard of by one of the kind's reflectors.
public final class Cache: Sendable {
    /// What the stores are filled through.
    public let client: KubeClient
    private let timing: ReflectorTiming
    private let logger: Logger
    private let metrics: any MetricsFactory

    private struct Identity: Hashable {
        let type: ObjectIdentifier
        let api: APIResource
        let namespaces: Set<String>
        let selection: Selection
    }

    private struct Entry {
        let store: any Sendable
        let status: @Sendable () -> [StoreStatus]
        let count: @Sendable () -> Int
        let api: APIResource
        let since = ContinuousClock.now
    }

    private let entries = Mutex<[Identity: Entry]>([:])
    private let reflectors: AsyncStream<@Sendable () async -> Void>
    private let addReflector: AsyncStream<@Sendable () async -> Void>.Continuation

    /// An empty cache. `run()` must be running for stores to fill.
    public init(
        client: KubeClient,
        timing: ReflectorTiming = ReflectorTiming(),
        logger: Logger,
        metrics: any MetricsFactory = MetricsSystem.factory
    ) {
        self.client = client
        self.timing = timing
        self.logger = logger
        self.metrics = metrics
        (reflectors, addReflector) = AsyncStream.makeStream()
    }

    /// The store for a kind; made, and its reflectors started, when it is asked for first.
    /// - Parameters:
    ///   - namespaces: what to watch; empty for all namespaces, and for objects of the cluster.
    ///   - selection: narrows it on the server, so that what is not wanted is neither sent nor kept.
    ///   - transform: cuts objects down before they are stored. Only that of the first call for a store counts.
    public func store<Object: KubeResource>(
        _ type: Object.Type,
        namespaces: [String] = [],
        selection: Selection = Selection(),
        transform: (@Sendable (inout Object) -> Void)? = nil
    ) -> Store<Object> {
        store(type.api, namespaces, selection, transform) { self.client.resources(type, namespace: $0) }
    }

    /// The store for a kind known only at run time.
    public func store(
        _ api: APIResource,
        namespaces: [String] = [],
        selection: Selection = Selection(),
        transform: (@Sendable (inout DynamicObject) -> Void)? = nil
    ) -> Store<DynamicObject> {
        store(api, namespaces, selection, transform) { self.client.resources(api, namespace: $0) }
    }

    /// The store for the metadata of a kind; the server sends nothing else.
    public func metadata(
        of api: APIResource,
        namespaces: [String] = [],
        selection: Selection = Selection(),
        transform: (@Sendable (inout PartialObjectMetadata) -> Void)? = nil
    ) -> Store<PartialObjectMetadata> {
        store(api, namespaces, selection, transform) { self.client.metadata(of: api, namespace: $0) }
    }

    func store<Object: KubeObject>(
        _ api: APIResource,
        _ namespaces: [String],
        _ selection: Selection,
        _ transform: (@Sendable (inout Object) -> Void)?,
        _ resources: (String?) -> ResourceClient<Object>
    ) -> Store<Object> {
        let identity = Identity(
            type: ObjectIdentifier(Object.self),
            api: api,
            namespaces: Set(namespaces),
            selection: selection
        )
        return entries.withLock { entries in
            if let known = entries[identity]?.store as? Store<Object> { return known }
            let scopes = namespaces.isEmpty ? [""] : Array(identity.namespaces)
            let store = Store<Object>(scopes: scopes, isSelective: selection != Selection(), transform: transform)
            entries[identity] = Entry(store: store, status: { store.status }, count: { store.count }, api: api)
            for scope in scopes {
                let reflector = Reflector(
                    resources(scope.isEmpty ? nil : scope),
                    selection: selection,
                    store: store,
                    timing: timing,
                    logger: logger
                )
                addReflector.yield { await reflector.run() }
            }
            return store
        }
    }

    /// How well each store is followed.
    public var status: [(api: APIResource, status: StoreStatus)] {
        entries.withLock { Array($0.values) }.flatMap { entry in entry.status().map { (entry.api, $0) } }
    }

    /// Fills the stores, those asked for later included, until the task is cancelled. Once.
    public func run() async {
        await withDiscardingTaskGroup { group in
            group.addTask { await self.measure() }
            for await reflector in reflectors { group.addTask { await reflector() } }
            group.cancelAll()
        }
    }

    /// Metrics are taken of what there is rather than at each change, which would cost something for every event. 10 s:
    /// scrapes are seldom closer together.
    private func measure() async {
        repeat {
            recordMetrics()
            do { try await Task.sleep(for: .seconds(10)) } catch { return }
        } while true
    }

    func recordMetrics() {
        let entries = entries.withLock { Array($0.values) }
        for (resource, stores) in Dictionary(grouping: entries, by: \.api.qualifiedName) {
            let labels = [("resource", resource)]
            Gauge(label: "kube_runtime_cache_objects", dimensions: labels, factory: metrics)
                .record(stores.reduce(0) { $0 + $1.count() })
            // What was never heard of has been stale since it was asked for.
            let staleness = stores.flatMap { store in
                store.status().map { $0.staleness ?? ContinuousClock.now - store.since }
            }
            Gauge(label: "kube_runtime_cache_staleness_seconds", dimensions: labels, factory: metrics)
                .record((staleness.max() ?? .zero) / .seconds(1))
        }
    }
}
