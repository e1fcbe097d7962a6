internal import Logging
internal import Synchronization

/// A Redis Cluster: each key lies in a slot, each slot on a master, and both may change at any time.
///
/// The map comes from `CLUSTER SLOTS`, asked of any node that answers. A `MOVED` reply corrects one slot at once and has
/// the map asked for again in the background; so has a node that does not answer.
final class ClusterRouter: Router, Discoverer {
    private struct State {
        /// By endpoint: the masters of the map, and those met on the way to it.
        var pools: [RedisEndpoint: ConnectionPool] = [:]
        /// Did not answer when last needed, and are asked last.
        var suspects: Set<RedisEndpoint> = []
        var isStopped = false
    }

    private let configuration: RedisConfiguration
    private let logger: Logger
    private let state = Mutex(State())
    private let discovery: Discovery<ClusterRouter>

    /// How long a node may take to answer when there are others.
    private static let patience: Duration = .seconds(1)
    /// Redirections in a row that are followed at once; more, and the cluster gets time to agree.
    private static let redirectionsAtOnce = 5

    init(_ configuration: RedisConfiguration, states: StateBroadcast, logger: Logger) {
        self.configuration = configuration
        self.logger = logger
        discovery = Discovery(configuration, states: states, logger: logger)
        discovery.start(self)
    }

    func connect() async throws(RedisError) {
        try await discovery.connect()
    }

    func send(_ command: RoutedCommand) async throws(RedisError) -> RedisValue {
        let placement = try CommandKeys.placement(of: command.arguments)
        var pause = RetryPause()
        var redirections = 0
        var asked: ConnectionPool?
        while true {
            let map = try await discovery.servers(by: command.deadline)
            let isAsking = asked != nil
            guard let pool = asked ?? Self.pool(for: placement, in: map) else {
                discovery.renew()
                let error = RedisReplyError("CLUSTERDOWN no node of the cluster serves the hash slot of the key")
                try await pause.wait(until: command.deadline, orThrow: .server(error))
                continue
            }
            asked = nil
            do throws(RedisError) {
                return try await pool.send(command.pending(asking: isAsking))
            } catch {
                switch try next(after: error, by: pool) {
                case .here: redirections += 1
                case .once(let other):
                    redirections += 1
                    asked = other
                case .later: redirections = Self.redirectionsAtOnce
                }
                if redirections >= Self.redirectionsAtOnce {
                    try await pause.wait(until: command.deadline, orThrow: error)
                }
            }
        }
    }

    func masters() async throws(RedisError) -> [RedisEndpoint] {
        // Not the map as it was: a master that has joined since would be left out.
        try await discovery.renewed().masters.map(\.endpoint)
    }

    func send(_ command: RoutedCommand, to server: RedisEndpoint) async throws(RedisError) -> RedisValue {
        guard let pool = discovery.servers?.pool(for: server) else {
            throw .connectionFailed(
                RedisConnectionFailure(.network, server, "it is no master of the cluster any more. Begin anew.")
            )
        }
        do throws(RedisError) {
            return try await pool.send(command.pending())
        } catch {
            _ = try next(after: error, by: pool)
            throw error
        }
    }

    func stop() {
        discovery.stop()
        let pools = state.withLock { state in
            state.isStopped = true
            defer { state.pools = [:] }
            return Array(state.pools.values)
        }
        for pool in pools { pool.stop() }
    }

    private static func pool(for placement: CommandPlacement, in map: ClusterMap) -> ConnectionPool? {
        switch placement {
        case .slot(let slot): map.owner(of: slot)
        case .anyMaster: map.masters.filter(\.isUp).randomElement() ?? map.masters.randomElement()
        }
    }

    // MARK: Following

    private enum Next {
        /// By the map, which is right now.
        case here
        /// This once at another node.
        case once(ConnectionPool)
        /// By the map, after a while.
        case later
    }

    /// What to do with a command after an error. Throws it if the command may have been executed, or is at fault.
    private func next(after error: RedisError, by pool: ConnectionPool) throws(RedisError) -> Next {
        switch error {
        case .server(let reply):
            guard let redirection = Redirection(reply, from: pool.endpoint) else { throw error }
            return try follow(redirection)
        case .connectionFailed(let failure), .connectionLost(mayHaveBeenExecuted: false, let failure):
            failed(pool.endpoint, failure)
            return .later
        case .connectionLost(mayHaveBeenExecuted: true, let failure):
            failed(pool.endpoint, failure)
            throw error
        case .timedOut(mayHaveBeenExecuted: true, _):
            state.withLock { _ = $0.suspects.insert(pool.endpoint) }
            discovery.renew()
            throw error
        case .clientClosed(mayHaveBeenExecuted: false) where !discovery.isStopped:
            // The node had left the map before the command came to it.
            return .later
        default:
            throw error
        }
    }

    private func follow(_ redirection: Redirection) throws(RedisError) -> Next {
        switch redirection {
        case .moved(let slot, let endpoint):
            let pool = try pool(for: endpoint)
            discovery.update { $0.move(slot, to: pool) }
            discovery.renew()
            return .here
        case .ask(let endpoint):
            return .once(try pool(for: endpoint))
        case .tryAgain:
            return .later
        case .lost, .readOnly:
            discovery.renew()
            return .later
        }
    }

    private func failed(_ endpoint: RedisEndpoint, _ failure: RedisConnectionFailure) {
        state.withLock { _ = $0.suspects.insert(endpoint) }
        discovery.renew(because: failure) { $0.pool(for: endpoint) != nil }
    }

    private func pool(for endpoint: RedisEndpoint) throws(RedisError) -> ConnectionPool {
        try state.withLock { state throws(RedisError) in
            if let pool = state.pools[endpoint] { return pool }
            if state.isStopped { throw .clientClosed(mayHaveBeenExecuted: false) }
            var role = ConnectionRole(keepsWaiting: false)
            role.publish = { [weak self] state in
                if case .unavailable(let failure) = state { self?.failed(endpoint, failure) }
            }
            let pool = try ConnectionPool(configuration.forNode(endpoint), endpoint, role, logger: logger)
            state.pools[endpoint] = pool
            return pool
        }
    }

    // MARK: Discoverer

    func discover(isEstablishing: Bool) async throws(RedisConnectionFailure) -> ClusterMap {
        var failures: [RedisConnectionFailure] = []
        for node in nodesToAsk() {
            let layout: ClusterLayout
            do throws(RedisConnectionFailure) {
                layout = try await self.layout(from: node)
            } catch {
                failures.append(error)
                state.withLock { _ = $0.suspects.insert(node) }
                continue
            }
            return try await adopt(layout, isEstablishing: isEstablishing)
        }
        throw RedisConnectionFailure(
            "no node tells about the cluster.",
            failures,
            orElse: configuration.endpoints[0]
        )
    }

    func name(of servers: ClusterMap) -> String {
        let names = servers.masters.map { "\($0.endpoint)" }.joined(separator: ", ")
        return "the cluster of \(servers.masters.count) master(s): \(names)"
    }

    func endpoint(of servers: ClusterMap) -> RedisEndpoint {
        servers.masters.first?.endpoint ?? configuration.endpoints[0]
    }

    /// Masters, replicas, and then the configured endpoints, in random order, but suspects last.
    private func nodesToAsk() -> [RedisEndpoint] {
        let map = discovery.servers
        let suspects = state.withLock { $0.suspects }
        let known = (map?.masters.map(\.endpoint) ?? []).shuffled() + (map?.replicas ?? []).shuffled()
        let nodes = (known + configuration.endpoints).reduce(into: [RedisEndpoint]()) { nodes, node in
            if !nodes.contains(node) { nodes.append(node) }
        }
        return nodes.filter { !suspects.contains($0) } + nodes.filter(suspects.contains)
    }

    private func layout(from node: RedisEndpoint) async throws(RedisConnectionFailure) -> ClusterLayout {
        let question: [RedisArgument] = ["CLUSTER", "SLOTS"]
        let patience = discovery.servers == nil ? configuration.connectTimeout : Self.patience
        let reply: RedisValue
        do throws(RedisError) {
            if let pool = state.withLock({ $0.pools[node] }) {
                let bytes = try CommandBytes(question)
                reply = try await pool.send(PendingCommand(bytes, deadline: .now + min(patience, Self.patience)))
            } else {
                reply = try await Probe.ask(
                    node,
                    question,
                    configuration.forNode(node),
                    within: patience,
                    logger: logger
                )
            }
        } catch {
            guard case .server(let refusal) = error, refusal.message.contains("cluster support disabled") else {
                throw RedisConnectionFailure(error, of: node)
            }
            throw RedisConnectionFailure(
                .refusedByServer,
                node,
                "\(refusal.message). Several endpoints mean Redis Cluster; for a single server name only one, for "
                    + "Sentinels set serviceName."
            )
        }
        guard let layout = ClusterLayout(reply, from: node) else {
            throw RedisConnectionFailure(.protocolViolation, node, "the reply to CLUSTER SLOTS is no list of slots.")
        }
        guard !layout.masters.isEmpty else {
            throw RedisConnectionFailure(.refusedByServer, node, "the cluster has no slots assigned to any node.")
        }
        state.withLock { _ = $0.suspects.remove(node) }
        return layout
    }

    /// Makes the layout the map. During an outage, only when all of its masters answer.
    private func adopt(
        _ layout: ClusterLayout,
        isEstablishing: Bool
    ) async throws(RedisConnectionFailure) -> ClusterMap {
        let map: ClusterMap
        do throws(RedisError) {
            var pools: [ConnectionPool] = []
            for master in layout.masters { pools.append(try pool(for: master)) }
            map = ClusterMap(layout, pools)
        } catch {
            throw RedisConnectionFailure(error, of: layout.masters[0])
        }
        // Also if a master turns out not to answer: the others do.
        discovery.update { $0 = map }
        let gone = state.withLock { state in
            let gone = state.pools.filter { !layout.masters.contains($0.key) }
            for endpoint in gone.keys { state.pools[endpoint] = nil }
            state.suspects.subtract(gone.keys)
            return Array(gone.values)
        }
        // Unsent commands come back and go by the new map.
        for pool in gone {
            pool.stop(
                because: RedisConnectionFailure(
                    .closedByServer,
                    pool.endpoint,
                    "the server is no master of the cluster any more."
                )
            )
        }
        if isEstablishing { try await checkAll(map.masters) }
        return map
    }

    private func checkAll(_ masters: [ConnectionPool]) async throws(RedisConnectionFailure) {
        let deadline = ContinuousClock.now + (discovery.servers == nil ? configuration.connectTimeout : Self.patience)
        let failures = await withTaskGroup(of: RedisConnectionFailure?.self) { group in
            for pool in masters {
                group.addTask {
                    do throws(RedisError) {
                        _ = try await pool.send(PendingCommand(try CommandBytes(["PING"]), deadline: deadline))
                        return nil
                    } catch {
                        // An ACL may forbid PING; that, too, is an answer.
                        if case .server(let reply) = error, Redirection(reply, from: pool.endpoint) == nil {
                            return nil
                        }
                        return RedisConnectionFailure(error, of: pool.endpoint)
                    }
                }
            }
            return await group.reduce(into: [RedisConnectionFailure]()) { if let failure = $1 { $0.append(failure) } }
        }
        guard !failures.isEmpty else { return }
        throw RedisConnectionFailure("masters do not answer.", failures, orElse: configuration.endpoints[0])
    }
}
