internal import Logging
internal import Synchronization

/// One server, whatever its name leads to.
final class StandaloneRouter: Router {
    private let configuration: RedisConfiguration
    private let pool: ConnectionPool
    private let reporting = Reporting()

    /// Whether the states of this server are still those of the client.
    private final class Reporting: Sendable {
        let isOn = Atomic(true)
    }

    init(_ configuration: RedisConfiguration, states: StateBroadcast, logger: Logger) throws(RedisError) {
        self.configuration = configuration
        var role = ConnectionRole(isProminent: true)
        role.publish = { [reporting] state in
            if reporting.isOn.load(ordering: .relaxed) { states.publish(state) }
        }
        pool = try ConnectionPool(configuration, configuration.endpoints[0], role, logger: logger)
    }

    func connect() async throws(RedisError) {
        try await pool.connect(by: .now + configuration.connectTimeout)
    }

    func send(_ command: RoutedCommand) async throws(RedisError) -> RedisValue {
        do throws(RedisError) {
            return try await pool.send(command.pending())
        } catch {
            // A managed service gives its name to another server when the master has failed.
            if case .server(let reply) = error, reply.code == "READONLY" { pool.renew() }
            throw error
        }
    }

    func masters() async throws(RedisError) -> [RedisEndpoint] { [pool.endpoint] }

    func send(_ command: RoutedCommand, to server: RedisEndpoint) async throws(RedisError) -> RedisValue {
        try await send(command)
    }

    /// No states are published from now on; commands on their way still get their replies.
    func retire() {
        reporting.isOn.store(false, ordering: .relaxed)
    }

    func stop() {
        pool.stop()
    }
}
