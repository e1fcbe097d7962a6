internal import ArgumentParser
internal import Stores

struct StateRestoreKeysCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "restore-keys",
        abstract: "Copies chosen keys from one Redis into another.",
        discussion: """
            For a few processes out of a backup: start a temporary Redis on the dump, and copy the keys that are \
            wanted into production, with value and time to live, and with everything a state refers to. Keys without \
            a time to live get one. Exit status: 0 when everything asked for is there now, 1 otherwise.
            """
    )

    @Option(help: "The Redis to copy from, as a connection string. Default: RedisSource__ConnectionString.")
    var from: String?

    @Option(help: "The Redis to copy to. Default: Redis__ConnectionString.")
    var to: String?

    @Option(help: "The installation whose keys are meant. Needed when several share a Redis.")
    var installation: String?

    @Flag(help: "Replaces keys that exist.")
    var replace = false

    @Argument(help: "Keys such as honua:process:<id>, or patterns such as 'honua:process:6f1c*'.")
    var keys: [String]

    func run() async throws {
        try await StateCommand.run("restore-keys") {
            let report = try await StateRedis.with(
                from,
                installation: installation,
                option: "--from",
                variable: "RedisSource__ConnectionString"
            ) { source in
                try await StateRedis.with(to, installation: installation, option: "--to") { target in
                    try await KeyCopy(
                        from: source.client,
                        to: target.client,
                        keyspace: target.keyspace,
                        defaultTimeToLive: target.defaultTimeToLive,
                        replaces: replace
                    ).run(keys)
                }
            }
            for warning in report.warnings { StandardError.print("warning: \(warning)") }
            for key in report.copied { print(key) }
            for reason in report.kept { StandardError.print("not copied: \(reason)") }
            StandardError.print(
                "\(report.copied.count) copied, \(report.unchanged) unchanged, \(report.kept.count) not copied"
            )
            guard report.isComplete else { throw ExitCode.failure }
        }
    }
}
