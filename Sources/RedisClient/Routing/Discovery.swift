internal import Logging
internal import Synchronization

/// Whoever can find out where the servers are.
protocol Discoverer: AnyObject, Sendable {
    associatedtype Servers: Sendable

    /// One attempt.
    ///
    /// - Parameter isEstablishing: Whether this is to end an outage, so that success means that the servers answer.
    func discover(isEstablishing: Bool) async throws(RedisConnectionFailure) -> Servers
    /// How to call the servers after `Redis connected to`.
    func name(of servers: Servers) -> String
    /// The one to show as the state.
    func endpoint(of servers: Servers) -> RedisEndpoint
}

/// Keeps known where the servers are: one search at a time, repeated with growing delays until it succeeds.
///
/// Publishes the states and writes the log lines of the topology as a whole.
final class Discovery<Finder: Discoverer>: Sendable {
    typealias Servers = Finder.Servers

    /// Somebody who cannot go on before the servers are known.
    private final class Waiter: Sendable {
        let found = Promise<Servers>()
    }

    private struct State {
        weak var finder: Finder?
        var servers: Servers?
        /// Whether the servers answered when last heard of.
        var isUp = false
        var wasUpOnce = false
        var search: Task<Void, Never>?
        /// Something has changed since the search began.
        var mustSearchAgain = false
        var searchedAt: ContinuousClock.Instant?
        var lastFailure: RedisConnectionFailure?
        /// With how many failures each one bears.
        var waiters: [ObjectIdentifier: (waiter: Waiter, attemptsLeft: Int)] = [:]
        var log: ConnectionLog
        var isStopped = false
    }

    private let configuration: RedisConfiguration
    private let states: StateBroadcast
    private let state: Mutex<State>

    /// Searches that nothing forces are not closer together than this.
    private static var pause: Duration { .milliseconds(200) }
    /// The longest delay between two attempts. Short, because a failover takes seconds and commands wait for its end.
    private static var longestDelay: Duration { .seconds(1) }

    init(_ configuration: RedisConfiguration, states: StateBroadcast, logger: Logger) {
        self.configuration = configuration
        self.states = states
        state = Mutex(State(log: ConnectionLog(logger)))
    }

    /// To be called once, before anything else.
    func start(_ finder: Finder) {
        state.withLock { $0.finder = finder }
    }

    /// The servers, as far as is known.
    var servers: Servers? { state.withLock { $0.servers } }

    /// Changes what is known, without a search.
    func update(_ change: (inout Servers) -> Void) {
        state.withLock { state in
            if var servers = state.servers {
                state.servers = nil
                change(&servers)
                state.servers = servers
            }
        }
    }

    /// The servers, after a search if they are not known.
    func servers(by deadline: ContinuousClock.Instant) async throws(RedisError) -> Servers {
        if let servers { return servers }
        return try await wait(attempts: .max, until: deadline, isEnough: \.servers)
    }

    /// Searches until the servers answer, with the limits of ``RedisClient/connect()``.
    func connect() async throws(RedisError) {
        _ = try await wait(
            attempts: max(1, configuration.connectRetry),
            until: .now + configuration.connectTimeout,
            isEnough: { $0.isUp ? $0.servers : nil }
        )
    }

    /// The servers as they are found by a search from now on.
    func renewed() async throws(RedisError) -> Servers {
        try await wait(
            attempts: max(1, configuration.connectRetry),
            until: .now + configuration.connectTimeout,
            isEnough: { _ in nil }
        )
    }

    /// Searches in the background, because what is known may be out of date.
    func renew() {
        state.withLock { beginSearch(&$0, again: true) }
    }

    /// Searches in the background, because a server does not answer.
    ///
    /// - Parameter isCurrent: Whether the failed server still is one of those that count.
    func renew(
        because failure: RedisConnectionFailure,
        forgetting: Bool = false,
        if isCurrent: (Servers) -> Bool = { _ in true }
    ) {
        state.withLock { state in
            if state.isStopped { return }
            guard let servers = state.servers, isCurrent(servers) else {
                // It may be what the search is about to find.
                if state.search != nil { state.mustSearchAgain = true }
                return
            }
            if state.isUp || forgetting {
                state.isUp = false
                state.lastFailure = failure
                state.log.failed(failure, .now)
                states.publish(.unavailable(failure))
            }
            if forgetting { state.servers = nil }
            beginSearch(&state, again: true)
        }
    }

    /// Ends the search. Who waits fails.
    func stop() {
        let (search, waiters) = state.withLock { state in
            state.isStopped = true
            defer { state.waiters = [:] }
            return (state.search, state.waiters.values.map(\.waiter))
        }
        search?.cancel()
        for waiter in waiters { waiter.found.decide(.failure(.clientClosed(mayHaveBeenExecuted: false))) }
    }

    /// Whether commands that find no server need not look any further.
    var isStopped: Bool { state.withLock { $0.isStopped } }

    // MARK: Waiting

    private func wait(
        attempts: Int,
        until deadline: ContinuousClock.Instant,
        isEnough: (State) -> Servers?
    ) async throws(RedisError) -> Servers {
        let waiter = Waiter()
        let id = ObjectIdentifier(waiter)
        state.withLock { state in
            if state.isStopped {
                waiter.found.decide(.failure(.clientClosed(mayHaveBeenExecuted: false)))
            } else if let servers = isEnough(state) {
                waiter.found.decide(.success(servers))
            } else {
                state.waiters[id] = (waiter, attempts)
                beginSearch(&state, again: false)
            }
        }
        let outcome = await withTaskGroup(of: Void.self) { group in
            group.addTask {
                try? await Task.sleep(until: deadline, clock: .continuous)
                waiter.found.decide(.failure(.connectionFailed(self.whyUnknown)))
            }
            let outcome = await waiter.found.outcome { waiter.found.decide(.failure(.cancelled)) }
            group.cancelAll()
            return outcome
        }
        state.withLock { _ = $0.waiters.removeValue(forKey: id) }
        return try outcome.get()
    }

    private var whyUnknown: RedisConnectionFailure {
        let known = state.withLock { $0.lastFailure }
        return known
            ?? RedisConnectionFailure(
                .timeout,
                configuration.endpoints[0],
                "none of the \(configuration.endpoints.count) endpoints has answered yet."
            )
    }

    // MARK: Searching

    private func beginSearch(_ state: inout State, again: Bool) {
        if state.isStopped { return }
        if state.search != nil {
            state.mustSearchAgain = state.mustSearchAgain || again
            return
        }
        // Ends when the servers are known and answer, or by `stop()`.
        state.search = Task { [weak self] in await self?.search() }
    }

    private func search() async {
        var delay = ReconnectDelay(cap: Self.longestDelay)
        var generator = SystemRandomNumberGenerator()
        while let (finder, isEstablishing, earliest) = nextAttempt() {
            // Ended by cancellation only, which the next turn finds.
            try? await Task.sleep(until: earliest, clock: .continuous)
            do throws(RedisConnectionFailure) {
                let servers = try await finder.discover(isEstablishing: isEstablishing)
                if !found(servers, by: finder) { return }
                delay.reset()
            } catch {
                if !failed(error) { return }
                try? await Task.sleep(for: delay.next(using: &generator))
            }
        }
    }

    private func nextAttempt() -> (Finder, isEstablishing: Bool, earliest: ContinuousClock.Instant)? {
        state.withLock { state in
            guard !state.isStopped, let finder = state.finder else {
                state.search = nil
                return nil
            }
            state.mustSearchAgain = false
            let earliest = state.isUp ? (state.searchedAt.map { $0 + Self.pause } ?? .now) : .now
            return (finder, !state.isUp, earliest)
        }
    }

    /// Whether to search on.
    private func found(_ servers: Servers, by finder: Finder) -> Bool {
        state.withLock { state in
            guard !state.isStopped else { return false }
            state.servers = servers
            state.searchedAt = .now
            state.lastFailure = nil
            if !state.isUp {
                state.isUp = true
                state.wasUpOnce = true
                state.log.connected(to: finder.name(of: servers))
                states.publish(.connected(finder.endpoint(of: servers)))
            }
            for entry in state.waiters.values { entry.waiter.found.decide(.success(servers)) }
            state.waiters = [:]
            if !state.mustSearchAgain { state.search = nil }
            return state.mustSearchAgain
        }
    }

    /// Whether to search on.
    private func failed(_ failure: RedisConnectionFailure) -> Bool {
        state.withLock { state in
            guard !state.isStopped else { return false }
            state.searchedAt = .now
            state.isUp = false
            state.lastFailure = failure
            state.log.failed(failure, .now)
            states.publish(.unavailable(failure))
            for (id, entry) in state.waiters {
                state.waiters[id]?.attemptsLeft = entry.attemptsLeft - 1
                if entry.attemptsLeft <= 1 { entry.waiter.found.decide(.failure(.connectionFailed(failure))) }
            }
            state.waiters = state.waiters.filter { !$0.value.waiter.found.isDecided }
            let isWanted = !state.waiters.isEmpty || state.wasUpOnce || !configuration.abortConnect
            if !isWanted { state.search = nil }
            return isWanted
        }
    }
}
