internal import ArgumentParser
internal import Stores

struct StateExportCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "export",
        abstract: "Writes the state in Redis to an archive.",
        discussion: """
            States, what belongs to them, reusable outputs and the history; not locks and heartbeats, which say who is \
            alive now. Operators may go on meanwhile. The file appears when it is complete. Exit status: 0 when there \
            is an archive, 1 when there is none. Warnings name states that cannot be used as they are.
            """
    )

    @Option(name: [.short, .long], help: "The file to write, or - for standard output.")
    var output = "-"

    @OptionGroup var redis: RedisOptions

    func run() async throws {
        try await StateCommand.run("export") {
            let report = try await StateRedis.with(redis.redis, installation: redis.installation) { redis in
                try await StateExport(client: redis.client, keyspace: redis.keyspace)
                    .run(to: output == "-" ? nil : output)
            }
            for warning in report.warnings { StandardError.print("warning: \(warning)") }
            var text = "exported \(StateCommand.text(report.counts))"
            if report.vanished > 0 { text += "; \(report.vanished) ended meanwhile" }
            // Standard output may be the archive.
            StandardError.print(text)
        }
    }
}
