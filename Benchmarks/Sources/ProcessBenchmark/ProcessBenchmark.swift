import ArgumentParser
import Foundation
import KubeClient
import Logging
import Usage

/// Applies many processes at once to a running operator and prints what they cost.
@main
struct ProcessBenchmark: AsyncParsableCommand {
    @Option(help: "The kubeconfig of the cluster.")
    var kubeconfig: String

    @Option(help: "Process id of the operator.")
    var pid: Int

    @Option(help: "How many processes to apply.")
    var count = 200

    @Option(help: "How many requests to have under way while applying.")
    var parallel = 16

    @Option(help: "What each process does: test (the Test type) or noop (three steps that do nothing).")
    var kind = "noop"

    private static let processes = APIResource(
        group: "honua.io",
        version: "v1alpha1",
        kind: "HonuaProcess",
        plural: "honuaprocesses"
    )
    private static let events = APIResource(version: "v1", kind: "Event", plural: "events")

    func run() async throws {
        let configuration = try Kubeconfig.load(path: kubeconfig).configuration()
        let client = try KubeClient(configuration, logger: Logger(label: "benchmark"))
        defer { client.shutdown() }
        let processes = client.resources(Self.processes, namespace: "default")
        let version = try await processes.list().resourceVersion
        let before = try ProcessUsage.read(pid)
        let idleMemory = before.residentMegabytes
        let start = ContinuousClock.now
        let results = try await withThrowingTaskGroup(of: Results?.self) { group in
            group.addTask { try await follow(processes, from: version, start: start) }
            group.addTask {
                try await createAll(processes)
                return nil
            }
            var results: Results?
            for try await result in group { results = result ?? results }
            return results
        }
        guard let results else { return }
        let after = try ProcessUsage.read(pid)
        let events = try await client.resources(Self.events, namespace: "default").list().items.count
        let seconds = (ContinuousClock.now - start) / .seconds(1)
        let cpu = (after.cpuSeconds - before.cpuSeconds) * 1000 / Double(count)
        let latencies = results.latencies.sorted()
        func percentile(_ share: Double) -> String {
            String(format: "%.0f", latencies[min(latencies.count - 1, Int(Double(latencies.count) * share))] * 1000)
        }
        print(
            "| processes | kind | completed | processes/s | p50 / p99 ms | operator CPU ms/process "
                + "| RSS MB before / after | writes/process | events/process |"
        )
        print("|-|-|-|-|-|-|-|-|-|")
        print(
            "| \(count) | \(kind) | \(results.completed) | \(String(format: "%.0f", Double(count) / seconds)) "
                + "| \(percentile(0.5)) / \(percentile(0.99)) | \(String(format: "%.2f", cpu)) "
                + "| \(String(format: "%.0f / %.0f", idleMemory, after.residentMegabytes)) "
                + "| \(String(format: "%.2f", Double(results.writes) / Double(count))) "
                + "| \(String(format: "%.2f", Double(events) / Double(count))) |"
        )
        guard results.completed == count else { throw ExitCode.failure }
    }

    private func createAll(_ processes: ResourceClient<DynamicObject>) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<count {
                if number >= parallel { try await group.next() }
                group.addTask { _ = try await processes.create(try object(number)) }
            }
            try await group.waitForAll()
        }
    }

    private func object(_ number: Int) throws -> DynamicObject {
        let spec = kind == "test" ? #"{"processType":"Test"}"# : Self.noop
        return try DynamicObject(parsing: Array(#"{"metadata":{"name":"bench-\#(number)"},"spec":\#(spec)}"#.utf8))
    }

    private static let noop = #"""
        {"steps":[{"name":"a","action":"echo","with":{"message":"a"}},
        {"name":"b","action":"echo","needs":["a"],"with":{"message":"b"}},
        {"name":"c","action":"echo","needs":["b"],"with":{"message":"c"}}]}
        """#

    private struct Results: Sendable {
        var completed = 0
        var writes = 0
        /// From the create to Completed, in seconds, as seen by this watch.
        var latencies: [Double] = []
    }

    private func follow(
        _ processes: ResourceClient<DynamicObject>,
        from version: String,
        start: ContinuousClock.Instant
    ) async throws -> Results {
        var results = Results()
        var created: [String: ContinuousClock.Instant] = [:]
        var version = version
        // The server may end a watch at any time, and does so soon after a definition was installed.
        while results.completed < count {
            for try await event in processes.watch(from: version, timeout: .seconds(600)) {
                switch event {
                case .added(let object):
                    version = object.metadata.resourceVersion
                    created[object.metadata.name] = .now
                case .modified(let object):
                    version = object.metadata.resourceVersion
                    results.writes += 1
                    guard object.hasCondition("Completed"),
                        let since = created.removeValue(forKey: object.metadata.name)
                    else { continue }
                    results.latencies.append((ContinuousClock.now - since) / .seconds(1))
                    results.completed += 1
                case .deleted, .bookmark: continue
                }
                if results.completed == count { break }
            }
        }
        return results
    }
}
