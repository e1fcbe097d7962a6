internal import Actions
internal import CRDs
internal import HTTPTransport
internal import JSON
internal import KubeClient
internal import KubeRuntime
internal import Logging
internal import Reconcilers
internal import RedisClient
internal import ServiceLifecycle
internal import Workflows

/// The operator's parts, joined: controller, engine and event recorder, over one API server and one state store.
struct OperatorService: Service {
    let client: KubeClient
    let transport: HTTPTransport
    let redis: RedisClient?
    let engine: ProcessEngine
    let controllers: ControllerGroup

    /// Why the operator cannot start.
    struct StartupFailure: Error, CustomStringConvertible {
        let description: String
    }

    /// Reads the configuration, reaches for what the operator depends on, and builds it.
    static func prepare(
        cluster: ClusterConfiguration,
        namespaces: String?,
        environment: [String: String],
        logger: (String) -> Logger
    ) async throws -> OperatorService {
        let configuration = try OperatorConfiguration(environment: environment)
        let failPoint = try ArmedFailPoint.handler(environment: environment)
        let log = logger("Honua.Operator")
        let client = try KubeClient(cluster, logger: logger("Honua.Kube.Client"))
        try await reach(client, cluster, log)
        let redis = try await StateStoreSelection.connect(configuration, logger)
        let transport = try HTTPTransport()
        let watched = try Self.namespaces(namespaces, cluster)
        let controllerLog = logger("Honua.Kube.Controller")
        let cache = Cache(client: client, logger: controllerLog)
        let controller = Controller(HonuaProcess.self, cache: cache, namespaces: watched, logger: controllerLog)
        let engine = ProcessEngine(
            store: StateStoreSelection.store(configuration, redis),
            actions: .builtIn(
                transport: transport,
                cluster: ClusterAccess(client: client, ownUser: cluster.serviceAccountUser),
                isExecEnabled: configuration.isExecEnabled
            ),
            configuration: configuration.engine,
            history: StateStoreSelection.history(configuration, redis),
            failPoint: failPoint,
            logger: logger("Honua.ProcessFramework"),
            onChange: { controller.queue.add(ObjectKey(namespace: $0.namespace, name: $0.name)) }
        )
        let events = EventRecorder(client: client, component: "honua-operator", logger: logger("Honua.Kube.Events"))
        var settings = HonuaProcessReconciler.Settings()
        settings.defaults = configuration.defaults
        let reconciler = HonuaProcessReconciler(
            engine: engine,
            controller: controller,
            events: events,
            settings: settings,
            logger: logger("Honua.Reconciler")
        )
        let templateController = Controller(
            HonuaProcessTemplate.self,
            cache: cache,
            namespaces: watched,
            logger: controllerLog
        )
        let templates = HonuaProcessTemplateReconciler(controller: templateController, actions: engine.actions)
        let controllers = ControllerGroup(cache: cache, recorder: events, logger: log)
        controllers.add(controller) { try await reconciler.reconcile($0) }
        controllers.add(templateController) { try await templates.reconcile($0) }
        let scope = watched.isEmpty ? "all namespaces" : watched.joined(separator: ", ")
        log.info("the operator follows HonuaProcesses in \(scope)", metadata: ["server": "\(cluster.server)"])
        return OperatorService(
            client: client,
            transport: transport,
            redis: redis,
            engine: engine,
            controllers: controllers
        )
    }

    /// Runs until it is told to stop: first the controllers end, so that what they have begun to write is written and the
    /// last events are sent, then the engine. Running steps are interrupted then, and go on under their keys with the
    /// next operator.
    func run() async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            defer { group.cancelAll() }
            group.addTask { await engine.run() }
            group.addTask {
                // Cancelled when the controllers end by themselves.
                try? await gracefulShutdown()
                controllers.stop()
            }
            try await controllers.run()
        }
        await redis?.shutdown()
        transport.shutdown()
        client.shutdown()
    }

    /// An API server that refuses this client will go on refusing; one that is away may come back.
    private static func reach(
        _ client: KubeClient,
        _ cluster: ClusterConfiguration,
        _ log: Logger
    ) async throws {
        do {
            let version = try await client.version()["gitVersion"]?.string ?? "unknown"
            log.info("reached the API server", metadata: ["server": "\(cluster.server)", "version": "\(version)"])
        } catch let error as KubeError {
            switch error.code {
            case .transport(.tls), .unauthorized, .unreadable:
                throw StartupFailure(description: "cannot use the API server at \(cluster.server): \(error)")
            default:
                log.warning("the API server at \(cluster.server) does not answer yet: \(error)")
            }
        }
    }

    /// Empty for all namespaces, which must be asked for by name: an unset variable in a script must not widen the scope.
    private static func namespaces(_ option: String?, _ cluster: ClusterConfiguration) throws -> [String] {
        guard let option else { return [cluster.namespace] }
        let names = option.split(separator: ",").map { $0.filter { !$0.isWhitespace } }.filter { !$0.isEmpty }
        if names == ["*"] { return [] }
        guard !names.isEmpty, !names.contains("*") else {
            throw StartupFailure(
                description: "Invalid configuration: --watch-namespaces is \"\(option)\", "
                    + "expected names separated by commas, or * alone for all"
            )
        }
        return names
    }
}
