import Foundation
import TestEnvironment
import Testing

/// What the program says when it cannot start, and `honua run`.
@Suite(.timeLimit(.minutes(10))) struct StartupTests {
    @Test func `a Redis that cannot be reached at the start ends it with a clear line`() async throws {
        let cluster = try await ControlPlane.shared
        let process = try OperatorProcess.launch(
            kubeconfig: cluster.kubeconfig,
            namespace: "default",
            redis: "127.0.0.1:1,connectTimeout=500,password=tops3cret"
        )
        let line = try await process.child.line(containing: "Unable to connect to Redis")
        #expect(line.contains("127.0.0.1:1"))
        #expect(line.contains("Redis connection failed"))
        #expect(await process.child.waitForEnd() == 1)
        #expect(!process.child.lines.contains { $0.contains("tops3cret") })
    }

    @Test func `every fault of the configuration is reported at once`() async throws {
        let cluster = try await ControlPlane.shared
        let process = try OperatorProcess.launch(
            kubeconfig: cluster.kubeconfig,
            namespace: "default",
            environment: [
                "Redis__Enabled": "true", "ProcessFramework__MaxConcurrentProcesses": "many",
                "PROCESSFRAMEWORK__RETRYDELAYSECONDS": "-1",
            ]
        )
        #expect(await process.child.waitForEnd() == 1)
        for words in [
            "Missing configuration: Redis:Enabled is true, and Redis:ConnectionString is not set",
            "Invalid configuration: ProcessFramework__MaxConcurrentProcesses is \\\"many\\\"",
            "Invalid configuration: ProcessFramework__RetryDelaySeconds is \\\"-1\\\"",
        ] {
            #expect(process.child.lines.contains { $0.contains(words) }, "\(words)")
        }
    }

    @Test func `a kubeconfig with a wrong certificate authority ends the start and says so`() async throws {
        let cluster = try await ControlPlane.shared
        let other = try await ControlPlane.start()
        var text = try String(contentsOfFile: cluster.kubeconfig, encoding: .utf8)
        let foreign = try String(contentsOfFile: other.kubeconfig, encoding: .utf8)
        let pattern = /certificate-authority-data: \S+/
        let own = try #require(text.firstMatch(of: pattern)?.output)
        text.replace(own, with: try #require(foreign.firstMatch(of: pattern)?.output))
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("kubeconfig-\(UUID().uuidString)").path
        try text.write(toFile: path, atomically: true, encoding: .utf8)
        let process = try OperatorProcess.launch(kubeconfig: path, namespace: "default")
        let line = try await process.child.line(containing: "cannot use the API server at https://127.0.0.1")
        #expect(line.contains("certificate-authority"))
        #expect(await process.child.waitForEnd() == 1)
        await other.stop()
    }

    private func run(_ yaml: String) async throws -> (status: Int32, output: String) {
        let file = FileManager.default.temporaryDirectory.appendingPathComponent("process-\(UUID().uuidString).yaml")
        try yaml.write(to: file, atomically: true, encoding: .utf8)
        defer { try? FileManager.default.removeItem(at: file) }
        let child = try ChildProcess(Project.honua, ["run", file.path])
        let status = await child.waitForEnd()
        return (status, child.lines.joined(separator: "\n"))
    }

    private let header = "apiVersion: honua.io/v1alpha1\nkind: HonuaProcess\nmetadata: {name: x}\n"

    @Test func `honua run runs the example to Completed and prints plain lines into a pipe`() async throws {
        let example = try String(contentsOf: Project.root.appendingPathComponent("Examples/test.yaml"), encoding: .utf8)
        let (status, output) = try await run(example)
        #expect(status == 0)
        #expect(output.contains("100% step Report Completed"))
        #expect(!output.contains("\u{1B}"))
    }

    @Test func `honua run ends with status 1 when the process fails`() async throws {
        let (status, output) = try await run(
            header + "spec: {steps: [{name: a, action: fail, with: {message: no luck}}]}"
        )
        #expect(status == 1)
        #expect(output.contains("Failed: step a: no luck"))
    }

    @Test(arguments: [
        ("spec: {a: b: c}", ":4:", "malformed YAML"), ("spec: {processType: Nope}", ":4:", "there is no process type"),
        (
            "spec:\n  steps:\n  - {name: a, action: echo, with: {message: x}}\n  - {name: b}", ":7:",
            "action: is required"
        ),
        ("spec:\n  steps:\n  - name: a\n    action: echo\n    with: {}", ":8:", "message: is required"),
    ])
    func `honua run names file and line of what it cannot run`(spec: String, line: String, words: String) async throws {
        let (status, output) = try await run(header + spec)
        #expect(status == 2)
        #expect(output.contains(line), "\(output)")
        #expect(output.contains(words), "\(output)")
    }

    @Test func `an interrupt cancels the process of honua run`() async throws {
        let file = FileManager.default.temporaryDirectory.appendingPathComponent("process-\(UUID().uuidString).yaml")
        let spec = "spec: {steps: [{name: a, action: delay, with: {duration: 1h}}]}"
        try (header + spec).write(to: file, atomically: true, encoding: .utf8)
        let child = try ChildProcess(Project.honua, ["run", file.path])
        try await child.line(containing: "step a Started")
        child.signal(SIGINT)
        #expect(await child.waitForEnd() == 3)
        #expect(child.lines.last?.hasSuffix("Cancelled") == true)
    }
}
