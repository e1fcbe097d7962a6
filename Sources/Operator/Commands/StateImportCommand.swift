internal import ArgumentParser
internal import Stores

struct StateImportCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "import",
        abstract: "Puts an archive into Redis.",
        discussion: """
            The whole archive is checked first; of one that is damaged nothing is written. Keys that exist are kept \
            unless --replace is given, and states that are newer in Redis than in the archive unless --force-older is \
            given as well. Best done while no operator runs. An import can be repeated. Exit status: 0 when everything \
            in the archive is in Redis now, 1 otherwise.
            """
    )

    @Argument(help: "An archive made by honua state export.")
    var file: String

    @Flag(help: "Replaces keys that exist.")
    var replace = false

    @Flag(help: "With --replace: replaces newer states as well.")
    var forceOlder = false

    @Flag(help: "Writes nothing, and tells what would be written.")
    var dryRun = false

    @OptionGroup var redis: RedisOptions

    func validate() throws {
        if forceOlder, !replace { throw ValidationError("--force-older means something only with --replace") }
    }

    func run() async throws {
        try await StateCommand.run("import") {
            var options = StateImport.Options()
            options.replaces = replace
            options.forcesOlder = forceOlder
            options.isDryRun = dryRun
            let report = try await StateRedis.with(redis.redis, installation: redis.installation) { redis in
                try await StateImport(
                    client: redis.client,
                    keyspace: redis.keyspace,
                    defaultTimeToLive: redis.defaultTimeToLive,
                    options: options
                ).run(from: file)
            }
            for warning in report.warnings { StandardError.print("warning: \(warning)") }
            for reason in report.kept { StandardError.print("not imported: \(reason)") }
            print(
                "\(dryRun ? "would import" : "imported") \(StateCommand.text(report.restored)); "
                    + "\(report.unchanged) unchanged, \(report.kept.count) not imported"
            )
            guard report.isComplete else { throw ExitCode.failure }
        }
    }
}
