internal import DequeModule
import Logging
import Synchronization

/// The connections to one server.
///
/// The first one is there from the start and always. More are opened, one at a time, when all have as much in flight as
/// `pipelineDepth` allows and that does not pass soon, up to `maximumConnections`; those beyond `minimumConnections` end
/// when they are idle.
///
/// ## Guarantees
/// - A command goes to the connection with the least in flight, once. Those that find no room wait in the order they
///   came.
/// - While nothing is up, all commands are for the first connection, which keeps trying.
final class ConnectionPool: ConnectionOwner {
    private struct Member {
        let number: Int
        let connection: RedisConnection
        /// The weight of the commands it has been given and that have not left it.
        var inFlight = 0
        var isUp = false
    }

    private struct Waiting {
        let command: PendingCommand
        let since: ContinuousClock.Instant
    }

    private struct State {
        /// The first is the one that always is.
        var members: [Member] = []
        var waiting: Deque<Waiting> = []
        var nextNumber = 1
        /// A connection is being made that is not among the members yet.
        var isAdding = false
        /// The last attempt to open another connection failed for this reason, and the next one is not before that.
        var whyNotMore: RedisConnectionFailure?
        var mayAddAt = ContinuousClock.now
        /// Why the first connection is not up.
        var whyDown: RedisConnectionFailure?
        var renewedAt: ContinuousClock.Instant?
        var isWatchingTime = false
        var isStopped = false

        /// The connection to give a command of this weight to, if one has room for it.
        func bestMember(for weight: Int, depth: Int) -> Int? {
            var best: Int?
            for index in members.indices where members[index].isUp || index == 0 {
                let inFlight = members[index].inFlight
                guard inFlight == 0 || inFlight + weight <= depth else { continue }
                if let known = best {
                    // One that is up comes before one that is not.
                    let isBetter =
                        members[index].isUp == members[known].isUp
                        ? inFlight < members[known].inFlight : members[index].isUp
                    if isBetter { best = index }
                } else {
                    best = index
                }
            }
            return best
        }
    }

    let endpoint: RedisEndpoint
    private let configuration: RedisConfiguration
    private let role: ConnectionRole
    private let logger: Logger
    private let state = Mutex(State())

    /// For how long somebody has waited when another connection is opened. A full pipeline has room again in less time
    /// than opening one takes; without pipelining, a connection for each command is what was asked for.
    private var addingDelay: Duration { configuration.pipelineDepth == 1 ? .zero : .milliseconds(10) }
    /// How long an attempt to open another connection has to wait after one that failed.
    private static let addingPause: Duration = .seconds(1)
    /// A server that is a replica is looked up anew not more often than this.
    private static let renewalPause: Duration = .seconds(1)

    /// - Parameter role: Of the first connection.
    init(
        _ configuration: RedisConfiguration,
        _ endpoint: RedisEndpoint,
        _ role: ConnectionRole,
        logger: Logger
    ) throws(RedisError) {
        self.endpoint = endpoint
        self.configuration = configuration
        self.role = role
        self.logger = logger
        do throws(SystemError) {
            let first = try RedisConnection(configuration, endpoint, role, owner: self, logger: logger)
            state.withLock { $0.members = [Member(number: role.number, connection: first)] }
        } catch {
            throw .connectionFailed(RedisConnectionFailure(.network, endpoint, "\(error)"))
        }
    }

    /// Connects, if that has not happened, and waits for the first connection; the others that are to be kept warm
    /// follow by themselves.
    func connect(by deadline: ContinuousClock.Instant) async throws(RedisError) {
        let request = ConnectRequest(deadline: deadline)
        guard let first = state.withLock({ $0.isStopped ? nil : $0.members.first?.connection }),
            first.mailbox.send(request)
        else { throw .clientClosed(mayHaveBeenExecuted: false) }
        let outcome = await request.outcome.outcome { request.outcome.decide(.failure(.cancelled)) }
        try outcome.get()
    }

    /// Sends a command and waits for its reply.
    func send(_ command: PendingCommand) async throws(RedisError) -> RedisValue {
        guard submit(command) else { throw .clientClosed(mayHaveBeenExecuted: false) }
        return try await command.reply.outcome { command.reply.decide(.failure(.cancelled)) }.get()
    }

    /// Has all connections made anew, each when no reply is owed on it. Not more often than once a second.
    func renew() {
        let now = ContinuousClock.now
        let members: [Member] = state.withLock { state in
            if let last = state.renewedAt, now < last + Self.renewalPause { return [] }
            state.renewedAt = now
            return state.members
        }
        for member in members { member.connection.mailbox.renew() }
    }

    /// Whether the first connection can be used, as far as is known.
    var isUp: Bool { state.withLock { $0.members.first?.isUp ?? false } }

    /// Ends all connections and waits for their threads. Idempotent.
    ///
    /// - Parameter failure: What commands fail with that have not been answered; `nil` when the client is shut down.
    func stop(because failure: RedisConnectionFailure? = nil) {
        let (members, waiting) = state.withLock { state in
            state.isStopped = true
            defer {
                state.members = []
                state.waiting = []
            }
            return (state.members, state.waiting)
        }
        let error = failure.map { RedisError.connectionFailed($0) } ?? .clientClosed(mayHaveBeenExecuted: false)
        for entry in waiting { entry.command.reply.decide(.failure(error)) }
        for member in members { member.connection.mailbox.stop(because: failure) }
        for member in members { member.connection.stop() }
    }

    // MARK: Handing out

    /// False if the pool has been stopped.
    private func submit(_ command: PendingCommand) -> Bool {
        while true {
            switch place(command) {
            case .onto(let connection):
                // It may have ended since it was chosen.
                if connection.mailbox.send(command) { return true }
            case .amongWaiting:
                return true
            case .nowhere:
                return false
            }
        }
    }

    private enum Place {
        case onto(RedisConnection)
        case amongWaiting
        case nowhere
    }

    private func place(_ command: PendingCommand) -> Place {
        var mustAdd = false
        var mustWatchTime = false
        let place: Place = state.withLock { state in
            if state.isStopped { return .nowhere }
            if state.waiting.isEmpty,
                let index = state.bestMember(for: command.weight, depth: configuration.pipelineDepth)
            {
                state.members[index].inFlight += command.weight
                if state.members.count < configuration.minimumConnections { mustAdd = beginAdding(&state) }
                return .onto(state.members[index].connection)
            }
            let now = ContinuousClock.now
            state.waiting.append(Waiting(command: command, since: now))
            mustWatchTime = !state.isWatchingTime
            state.isWatchingTime = true
            mustAdd = isTimeToAdd(state, now) && beginAdding(&state)
            return .amongWaiting
        }
        if mustAdd { add() }
        if mustWatchTime { watchTime() }
        return place
    }

    /// Gives room to those who wait.
    private func handOut(_ change: (inout State) -> Void) {
        var sends: [(PendingCommand, RedisConnection)] = []
        var mustAdd = false
        state.withLock { state in
            change(&state)
            while let command = state.waiting.first?.command {
                if command.reply.isDecided {
                    state.waiting.removeFirst()
                    continue
                }
                guard let index = state.bestMember(for: command.weight, depth: configuration.pipelineDepth) else {
                    break
                }
                state.waiting.removeFirst()
                state.members[index].inFlight += command.weight
                sends.append((command, state.members[index].connection))
            }
            mustAdd = isTimeToAdd(state, .now) && beginAdding(&state)
        }
        if mustAdd { add() }
        for (command, connection) in sends where !connection.mailbox.send(command) && !submit(command) {
            command.reply.decide(.failure(.clientClosed(mayHaveBeenExecuted: false)))
        }
    }

    // MARK: Growing

    private func isTimeToAdd(_ state: State, _ now: ContinuousClock.Instant) -> Bool {
        if state.members.count < configuration.minimumConnections { return true }
        return state.waiting.first.map { $0.since + addingDelay <= now } ?? false
    }

    /// Whether another connection is to be opened now, by ``add()``.
    private func beginAdding(_ state: inout State) -> Bool {
        guard !state.isStopped, !state.isAdding, state.members.count < configuration.maximumConnections,
            state.members.allSatisfy(\.isUp), ContinuousClock.now >= state.mayAddAt
        else { return false }
        state.isAdding = true
        return true
    }

    private func add() {
        let number = state.withLock { state in
            defer { state.nextNumber += 1 }
            return state.nextNumber
        }
        var other = ConnectionRole(number: number, keepsWaiting: false, reconnects: false)
        other.idleLimit = configuration.idleConnectionLimit
        do throws(SystemError) {
            let connection = try RedisConnection(configuration, endpoint, other, owner: self, logger: logger)
            let isWanted = state.withLock { state in
                state.isAdding = false
                if state.isStopped { return false }
                state.members.append(Member(number: number, connection: connection))
                return true
            }
            // Makes it connect; it tells by itself when it has.
            if isWanted { _ = connection.mailbox.send(ConnectRequest(deadline: .now + configuration.connectTimeout)) }
        } catch {
            state.withLock { state in
                state.isAdding = false
                state.whyNotMore = RedisConnectionFailure(.network, endpoint, "\(error)")
                state.mayAddAt = .now + Self.addingPause
            }
        }
    }

    // MARK: ConnectionOwner

    func isUp(_ number: Int) {
        handOut { state in
            guard let index = state.members.firstIndex(where: { $0.number == number }) else { return }
            state.members[index].isUp = true
            if index == 0 { state.whyDown = nil } else { state.whyNotMore = nil }
        }
    }

    func failed(_ number: Int, _ failure: RedisConnectionFailure) {
        var removed: Member?
        var stranded: Deque<Waiting> = []
        handOut { state in
            guard let index = state.members.firstIndex(where: { $0.number == number }) else { return }
            state.members[index].isUp = false
            if index == 0 {
                state.whyDown = failure
                guard !role.keepsWaiting else { return }
                stranded = state.waiting
                state.waiting = []
            } else {
                removed = state.members.remove(at: index)
                state.whyNotMore = failure
                state.mayAddAt = .now + Self.addingPause
            }
        }
        for entry in stranded { entry.command.reply.decide(.failure(.connectionFailed(failure))) }
        guard let removed else { return }
        // Ends its own thread, without waiting for it.
        removed.connection.mailbox.stop()
        // Looks once, by which time commands may have had it replaced.
        Task { [weak self] in
            try? await Task.sleep(for: Self.addingPause)
            self?.handOut { _ in }
        }
    }

    func takeBack(_ unsent: [PendingCommand], from number: Int, because failure: RedisConnectionFailure) {
        if number == role.number {
            for command in unsent { command.reply.decide(.failure(.connectionFailed(failure))) }
            return
        }
        for command in unsent where !submit(command) {
            command.reply.decide(.failure(.clientClosed(mayHaveBeenExecuted: false)))
        }
    }

    func settled(_ weight: Int, by number: Int) {
        handOut { state in
            guard let index = state.members.firstIndex(where: { $0.number == number }) else { return }
            state.members[index].inFlight -= weight
        }
    }

    func mayRetire(_ number: Int) -> Bool {
        let retired: Member? = state.withLock { state in
            guard state.members.count > configuration.minimumConnections,
                let index = state.members.firstIndex(where: { $0.number == number }), index > 0,
                state.members[index].inFlight == 0
            else { return nil }
            return state.members.remove(at: index)
        }
        return retired != nil
    }

    // MARK: Time

    /// Fails those who wait too long for room, and makes more. Runs while somebody waits.
    private func watchTime() {
        // Ends by itself when nobody waits, which `stop()` sees to.
        Task { [weak self] in
            while let next = self?.expire(.now) { try? await Task.sleep(until: next, clock: .continuous) }
        }
    }

    /// The next time to look, or `nil` if nobody waits.
    private func expire(_ now: ContinuousClock.Instant) -> ContinuousClock.Instant? {
        let (expired, error, next, mustAdd) = state.withLock { state in
            let expired = state.waiting.filter { $0.command.deadline <= now }
            if !expired.isEmpty { state.waiting.removeAll { $0.command.deadline <= now } }
            let deadline = state.waiting.lazy.map(\.command.deadline).min()
            state.isWatchingTime = deadline != nil
            let mustAdd = isTimeToAdd(state, now) && beginAdding(&state)
            // Whether there is enough room is looked at as often as somebody may have waited too long for it.
            let next = deadline.map { min($0, now + max(addingDelay, .milliseconds(10))) }
            return (expired, whyNoRoom(state), next, mustAdd)
        }
        if mustAdd { add() }
        for entry in expired { entry.command.reply.decide(.failure(error(entry.command.name))) }
        return next
    }

    private func whyNoRoom(_ state: State) -> (String) -> RedisError {
        if let failure = state.whyDown { return { _ in .connectionFailed(failure) } }
        let count = state.members.count
        let more = state.whyNotMore.map { " Another could not be opened: \($0.detail)" } ?? ""
        return { [endpoint, configuration] name in
            .timedOut(
                mayHaveBeenExecuted: false,
                detail: "\(name) waited for room on one of \(count) connections to \(endpoint), of at most "
                    + "\(configuration.maximumConnections) (MaxConnectionPoolSize), each with at most "
                    + "\(configuration.pipelineDepth) commands in flight (PipelineBatchSize).\(more)"
            )
        }
    }
}
