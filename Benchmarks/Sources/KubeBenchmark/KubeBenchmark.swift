import ArgumentParser
import Foundation
import KubeClient

/// Measures the client and the runtime against a control plane and prints one row for each figure.
@main
struct KubeBenchmark: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        subcommands: [Figures.self, Probe.self],
        defaultSubcommand: Figures.self
    )
}

struct Figures: AsyncParsableCommand {
    @OptionGroup var cluster: Cluster

    @Argument(help: "Which figures: list, watch, memory, reconcile, patch, idle. Default: all.")
    var topics = Topic.allCases

    @Option(help: "How often each figure is measured; the medians are printed.")
    var runs = 3

    @Option(help: "How many objects there are.")
    var objects = 10000

    func run() async throws {
        let client = try await cluster.client()
        try await Sample.install(with: client)
        if topics != [.reconcile] {
            try await Sample.populate(
                Population.small.namespace,
                count: objects,
                steps: Population.small.steps,
                with: client
            )
        }
        if topics.contains(.watch) {
            try await Sample.populate(
                Population.large.namespace,
                count: objects / 4,
                steps: Population.large.steps,
                with: client
            )
        }
        client.shutdown()
        write("| figure | measured | aim | MB before / peak | CPU ms: client | API server | etcd | CPUs others used |")
        write("|-|-|-|-|-|-|-|-|")
        for figure in Figure.all(objects: objects) where topics.contains(figure.topic) {
            let reading = Reading.median(of: try (0..<max(1, runs)).map { _ in try measure(figure) })
            let columns = [
                figure.title, figure.result(reading), figure.aim, "\(reading.before.text(0)) / \(reading.peak.text(0))",
                (reading.client * 1000).text(0), (reading.apiServer * 1000).text(0), (reading.etcd * 1000).text(0),
                (reading.others / reading.seconds).text(1),
            ]
            write("| \(columns.joined(separator: " | ")) |")
        }
    }

    /// Row by row, whether or not somebody watches a terminal.
    private func write(_ line: String) { FileHandle.standardOutput.write(Data("\(line)\n".utf8)) }

    /// Runs a probe and reads what it says.
    private func measure(_ figure: Figure) throws -> Reading {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
        process.arguments =
            ["probe"] + figure.arguments + [
                "--kubeconfig", cluster.kubeconfig, "--api-server", "\(cluster.apiServer)", "--etcd", "\(cluster.etcd)",
            ]
        let output = Pipe()
        process.standardOutput = output
        try process.run()
        let answer = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else { throw ExitCode.failure }
        return try JSONDecoder().decode(Reading.self, from: answer)
    }
}

extension Double {
    /// With so many digits behind the point.
    func text(_ digits: Int) -> String { String(format: "%.\(digits)f", self) }
}
