internal import ArgumentParser
internal import JSON
internal import Stores

struct StateVerifyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract: "Checks the state in Redis, or an archive.",
        discussion: """
            In Redis: whether every state can be used and has all that it refers to, whether every key is of its type \
            and has a time to live. Of an archive, without Redis: whether it is whole, unaltered and complete. Prints \
            one finding per line, faults and notes. Exit status: 1 when there are faults.
            """
    )

    /// How findings are printed.
    enum Format: String, ExpressibleByArgument, CaseIterable {
        case text
        case json
    }

    @Argument(help: "An archive. Default: what is in Redis.")
    var file: String?

    @Option(name: [.short, .long], help: "text or json.")
    var output = Format.text

    @OptionGroup var redis: RedisOptions

    func run() async throws {
        try await StateCommand.run("verify") {
            let report =
                if let file {
                    StateVerification.archive(file)
                } else {
                    try await StateRedis.with(redis.redis, installation: redis.installation) { redis in
                        try await StateVerification.server(redis.client, redis.keyspace)
                    }
                }
            switch output {
            case .json: print(report.json.description)
            case .text:
                for finding in report.findings { print(finding) }
                let faults = report.findings.count(where: \.isFault)
                print("\(StateCommand.text(report.counts)): \(faults) fault\(faults == 1 ? "" : "s")")
            }
            if report.hasFaults { throw ExitCode.failure }
        }
    }
}
