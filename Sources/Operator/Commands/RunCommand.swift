internal import Actions
internal import ArgumentParser
internal import CRDs
internal import Glibc
internal import HTTPTransport
internal import JSON
internal import KubeClient
internal import Logging
internal import Reconcilers
internal import UnixSignals
internal import Workflows

struct RunCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run",
        abstract: "Runs one process from a file in this terminal, or shows what it would do.",
        discussion: """
            Shows live progress on a terminal and plain lines in a pipe. State is kept in memory. Ctrl-C cancels the \
            process. Exit status: 0 Completed, 1 Failed, 2 the file cannot be run, 3 Cancelled.

            Needs no cluster unless a step touches one; --cluster says that there is one, found as kubectl finds it. \
            Such steps act as the process's service account.
            """
    )

    @Argument(help: "A YAML or JSON file with one HonuaProcess; - for standard input.")
    var file: String

    @Flag(help: "Only shows what each step would do, as spec.dryRun does.")
    var plan = false

    @Flag(name: .customLong("cluster"), help: "Steps may touch the cluster of the kubeconfig.")
    var usesCluster = false

    @OptionGroup var cluster: ClusterOptions

    @OptionGroup var logs: LogOptions

    private static let invalid = ExitCode(2)
    private static let cancelled = ExitCode(3)

    mutating func run() async throws {
        var request: ProcessRequest
        let transport = try HTTPTransport()
        defer { transport.shutdown() }
        let client: KubeClient?
        let actions: ActionCatalog
        do {
            let target = usesCluster ? try cluster.configuration() : nil
            client = try target.map { try KubeClient($0, logger: logger()) }
            let access = ClusterAccess(client: client, ownUser: target?.serviceAccountUser)
            let environment = try OperatorConfiguration(environment: ProcessEnvironment.variables)
            actions = .builtIn(transport: transport, cluster: access, isExecEnabled: environment.isExecEnabled)
            let source = try ProcessFile.read(file)
            request = try source.request(defaults: environment.defaults, actions: actions)
            request.namespace = source.namespace ?? target?.namespace
            request.isDryRun = request.isDryRun || plan
        } catch {
            StandardError.print("honua run: \(error)")
            throw Self.invalid
        }
        defer { client?.shutdown() }
        let end = await LocalRun(request: request, actions: actions, logger: logger()).run()
        switch end {
        case .completed: return
        case .cancelled: throw Self.cancelled
        default: throw ExitCode.failure
        }
    }

    /// The display tells the story; the log is for those who ask for more.
    private func logger() -> Logger {
        var logger = logs.logger("Honua.ProcessFramework")
        if logs.logLevel == "info" { logger.logLevel = .error }
        return logger
    }
}

/// Runs one process with an engine of its own and shows its progress.
private struct LocalRun {
    let request: ProcessRequest
    let actions: ActionCatalog
    let logger: Logger

    /// - Returns: the phase in which the process ended.
    func run() async -> ProcessPhase {
        let (changes, change) = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))
        var configuration = EngineConfiguration()
        configuration.announcesTakeovers = false
        let engine = ProcessEngine(
            store: InMemoryDocumentStore(),
            actions: actions,
            configuration: configuration,
            logger: logger,
            onChange: { _ in change.yield() }
        )
        let request = request
        // Trapped before anything runs, so that an early Ctrl-C cancels the process as well.
        let signals = await UnixSignalsSequence(trapping: .sigint, .sigterm)
        return await withTaskGroup(of: Void.self) { group in
            defer { group.cancelAll() }
            group.addTask { await engine.run() }
            group.addTask {
                for await _ in signals { engine.send(.cancel(.graceful), to: request.id) }
            }
            group.addTask {
                // Moves the display's clocks.
                while (try? await Task.sleep(for: .milliseconds(100))) != nil { change.yield() }
            }
            engine.submit(request, mode: .begin)
            var display = ProgressDisplay(isTerminal: isatty(STDOUT_FILENO) == 1)
            for await _ in changes {
                guard let run = engine.snapshot(of: request.id) else { continue }
                if let state = run.state, !request.isDryRun { display.show(state) }
                guard case .ended = run.activity else { continue }
                if let plan = run.state?.plan {
                    PlanOutput.print(plan)
                } else if let state = run.state {
                    display.finish(state)
                }
                return run.state?.status ?? .failed
            }
            return .failed
        }
    }
}
