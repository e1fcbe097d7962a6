internal import ArgumentParser
internal import CRDs
internal import JSON
internal import KubeClient
internal import Logging

struct ProcessAdoptCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "adopt",
        abstract: "Lets a restored or copied resource go on from the state of the process it was.",
        discussion: """
            A resource that comes back from a backup has another UID than before, and the operator does not run it before \
            somebody has said what it is. Waits until the operator has done what is asked. Exit status: 0 when it has, 1 \
            when it cannot, or when it has not within the time limit.
            """
    )

    @Argument(help: "The name of the HonuaProcess.")
    var name: String

    @Option(name: [.short, .long], help: "Its namespace. Default: that of the kubeconfig's context.")
    var namespace: String?

    @Option(
        help: "The id of the process whose state it takes. Default: what its label \(HonuaProcess.processIDLabel) says."
    )
    var from: String?

    @Flag(help: "Run it as a new process, from the beginning.")
    var anew = false

    @Option(help: "How many seconds to wait for the operator.")
    var timeout = 60

    @OptionGroup var cluster: ClusterOptions

    func validate() throws {
        guard !anew || from == nil else { throw ValidationError("--anew and --from exclude each other") }
        guard (1...86400).contains(timeout) else { throw ValidationError("--timeout must be 1 to 86400 seconds") }
    }

    func run() async throws {
        let configuration = try cluster.configuration()
        let client = try KubeClient(configuration, logger: Logger(label: "honua"))
        defer { client.shutdown() }
        let processes = client.resources(HonuaProcess.self, namespace: namespace ?? configuration.namespace)
        do {
            try await adopt(processes)
        } catch let failure as Failure {
            StandardError.print("honua process adopt: \(failure.description)")
            throw ExitCode.failure
        } catch let error as KubeError {
            StandardError.print("honua process adopt: \(error)")
            throw ExitCode.failure
        }
    }

    private struct Failure: Error { let description: String }

    private func adopt(_ processes: ResourceClient<HonuaProcess>) async throws {
        let process = try await processes.get(name)
        let uid = process.metadata.uid
        let former = process.metadata.labels?[HonuaProcess.processIDLabel]
        guard let source = anew ? HonuaProcess.adoptAnew : from ?? former, source != uid else {
            throw Failure(description: "\(name) is process \(uid) itself; name another one with --from")
        }
        guard former != uid || process.status?.state == nil else {
            throw Failure(
                description:
                    "\(name) has begun as process \(uid) already; delete it and restore it with the annotation "
                    + "\(HonuaProcess.adoptAnnotation): \(source)"
            )
        }
        let patch: JSONValue = [
            "metadata": [
                "resourceVersion": .string(process.metadata.resourceVersion),
                "annotations": [HonuaProcess.adoptAnnotation: .string(source)],
            ]
        ]
        _ = try await processes.patch(name, .merge(patch))
        try await waitUntilAdopted(processes, uid)
        print(anew ? "\(name) runs as new process \(uid)" : "\(name) goes on from process \(source) as process \(uid)")
    }

    private func waitUntilAdopted(_ processes: ResourceClient<HonuaProcess>, _ uid: String) async throws {
        let end = ContinuousClock.now + .seconds(timeout)
        while true {
            let process = try await processes.get(name)
            let isTaken = process.metadata.labels?[HonuaProcess.processIDLabel] == uid
            if isTaken, process.metadata.annotations?[HonuaProcess.adoptAnnotation] == nil { return }
            guard ContinuousClock.now < end else {
                let said = process.status?.conditions?.first { $0.type == HonuaProcessCondition.ready }?.message
                throw Failure(
                    description: "the operator has not adopted \(name) within \(timeout) s"
                        + (said.map { "; it says: \($0)" } ?? "; is it running?")
                )
            }
            try await Task.sleep(for: .milliseconds(250))
        }
    }
}
