internal import Logging
internal import Synchronization

/// The master of a replicated server, as Redis Sentinel names it ("Sentinel clients", redis.io).
///
/// A connection is for one life of one master. When it is lost, or the server turns out to be a replica, the Sentinels
/// are asked again: the old address may be back as a replica, or as a master that nobody else knows.
final class SentinelRouter: Router, Discoverer {
    private struct State {
        /// The one that answered last comes first; those learnt from others follow those configured.
        var sentinels: [RedisEndpoint]
    }

    private let configuration: RedisConfiguration
    private let serviceName: String
    private let logger: Logger
    private let state: Mutex<State>
    private let discovery: Discovery<SentinelRouter>

    init(
        _ configuration: RedisConfiguration,
        serviceName: String,
        states: StateBroadcast,
        logger: Logger
    ) {
        self.configuration = configuration
        self.serviceName = serviceName
        self.logger = logger
        state = Mutex(State(sentinels: configuration.endpoints))
        discovery = Discovery(configuration, states: states, logger: logger)
        discovery.start(self)
    }

    func connect() async throws(RedisError) {
        try await discovery.connect()
    }

    func send(_ command: RoutedCommand) async throws(RedisError) -> RedisValue {
        var pause = RetryPause()
        while true {
            let pool = try await discovery.servers(by: command.deadline)
            do throws(RedisError) {
                return try await pool.send(command.pending())
            } catch {
                guard mayTryAgain(after: error, by: pool) else { throw error }
                try await pause.wait(until: command.deadline, orThrow: error)
            }
        }
    }

    func masters() async throws(RedisError) -> [RedisEndpoint] {
        [try await discovery.servers(by: .now + configuration.syncTimeout).endpoint]
    }

    func send(_ command: RoutedCommand, to server: RedisEndpoint) async throws(RedisError) -> RedisValue {
        try await send(command)
    }

    func stop() {
        discovery.stop()
        discovery.servers?.stop()
    }

    /// Whether the command was not executed and may be by whoever is the master then.
    private func mayTryAgain(after error: RedisError, by pool: ConnectionPool) -> Bool {
        switch error {
        case .connectionFailed(let failure):
            lost(pool, failure)
            return true
        case .connectionLost(let mayHaveBeenExecuted, let failure):
            lost(pool, failure)
            return !mayHaveBeenExecuted
        case .clientClosed(mayHaveBeenExecuted: false): return !discovery.isStopped
        case .timedOut:
            discovery.renew()
            return false
        case .server(let reply):
            switch Redirection(reply, from: pool.endpoint) {
            case .readOnly:
                let failure = RedisConnectionFailure(
                    .refusedByServer,
                    pool.endpoint,
                    wasEstablished: true,
                    "the server has become a replica (READONLY); the Sentinels are asked for the master."
                )
                lost(pool, failure)
                return true
            case .tryAgain, .lost: return true
            case .moved, .ask, nil: return false
            }
        default: return false
        }
    }

    private func lost(_ pool: ConnectionPool, _ failure: RedisConnectionFailure) {
        discovery.renew(because: failure, forgetting: true) { $0 === pool }
        // Unsent commands come back and go to the next master. Not here, because it waits for threads.
        Task { pool.stop(because: failure) }
    }

    // MARK: Discoverer

    func discover(isEstablishing: Bool) async throws(RedisConnectionFailure) -> ConnectionPool {
        var failures: [RedisConnectionFailure] = []
        for sentinel in state.withLock({ $0.sentinels }) {
            do throws(RedisConnectionFailure) {
                let address = try await askForMaster(sentinel)
                let current = discovery.servers
                if let current, current.endpoint == address, current.isUp { return current }
                let pool = try await connect(to: address, namedBy: sentinel)
                if let current {
                    let failure = RedisConnectionFailure(
                        .closedByServer,
                        current.endpoint,
                        "the Sentinels name \(address) as the master now."
                    )
                    current.stop(because: failure)
                }
                return pool
            } catch {
                failures.append(error)
            }
        }
        throw RedisConnectionFailure(
            "no Sentinel led to the master \"\(serviceName)\" (serviceName).",
            failures,
            orElse: configuration.endpoints[0]
        )
    }

    func name(of servers: ConnectionPool) -> String {
        "\(servers.endpoint), the master \"\(serviceName)\""
    }

    func endpoint(of servers: ConnectionPool) -> RedisEndpoint { servers.endpoint }

    private func askForMaster(_ sentinel: RedisEndpoint) async throws(RedisConnectionFailure) -> RedisEndpoint {
        let name = RedisArgument(serviceName)
        let unknown = RedisConnectionFailure(
            .refusedByServer,
            sentinel,
            "this Sentinel knows no master \"\(serviceName)\". Is serviceName right?"
        )
        let replies: [RedisValue]
        do throws(RedisError) {
            replies = try await Probe.ask(
                sentinel,
                [["SENTINEL", "GET-MASTER-ADDR-BY-NAME", name], ["SENTINEL", "SENTINELS", name]],
                configuration.forSentinels.forNode(sentinel),
                within: patience,
                logger: logger
            )
        } catch {
            // The second question is answered with an error where the first is with null.
            if case .server(let reply) = error, reply.message.contains("No such master") { throw unknown }
            throw RedisConnectionFailure(error, of: sentinel)
        }
        guard !replies[0].isNull else { throw unknown }
        guard let parts = replies[0].array, parts.count == 2, let host = parts[0].text,
            let port = parts[1].text.flatMap({ Int($0) }), (1...65535).contains(port)
        else {
            throw RedisConnectionFailure(.protocolViolation, sentinel, "the reply is no address of a master.")
        }
        remember(sentinel, and: replies[1])
        return RedisEndpoint(host: host, port: port)
    }

    /// - Parameter others: For each of the other Sentinels a list of names and values.
    private func remember(_ sentinel: RedisEndpoint, and others: RedisValue) {
        let learnt: [RedisEndpoint] = (others.array ?? []).compactMap { fields in
            let words = (fields.array ?? []).map { $0.text ?? "" }
            func value(_ name: String) -> String? {
                words.firstIndex(of: name).flatMap { $0 + 1 < words.count ? words[$0 + 1] : nil }
            }
            guard let host = value("ip"), !host.isEmpty, let port = value("port").flatMap({ Int($0) }),
                (1...65535).contains(port)
            else { return nil }
            return RedisEndpoint(host: host, port: port)
        }
        state.withLock { state in
            let rest = configuration.endpoints + learnt
            state.sentinels = rest.reduce(into: [sentinel]) { if !$0.contains($1) { $0.append($1) } }
        }
    }

    private func connect(
        to address: RedisEndpoint,
        namedBy sentinel: RedisEndpoint
    ) async throws(RedisConnectionFailure) -> ConnectionPool {
        var role = ConnectionRole(keepsWaiting: false, reconnects: false)
        let reporter = LossReporter()
        role.publish = { [reporter] state in
            if case .unavailable(let failure) = state { reporter.tell(failure) }
        }
        do throws(RedisError) {
            let pool = try ConnectionPool(configuration.forNode(address), address, role, logger: logger)
            do throws(RedisError) {
                let bytes = try CommandBytes(["ROLE"])
                let reply = try await pool.send(PendingCommand(bytes, deadline: .now + patience))
                guard let role = reply.array?.first?.text else {
                    throw .connectionFailed(
                        RedisConnectionFailure(.protocolViolation, address, "the reply to ROLE is none.")
                    )
                }
                guard role == "master" else {
                    throw .connectionFailed(
                        RedisConnectionFailure(
                            .refusedByServer,
                            address,
                            "the Sentinel \(sentinel) names it as the master, but it says that it is a \(role). A "
                                + "failover may be on its way."
                        )
                    )
                }
            } catch {
                pool.stop()
                throw error
            }
            reporter.report(to: { [weak self, weak pool] failure in
                if let pool { self?.lost(pool, failure) }
            })
            return pool
        } catch {
            throw RedisConnectionFailure(error, of: address)
        }
    }

    /// For one server, when there are others to ask.
    private var patience: Duration { min(configuration.connectTimeout, .seconds(2)) }
}
