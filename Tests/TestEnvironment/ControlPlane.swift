public import Foundation
import JSON
public import KubeClient
import Logging
import Synchronization

/// A real etcd and kube-apiserver on 127.0.0.1.
///
/// Most tests share one and keep apart by namespaces. A test that stops the API server starts one of its own. The
/// servers end when the tests do, however they end.
public final class ControlPlane: Sendable {
    /// Where its kubeconfig is.
    public let kubeconfig: String
    private let child: ChildProcess

    private init(_ child: ChildProcess, _ kubeconfig: String) {
        self.child = child
        self.kubeconfig = kubeconfig
    }

    /// The one that tests share.
    public static var shared: ControlPlane { get async throws { try await sharedTask.value } }

    // Unstructured, because it outlives the test that asks first; the servers end with the process.
    private static let sharedTask = Task { try await launch() }

    /// Another one that tests share, with a controller manager: it deletes namespaces and orphans, rolls out Deployments and
    /// runs Jobs. There is no kubelet, so Pods are made and never start.
    public static var withControllers: ControlPlane { get async throws { try await withControllersTask.value } }

    private static let withControllersTask = Task { try await start(["--controller-manager"]) }

    private static let lastStart = Mutex(sharedTask)

    /// Starts one more, one after the other: several at once would leave no CPU time to the tests beside. The shared one
    /// comes first, since most tests wait for it.
    public static func start() async throws -> ControlPlane { try await start([]) }

    private static func start(_ options: [String]) async throws -> ControlPlane {
        let start = lastStart.withLock { last in
            let start = Task { [previous = last] in
                _ = await previous.result
                return try await launch(options)
            }
            last = start
            return start
        }
        return try await start.value
    }

    private static func launch(_ options: [String] = []) async throws -> ControlPlane {
        let directory = FileManager.default.temporaryDirectory.appendingPathComponent("honua-\(UUID().uuidString)")
        let script = Project.root.appendingPathComponent("scripts/control-plane")
        let child = try ChildProcess(script, ["run", "--dir", directory.path] + options)
        let line = try await child.line(containing: "ready ", within: .seconds(300))
        return ControlPlane(child, String(line.dropFirst("ready ".count)))
    }

    /// Stops it. Only for one that is not shared.
    public func stop() async {
        child.closeInput()
        _ = await child.waitForEnd()
    }

    /// Kills the API server; its address and data stay.
    public func stopAPIServer() async throws { try await command("stop-apiserver", "stopped") }

    /// Starts the API server again.
    public func startAPIServer() async throws { try await command("start-apiserver", "started") }

    private func command(_ command: String, _ answer: String) async throws {
        let start = child.lines.count
        try child.send(command)
        try await child.line(containing: answer, from: start)
    }

    /// A client with all rights.
    /// - Parameter context: `nobody` for an account without any.
    public func client(context: String? = nil) throws -> KubeClient {
        var configuration = try Kubeconfig.load(path: kubeconfig).configuration(context: context)
        // Bounds a hang: the server shares its processors with all tests.
        configuration.limits.requestTimeout = .seconds(120)
        return try KubeClient(configuration, logger: Logger(label: "test"))
    }

    /// Makes a namespace with a random name.
    public func makeNamespace() async throws -> String {
        let client = try client()
        defer { client.shutdown() }
        let api = APIResource(version: "v1", kind: "Namespace", plural: "namespaces", isNamespaced: false)
        let namespace = try DynamicObject(json: ["metadata": ["generateName": "test-"]])
        return try await client.resources(api).create(namespace).metadata.name
    }
}

/// Where things are in the project and in its build.
public enum Project {
    /// The checkout.
    public static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    /// The `honua` program of the same build as the tests.
    public static var honua: URL { program("honua") }

    /// A program of the same build as the tests.
    public static func program(_ name: String) -> URL {
        // The test bundle and the programs lie in one directory.
        URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent().appendingPathComponent(name)
    }
}
