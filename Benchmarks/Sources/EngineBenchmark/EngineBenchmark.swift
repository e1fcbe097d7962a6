import ArgumentParser
import Foundation
import JSON
import Logging
import RedisClient
import Stores
import Usage
import Workflows

/// Measures the workflow engine without a cluster, over a store in memory and over Redis, and prints one row for each
/// figure.
@main
struct EngineBenchmark: AsyncParsableCommand {
    @Option(help: "Host and port of a Redis server; without one only the store in memory is measured.")
    var redis: String?

    @Option(help: "How often each figure is measured; the medians are printed.")
    var runs = 3

    @Option(help: "Measures only the loads whose titles contain this.")
    var load = ""

    func run() async throws {
        print(
            "| engine | store | CPU us per step | steps/s | commits | commit p50 / p99 ms | slowest Redis command ms |"
        )
        print("|-|-|-|-|-|-|-|")
        for load in Load.all where self.load.isEmpty || load.title.contains(self.load) {
            try await measure(load, "memory", InMemoryDocumentStore(), nil)
            guard let redis else { continue }
            let address = try RedisConnectionString("\(redis),allowAdmin=true")
            let client = try RedisClient(configuration: RedisConfiguration(address))
            _ = try await client.send(["CONFIG", "SET", "slowlog-log-slower-than", "0"])
            _ = try await client.send(["CONFIG", "SET", "slowlog-max-len", "200000"])
            try await measure(load, "redis", RedisDocumentStore(client: client), client)
            await client.shutdown()
        }
    }

    private func measure(
        _ load: Load,
        _ name: String,
        _ store: any DocumentStore,
        _ redis: RedisClient?
    ) async throws {
        var readings: [Reading] = []
        for run in 0..<max(1, runs) {
            _ = try await redis?.send(["SLOWLOG", "RESET"])
            var reading = try await load.run("\(run)", over: TimedStore(store))
            reading.slowest = try await slowestCommand(redis)
            readings.append(reading)
        }
        let median = readings.sorted { $0.cpuPerStep < $1.cpuPerStep }[readings.count / 2]
        print("| \(load.title) | \(name) | \(median.row) |")
    }

    /// In milliseconds, as Redis itself has timed it.
    private func slowestCommand(_ redis: RedisClient?) async throws -> Double? {
        guard let redis else { return nil }
        let entries = try await redis.send(["SLOWLOG", "GET", "-1"]).array ?? []
        // Emptying a long log takes its time, too, and is nobody's load.
        let commands = entries.compactMap(\.array).filter { $0[3].array?.first?.text != "SLOWLOG" }
        return commands.compactMap { $0[2].integer }.max().map { Double($0) / 1000 }
    }
}

/// What one run has cost.
struct Reading {
    let cpuPerStep: Double
    let stepsPerSecond: Double
    let commits: [Double]
    var slowest: Double?

    var row: String {
        let sorted = commits.sorted()
        let share = { (part: Double) in
            sorted.isEmpty ? 0 : sorted[min(sorted.count - 1, Int(Double(sorted.count) * part))] * 1000
        }
        let numbers = [
            String(format: "%.0f", cpuPerStep), String(format: "%.0f", stepsPerSecond), "\(commits.count)",
            String(format: "%.2f / %.2f", share(0.5), share(0.99)), slowest.map { String(format: "%.2f", $0) } ?? "",
        ]
        return numbers.joined(separator: " | ")
    }
}
