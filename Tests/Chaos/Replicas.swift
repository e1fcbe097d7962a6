import Foundation
import Synchronization
import TestEnvironment

/// Operators that come and go, each with a way to Redis of its own.
final class Replicas: Sendable {
    private struct Member {
        let proxy: TCPProxy
        var process: OperatorProcess?
    }

    let names: [String]
    private let kubeconfig: String
    private let namespace: String
    private let members: Mutex<[String: Member]>
    /// What the programs that are gone have said.
    private let logs = Mutex<[String]>([])

    init(_ count: Int, kubeconfig: String, namespace: String, redis: RedisServer) throws {
        names = (0..<count).map { "r\($0)" }
        self.kubeconfig = kubeconfig
        self.namespace = namespace
        var members: [String: Member] = [:]
        for name in names { members[name] = Member(proxy: try TCPProxy(to: redis.port)) }
        self.members = Mutex(members)
    }

    func startAll() async throws { for name in names { try await start(name) } }

    /// Starts a program under a name that has none.
    func start(_ name: String) async throws {
        guard let proxy = members.withLock({ $0[name]?.proxy }) else { return }
        let process = try await OperatorProcess.start(
            kubeconfig: kubeconfig,
            namespace: namespace,
            redis: "127.0.0.1:\(proxy.port),abortConnect=false,syncTimeout=2000",
            environment: [
                "Operator__ReplicaName": name, "Operator__InstallationId": "chaos",
                "Redis__ValidateConnectionOnStartup": "false", "ProcessFramework__MaxConcurrentProcesses": "200",
                "ProcessFramework__ProcessQueue__MaxSize": "10000",
                "ProcessFramework__ShutdownDrainSeconds": "10",
            ]
        )
        members.withLock { $0[name]?.process = process }
    }

    func process(_ name: String) -> OperatorProcess? { members.withLock { $0[name]?.process } }
    func proxy(_ name: String) -> TCPProxy? { members.withLock { $0[name]?.proxy } }

    /// Kills a program, or tells it to stop, and starts another one in its place.
    func replace(_ name: String, signal: Int32) async throws {
        guard let process = process(name) else { return }
        process.child.signal(signal)
        _ = await process.child.waitForEnd()
        keepLog(of: name, process)
        try await start(name)
    }

    func stopAll() async {
        for name in names {
            if let process = process(name) {
                await process.terminate()
                keepLog(of: name, process)
            }
            proxy(name)?.stop()
        }
    }

    private func keepLog(of name: String, _ process: OperatorProcess) {
        let lines = process.child.lines.map { "\(name) \($0)" }
        logs.withLock { $0 += lines }
    }

    /// What all programs have said about something.
    func lines(about text: String) -> [String] {
        let living = names.flatMap { name in process(name)?.child.lines.map { "\(name) \($0)" } ?? [] }
        return (logs.withLock { $0 } + living).filter { $0.contains(text) }
    }
}
