internal import Glibc
internal import JSON
internal import Logging
internal import Synchronization

/// The credentials that a plugin hands out, for as long as they are good.
///
/// The plugin runs on a thread of its own, once at a time; whoever needs credentials meanwhile waits for that run.
/// Cancelling a waiting task lets only that task go.
final class ExecCredentialSource: Sendable {
    /// The outcome of a run.
    struct Issue: Sendable {
        let credential: ExecCredential
        /// Counts the runs.
        let run: UInt64
    }

    /// How long before they expire credentials are renewed, so that none expires on its way to the server: a tenth of
    /// their life, at most this. 60 s are those of kube-rs (`client/auth`); client-go waits for the end.
    static let largestMargin: Duration = .seconds(60)
    /// A failed renewal of credentials that are still good is tried again after this.
    static let pauseAfterFailure: Duration = .seconds(10)
    /// When a run after a refusal gives the refused credentials again, the next refusal leads to a run only after this.
    /// Otherwise the plugin would be run once for each request, as in client-go.
    static let pauseAfterRepetition: Duration = .seconds(10)
    /// What the plugin gave, an error included, is used for so long, whatever its expiration: a clock that is wrong, or a
    /// plugin that fails, must not have it run for each request.
    static let shortestUse: Duration = .seconds(1)

    /// What the last good run gave.
    private struct Holding {
        let issue: Issue
        let issuedAt: Duration
        /// Whether the run before gave the same.
        let isRepetition: Bool
        /// nil when only a refusal by the server does.
        var renewsAt: Timestamp?
    }

    private struct Waiter {
        let continuation: CheckedContinuation<Issue, any Error>
        /// Whether credentials that are still good will do when the run fails.
        let takesHeld: Bool
    }

    private struct State {
        var holding: Holding?
        var runs: UInt64 = 0
        var isRunning = false
        var process: ExecProcess?
        var waiters: [UInt64: Waiter] = [:]
        var nextWaiter: UInt64 = 0
        /// The last run, if it failed.
        var failure: (error: CredentialError, at: Duration)?
        var hasEnded = false
    }

    private let plugin: ExecPlugin
    private let cluster: @Sendable () -> JSONValue
    private let clock: ConnectionClock
    private let logger: Logger
    private let isTerminal: @Sendable () -> Bool
    private let state = Mutex(State())

    /// - Parameter cluster: `spec.cluster` of the request, apart from `config`.
    init(
        _ plugin: ExecPlugin,
        clock: ConnectionClock,
        logger: Logger,
        isTerminal: @escaping @Sendable () -> Bool = { isatty(0) == 1 },
        cluster: @escaping @Sendable () -> JSONValue
    ) {
        self.plugin = plugin
        self.cluster = cluster
        self.clock = clock
        self.logger = logger
        self.isTerminal = isTerminal
    }

    /// Credentials that are good by the plugin's word.
    /// - Throws: `CredentialError`, or `CancellationError` when the task is cancelled.
    func current() async throws -> Issue {
        try await issue(takesHeld: true) { [clock] state in
            guard let holding = state.holding else { return nil }
            if let renewsAt = holding.renewsAt, renewsAt <= clock.date(),
                clock.elapsed() - holding.issuedAt >= Self.shortestUse
            {
                return nil
            }
            return holding.issue
        }
    }

    /// Credentials of a later run than `run`, whose were refused; the same again in the pause after a repetition.
    /// - Throws: as `current`.
    func renewed(after run: UInt64) async throws -> Issue {
        try await issue(takesHeld: false) { [clock] state in
            guard let holding = state.holding else { return nil }
            let isPausing = holding.isRepetition && clock.elapsed() - holding.issuedAt < Self.pauseAfterRepetition
            return holding.issue.run > run || isPausing ? holding.issue : nil
        }
    }

    /// Kills the plugin if it runs, and fails all who wait. Idempotent.
    func shutdown() {
        let (process, waiters) = state.withLock { state in
            state.hasEnded = true
            defer { state.waiters = [:] }
            return (state.process, state.waiters)
        }
        process?.kill()
        for waiter in waiters.values { waiter.continuation.resume(throwing: Self.ended) }
    }

    private static let ended = CredentialError("the client was shut down")

    // MARK: Waiting

    private func issue(
        takesHeld: Bool,
        _ ready: @escaping @Sendable (borrowing State) -> Issue?
    ) async throws -> Issue {
        let (held, id) = state.withLock { state in
            state.nextWaiter += 1
            return (state.hasEnded ? nil : ready(state), state.nextWaiter)
        }
        if let held { return held }
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                wait(Waiter(continuation: continuation, takesHeld: takesHeld), id, ready)
            }
        } onCancel: {
            letGo(id)
        }
    }

    private func wait(_ waiter: Waiter, _ id: UInt64, _ ready: (borrowing State) -> Issue?) {
        enum Step {
            case resume(Result<Issue, any Error>)
            case start
            case wait
        }
        let step = state.withLock { state -> Step in
            if state.hasEnded { return .resume(.failure(Self.ended)) }
            // A run may have ended since.
            if let issue = ready(state) { return .resume(.success(issue)) }
            if !state.isRunning, let failure = state.failure, clock.elapsed() - failure.at < Self.shortestUse {
                return .resume(.failure(failure.error))
            }
            state.waiters[id] = waiter
            defer { state.isRunning = true }
            return state.isRunning ? .wait : .start
        }
        switch step {
        case .resume(let result): waiter.continuation.resume(with: result)
        case .wait: break
        case .start:
            if !DetachedThread.start({ [self] in run() }) {
                finish(.failure(CredentialError("no thread for credential plugin \(plugin.command)")))
            }
        }
        // Cancelled before it was there to be let go.
        if Task.isCancelled { letGo(id) }
    }

    private func letGo(_ id: UInt64) {
        state.withLock { $0.waiters.removeValue(forKey: id) }?.continuation.resume(throwing: CancellationError())
    }

    // MARK: Running, on the plugin's thread

    private func run() {
        do throws(CredentialError) {
            finish(.success(try ask()))
        } catch {
            finish(.failure(error))
        }
    }

    private func ask() throws(CredentialError) -> ExecCredential {
        let name = "credential plugin \(plugin.command)"
        let isInteractive = plugin.interactiveMode != .never && isTerminal()
        guard isInteractive || plugin.interactiveMode != .always else {
            throw CredentialError(
                "\(name) must be able to ask the user (interactiveMode: Always), but standard input is no terminal"
            )
        }
        let request = plugin.request(isInteractive: isInteractive, cluster: cluster()).serialized()
        var environment = plugin.environment
        environment["KUBERNETES_EXEC_INFO"] = String(decoding: request, as: UTF8.self)
        let process: ExecProcess
        do throws(Spawn.SystemError) {
            process = try ExecProcess(
                plugin.program(),
                plugin.arguments,
                environment.map { "\($0.key)=\($0.value)" },
                isInteractive: isInteractive
            )
        } catch {
            throw CredentialError("\(name) cannot be started: \(error)\(plugin.hint)")
        }
        let hasEnded = state.withLock { state in
            state.process = process
            return state.hasEnded
        }
        if hasEnded { process.kill() }
        let (output, ending) = process.run(limit: isInteractive ? nil : plugin.timeout)
        let complaint = "; what it has to say is on standard error"
        switch ending {
        case .exited(status: 0): return try ExecCredential(parsing: output, for: plugin)
        case .exited(let status): throw CredentialError("\(name) failed with exit status \(status)\(complaint)")
        case .signalled(let signal): throw CredentialError("\(name) was ended by signal \(signal)\(complaint)")
        case .timedOut: throw CredentialError("\(name) was killed, since it took longer than \(plugin.timeout)")
        case .tooLong: throw CredentialError("\(name) was killed, since it wrote more than a megabyte")
        }
    }

    private func finish(_ result: Result<ExecCredential, CredentialError>) {
        let (waiters, latest, isGood) = state.withLock { state -> ([Waiter], Issue?, Bool) in
            state.isRunning = false
            state.process = nil
            defer { state.waiters = [:] }
            let now = clock.date()
            switch result {
            case .success(let credential):
                state.failure = nil
                state.runs += 1
                state.holding = Holding(
                    issue: Issue(credential: credential, run: state.runs),
                    issuedAt: clock.elapsed(),
                    isRepetition: state.holding.map { credential.isSame(as: $0.issue.credential) } ?? false,
                    renewsAt: credential.expiration.map { Self.renewal(before: $0, issued: now) }
                )
            case .failure(let error):
                state.failure = (error, clock.elapsed())
                guard let expiration = state.holding?.issue.credential.expiration, now < expiration else { break }
                state.holding?.renewsAt = min(expiration, now.advanced(by: Self.pauseAfterFailure))
            }
            let latest = state.holding?.issue
            return (Array(state.waiters.values), latest, latest?.credential.expiration.map { now < $0 } ?? true)
        }
        switch result {
        case .success(let credential):
            let expiry = credential.expiration.map { "\($0)" } ?? "none"
            logger.debug("credential plugin has run", metadata: ["exec.expiration": "\(expiry)"])
            if !isGood { logger.warning("credential plugin hands out credentials that have expired") }
        case .failure(let error):
            logger.warning("credential plugin has failed", metadata: ["error": "\(error)"])
        }
        for waiter in waiters {
            if case .failure(let error) = result, !(waiter.takesHeld && isGood) || latest == nil {
                waiter.continuation.resume(throwing: error)
            } else if let latest {
                waiter.continuation.resume(returning: latest)
            }
        }
    }

    private static func renewal(before expiration: Timestamp, issued: Timestamp) -> Timestamp {
        let life = expiration.duration(since: issued)
        return expiration.advanced(by: .zero - max(.zero, min(life / 10, largestMargin)))
    }
}
