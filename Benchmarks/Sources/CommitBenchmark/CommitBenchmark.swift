import ArgumentParser
import Foundation
import RedisClient
import Stores
import Usage
import Workflows

/// Measures commits of state documents against `redis-benchmark`, which runs the same script with the same payload and
/// as many at once on the same server, turn by turn. Prints one row for each number in flight.
@main
struct CommitBenchmark: AsyncParsableCommand {
    @Option(help: "Host and port of a Redis server that nobody else uses.")
    var redis: String

    @Option(help: "How often each is measured; the medians are printed.")
    var runs = 5

    @Option(help: "How many commits a run makes; with one in flight a quarter of that.")
    var commits = 40_000

    func run() async throws {
        let address = try RedisConnectionString("\(redis),allowAdmin=true")
        let client = try RedisClient(configuration: RedisConfiguration(address))
        let load = CommitLoad(client)
        let reference = Reference(address: redis, script: try await load.prepare(), load: load)
        print(
            """
            | in flight | redis-benchmark: commits/s | p50 / p99 ms | the store: commits/s | p50 / p99 ms | us CPU each \
            | ratio |
            |-|-|-|-|-|-|-|
            """
        )
        for count in [1, 16, 64] {
            var pairs: [(reference: Reading, own: Reading)] = []
            let commits = count == 1 ? self.commits / 4 : self.commits
            for _ in 0..<max(1, runs) {
                let reference = try await load.checked(commits) { try reference.measure(commits, inFlight: count) }
                pairs.append(
                    (reference, try await load.checked(commits) { try await load.run(commits, inFlight: count) })
                )
            }
            let (theirs, own) = (Reading.median(pairs.map(\.reference)), Reading.median(pairs.map(\.own)))
            // Of pairs, because what else the machine does changes from minute to minute.
            let ratios = pairs.map { $0.own.perSecond / $0.reference.perSecond }.sorted()
            let ratio = String(format: "%.0f %%", ratios[ratios.count / 2] * 100)
            let cpu = own.cpu.map { String(format: "%.0f", $0 * 1_000_000) } ?? ""
            print("| \(count) | \(theirs.row) | \(own.row) | \(cpu) | \(ratio) |")
        }
        await client.shutdown()
    }
}

/// What one run has reached.
struct Reading {
    let perSecond: Double
    /// In seconds.
    let p50: Double
    let p99: Double
    /// Of this process, in seconds for each commit; nil where that is not known.
    var cpu: Double?

    var row: String { String(format: "%.0f | %.2f / %.2f", perSecond, p50 * 1000, p99 * 1000) }

    static func median(_ readings: [Reading]) -> Reading {
        readings.sorted { $0.perSecond < $1.perSecond }[readings.count / 2]
    }
}
