public import KubeClient
public import Logging
public import Metrics

extension Controller where Object: KubeResource {
    /// A controller that shares its stores with others.
    /// - Parameters:
    ///   - name: in metrics and logs; the plural of the kind by default.
    ///   - cache: must be run by the caller.
    ///   - namespaces: what to watch; empty for all namespaces.
    ///   - predicate: which changes lead to a reconcile. To keep objects from being cached at all, use `selection`.
    public convenience init(
        _ type: Object.Type,
        name: String? = nil,
        cache: Cache,
        namespaces: [String] = [],
        selection: Selection = Selection(),
        where predicate: Predicate<Object> = .any,
        options: ControllerOptions = ControllerOptions(),
        logger: Logger,
        metrics: any MetricsFactory = MetricsSystem.factory
    ) {
        let store = cache.store(type, namespaces: namespaces, selection: selection)
        self.init(type.api, name, cache, runsCache: false, namespaces, store, predicate, options, logger, metrics) {
            [client = cache.client] in client.resources(type, namespace: $0)
        }
    }

    /// A controller with a cache of its own.
    public convenience init(
        _ type: Object.Type,
        name: String? = nil,
        client: KubeClient,
        namespaces: [String] = [],
        selection: Selection = Selection(),
        where predicate: Predicate<Object> = .any,
        options: ControllerOptions = ControllerOptions(),
        logger: Logger,
        metrics: any MetricsFactory = MetricsSystem.factory
    ) {
        let cache = Cache(client: client, logger: logger, metrics: metrics)
        let store = cache.store(type, namespaces: namespaces, selection: selection)
        self.init(type.api, name, cache, runsCache: true, namespaces, store, predicate, options, logger, metrics) {
            client.resources(type, namespace: $0)
        }
    }
}

extension Controller where Object == DynamicObject {
    /// A controller for a kind known only at run time; `cache` must be run by the caller.
    public convenience init(
        _ api: APIResource,
        name: String? = nil,
        cache: Cache,
        namespaces: [String] = [],
        selection: Selection = Selection(),
        where predicate: Predicate<DynamicObject> = .any,
        options: ControllerOptions = ControllerOptions(),
        logger: Logger,
        metrics: any MetricsFactory = MetricsSystem.factory
    ) {
        let store = cache.store(api, namespaces: namespaces, selection: selection)
        self.init(api, name, cache, runsCache: false, namespaces, store, predicate, options, logger, metrics) {
            [client = cache.client] in client.resources(api, namespace: $0)
        }
    }
}

extension Controller where Object == PartialObjectMetadata {
    /// A controller for which the metadata of its objects are enough; the server sends nothing else. `cache` must be run by
    /// the caller.
    public convenience init(
        metadataOf api: APIResource,
        name: String? = nil,
        cache: Cache,
        namespaces: [String] = [],
        selection: Selection = Selection(),
        where predicate: Predicate<PartialObjectMetadata> = .any,
        options: ControllerOptions = ControllerOptions(),
        logger: Logger,
        metrics: any MetricsFactory = MetricsSystem.factory
    ) {
        let store = cache.metadata(of: api, namespaces: namespaces, selection: selection)
        self.init(api, name, cache, runsCache: false, namespaces, store, predicate, options, logger, metrics) {
            [client = cache.client] in client.metadata(of: api, namespace: $0)
        }
    }
}
