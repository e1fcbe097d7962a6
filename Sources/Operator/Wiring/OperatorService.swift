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
    let replica: Replica
    let housekeeping: Housekeeping?
    let doorbell: Doorbell
    let drainLimit: Duration

    /// Why the operator cannot start.
    struct StartupFailure: Error, CustomStringConvertible {
        let description: String
    }

    /// The name of the Lease, in the operator's own namespace.
    static let leaseName = "honua-operator"

    /// What the operator's service account must be allowed in its own namespace, besides what it needs in those that it
    /// watches.
    static let permissions = [
        Permission(group: "coordination.k8s.io", resources: ["leases"], verbs: ["create"]),
        Permission(
            group: "coordination.k8s.io",
            resources: ["leases"],
            verbs: LeaderElector.permission.verbs.filter { $0 != "create" },
            resourceNames: [leaseName]
        ),
        // In a Role this means the namespace of the Role.
        Permission(group: "", resources: ["namespaces"], verbs: ["get"]),
    ]

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
        let stores = try await StateStores.connect(configuration, logger) {
            try await Installation.id(of: cluster.namespace, client, configuration, log)
        }
        let transport = try HTTPTransport()
        let watched = try Self.namespaces(namespaces, cluster)
        let controllerLog = logger("Honua.Kube.Controller")
        let cache = Cache(client: client, logger: controllerLog)
        let controller = Controller(HonuaProcess.self, cache: cache, namespaces: watched, logger: controllerLog)
        let replica = Replica(
            elector: LeaderElector(
                client: client,
                lease: ObjectKey(namespace: cluster.namespace, name: leaseName),
                identity: configuration.replicaName ?? LeaderElector.hostName,
                logger: logger("Honua.Kube.Election")
            ),
            stores: stores,
            logger: log,
            onChange: { controller.enqueue($0) }
        )
        let engine = ProcessEngine(
            store: stores.documents,
            actions: .builtIn(
                transport: transport,
                cluster: ClusterAccess(client: client, ownUser: cluster.serviceAccountUser),
                isExecEnabled: configuration.isExecEnabled
            ),
            configuration: configuration.engine,
            owner: replica.name,
            gate: replica.gate,
            ownership: replica,
            history: stores.history,
            failPoint: failPoint,
            logger: logger("Honua.ProcessFramework"),
            onChange: { controller.queue.add(ObjectKey(namespace: $0.namespace, name: $0.name)) }
        )
        replica.tellRoom { [weak engine] in engine?.freeSlots ?? 0 }
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
        log.info(
            "the operator follows HonuaProcesses in \(scope)",
            metadata: ["server": "\(cluster.server)", "replica": "\(replica.name)"]
        )
        return OperatorService(
            client: client,
            transport: transport,
            redis: stores.redis,
            engine: engine,
            controllers: controllers,
            replica: replica,
            housekeeping: stores.sweep.map { Housekeeping($0, reconciler, watched, log) },
            doorbell: Doorbell(inbox: CommandInbox(store: stores.documents), logger: log) { reconciler.ring($0) },
            drainLimit: configuration.drainLimit
        )
    }

    /// Runs until it is told to stop: first what it can hand over is handed over, then the controllers end, so that what they
    /// have begun to write is written and the last events are sent, then the engine. Steps that still run are interrupted
    /// then, and go on under their keys with the next owner.
    func run() async throws {
        var failure: (any Error)?
        do {
            // Heartbeats and the Lease go on until nothing has effects any more.
            try await withThrowingTaskGroup(of: Void.self) { group in
                defer { group.cancelAll() }
                group.addTask {
                    do {
                        try await replica.run(housekeeping)
                    } catch is CancellationError {
                    } catch {
                        controllers.stop()
                        throw error
                    }
                }
                group.addTask { await doorbell.listen() }
                try await work()
                group.cancelAll()
                try await group.waitForAll()
            }
            await replica.leave()
        } catch {
            failure = error
        }
        await redis?.shutdown()
        transport.shutdown()
        client.shutdown()
        if let failure { throw failure }
    }

    private func work() async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await engine.run() }
            group.addTask {
                // Cancelled when the controllers end by themselves.
                try? await gracefulShutdown()
                await drain()
                controllers.stop()
            }
            try await controllers.run()
            group.cancelAll()
            try await group.waitForAll()
        }
    }

    /// Lets others have what runs here, each process as soon as no step of it runs.
    private func drain() async {
        replica.beginLeaving()
        guard replica.hasSuccessors else { return }
        let end = ContinuousClock.now + drainLimit
        while engine.load.active > 0, ContinuousClock.now < end {
            guard (try? await Task.sleep(for: .milliseconds(100))) != nil else { return }
        }
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
