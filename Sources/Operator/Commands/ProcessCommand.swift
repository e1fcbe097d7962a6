internal import ArgumentParser
internal import CRDs
internal import JSON
internal import KubeClient
internal import Logging
internal import Workflows

struct ProcessCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "process",
        abstract: "Looks at processes in a cluster, and tells what is to become of them.",
        subcommands: [Plan.self, ProcessAdoptCommand.self]
    )

    struct Plan: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Shows what the dry run of a process has found.",
            discussion: """
                For a process with spec.dryRun: true that has ended. Exit status: 0 with a plan, 1 when there is none yet, \
                when the dry run has failed, or when there is no such process.
                """
        )

        @Argument(help: "The name of the HonuaProcess.")
        var name: String

        @Option(name: [.short, .long], help: "Its namespace. Default: that of the kubeconfig's context.")
        var namespace: String?

        @OptionGroup var cluster: ClusterOptions

        func run() async throws {
            let configuration = try cluster.configuration()
            let client = try KubeClient(configuration, logger: Logger(label: "honua"))
            defer { client.shutdown() }
            let processes = client.resources(HonuaProcess.self, namespace: namespace ?? configuration.namespace)
            let process: HonuaProcess
            do { process = try await processes.get(name) } catch {
                StandardError.print("honua process plan: \(error)")
                throw ExitCode.failure
            }
            guard let plan = process.status?.plan else {
                let phase = process.status?.phase?.rawValue ?? "Pending"
                let reason =
                    process.spec["dryRun"]?.bool == true
                    ? "its dry run is \(phase), and shows its plan when it has ended" : "spec.dryRun is not true"
                StandardError.print("honua process plan: \(name) has no plan: \(reason)")
                throw ExitCode.failure
            }
            PlanOutput.print(plan)
            guard process.status?.phase == .completed else { throw ExitCode.failure }
        }
    }
}
