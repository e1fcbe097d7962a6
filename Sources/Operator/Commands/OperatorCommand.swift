internal import ArgumentParser
internal import KubeClient
internal import Logging
internal import ServiceLifecycle
internal import UnixSignals

struct OperatorCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "operator",
        abstract: "Runs the operator: follows HonuaProcess resources and runs them.",
        discussion: """
            State is kept in memory unless Redis__Enabled=true and Redis__ConnectionString say otherwise. Ends with \
            status 0 on SIGTERM and SIGINT, and with status 1 when it cannot start.
            """
    )

    @OptionGroup var cluster: ClusterOptions
    @OptionGroup var logs: LogOptions

    @Option(help: "Namespaces to watch, separated by commas, or * for all. Default: the context's own.")
    var watchNamespaces: String?

    func run() async throws {
        let logger = logs.logger("Honua.Operator")
        do {
            let service = try await OperatorService.prepare(
                cluster: try cluster.configuration(),
                namespaces: watchNamespaces,
                environment: ProcessEnvironment.variables,
                logger: logs.logger
            )
            let group = ServiceGroup(
                configuration: ServiceGroupConfiguration(
                    services: [service],
                    gracefulShutdownSignals: [.sigterm, .sigint],
                    logger: logger
                )
            )
            try await group.run()
            logger.info("the operator has stopped")
        } catch {
            for line in "\(error)".split(separator: "\n") { logger.critical("\(line)") }
            throw ExitCode.failure
        }
    }
}
