import CRDs
import Foundation
import JSON
import KubeClient
import TestEnvironment
import Testing

/// A namespace on a real API server, with the definitions installed, and what tests do there.
struct OperatorFixture: Sendable {
    let cluster: ControlPlane
    let namespace: String
    /// May do everything.
    let client: KubeClient
    /// For the operator, which has the shipped rights and no others.
    let operatorKubeconfig: String

    var processes: ResourceClient<HonuaProcess> { client.resources(HonuaProcess.self, namespace: namespace) }

    /// - Parameter ownCluster: for tests that stop the API server.
    static func with(
        ownCluster: Bool = false,
        _ body: (OperatorFixture) async throws -> Void
    ) async throws {
        let cluster = ownCluster ? try await ControlPlane.start() : try await ControlPlane.shared
        let client = try cluster.client()
        defer { client.shutdown() }
        try await install(on: cluster, client, isShared: !ownCluster)
        let namespace = try await cluster.makeNamespace()
        let kubeconfig = try await makeAccounts(client, cluster, namespace)
        defer { try? FileManager.default.removeItem(atPath: kubeconfig) }
        let fixture = OperatorFixture(
            cluster: cluster,
            namespace: namespace,
            client: client,
            operatorKubeconfig: kubeconfig
        )
        do {
            try await body(fixture)
        } catch {
            if ownCluster { await cluster.stop() }
            throw error
        }
        if ownCluster { await cluster.stop() }
    }

    /// Once for the shared cluster: replacing a definition ends the watches of other tests.
    private static let sharedInstallation = Task {
        let client = try await ControlPlane.shared.client()
        defer { client.shutdown() }
        for manifest in CustomResourceDefinition.all {
            _ = try await CustomResourceDefinition.install(manifest, with: client)
        }
    }

    private static func install(on cluster: ControlPlane, _ client: KubeClient, isShared: Bool) async throws {
        if isShared { return try await sharedInstallation.value }
        for manifest in CustomResourceDefinition.all {
            _ = try await CustomResourceDefinition.install(manifest, with: client)
        }
    }

    /// Runs an operator while the body runs.
    func withOperator(
        redis: String? = nil,
        environment: [String: String] = [:],
        _ body: (OperatorProcess) async throws -> Void
    ) async throws {
        let process = try await start(redis: redis, environment: environment)
        do {
            try await body(process)
        } catch {
            await process.kill()
            throw OperatorFailure(cause: error, log: process.child.lines)
        }
        await process.terminate()
    }

    func start(
        redis: String? = nil,
        failPoint: String? = nil,
        environment: [String: String] = [:]
    ) async throws -> OperatorProcess {
        try await OperatorProcess.start(
            kubeconfig: operatorKubeconfig,
            namespace: namespace,
            redis: redis,
            failPoint: failPoint,
            environment: environment
        )
    }

    @discardableResult
    func create(_ name: String, _ spec: JSONValue) async throws -> HonuaProcess {
        try await processes.create(try HonuaProcess(json: ["metadata": ["name": .string(name)], "spec": spec]))
    }

    @discardableResult
    func patch(_ name: String, spec: JSONValue) async throws -> HonuaProcess {
        try await processes.patch(name, .merge(["spec": spec]))
    }

    @discardableResult
    func waitForEnd(_ name: String, within limit: Duration = .seconds(120)) async throws -> HonuaProcess {
        let process = try await processes.wait(for: name, within: limit) { $0.condition("Completed") == .true }
        #expect(conditionLaws(process) == [])
        return process
    }

    /// Does something of which it then reads the history, from the version it begins with. Does it again when the API
    /// server has forgotten that: its memory of a kind begins anew some time after a definition was installed.
    func withHistory(_ body: (_ attempt: Int, _ version: String) async throws -> Void) async throws {
        for attempt in 0... {
            let version = try await processes.list().resourceVersion
            do {
                return try await body(attempt, version)
            } catch let error as KubeError where error.code == .expired {
                continue
            }
        }
    }

    /// Five steps in a row, each one effect on a server.
    /// - Parameter backoff: how long a step waits for its second attempt; each later wait is twice as long.
    static func fiveEffects(on server: EffectServer, backoff: String = "1s") -> JSONValue {
        let steps = (1...5).map { number -> JSONValue in
            var step: JSONValue = [
                "name": .string("step\(number)"), "action": "http",
                "with": ["method": "POST", "url": .string(server.url("step\(number)"))],
            ]
            if number > 1 { step["needs"] = [.string("step\(number - 1)")] }
            return step
        }
        return ["steps": .array(steps), "retry": ["limit": 5, "backoff": ["duration": .string(backoff)]]]
    }

    /// Steps a, b, c, of which c is to fail, with effects to undo; b holds a lock, and another has a large output.
    static func undoneEffects(on server: EffectServer) -> JSONValue {
        func call(_ name: String) -> JSONValue { ["method": "POST", "url": .string(server.url(name))] }
        return [
            "onFailure": "Rollback",
            "steps": [
                [
                    "name": "a", "action": "http", "with": call("a"),
                    "compensate": ["action": "http", "with": call("undo-a")],
                ],
                [
                    "name": "large", "action": "echo", "needs": ["a"],
                    "with": ["message": .string(String(repeating: "x", count: 20_000))],
                ],
                [
                    "name": "b", "action": "http", "needs": ["large"], "with": call("b"),
                    "locks": [["name": "database"]], "compensate": ["action": "http", "with": call("undo-b")],
                ],
                ["name": "c", "action": "http", "needs": ["b"], "with": call("c")],
            ],
            "finally": [["name": "last", "action": "http", "with": call("last")]],
        ]
    }

    func events(about name: String) async throws -> [JSONValue] {
        let api = APIResource(version: "v1", kind: "Event", plural: "events")
        let events = try await client.resources(api, namespace: namespace).list().items.map(\.content)
        return events.filter { $0[path: "involvedObject", "name"]?.string == name }
    }
}

/// A failure with what the operator logged before it.
struct OperatorFailure: Error, CustomStringConvertible {
    let cause: any Error
    let log: [String]
    var description: String { "\(cause)\nThe operator's last lines:\n" + log.suffix(40).joined(separator: "\n") }
}

extension HonuaProcess {
    func condition(_ type: String) -> Condition.Value? { status?.conditions?.first { $0.type == type }?.status }
    func reason(_ type: String = "Ready") -> String? { status?.conditions?.first { $0.type == type }?.reason }
    func message(_ type: String = "Ready") -> String? { status?.conditions?.first { $0.type == type }?.message }
}

/// What holds for every process at every time; a list of what does not.
func conditionLaws(_ process: HonuaProcess) -> [String] {
    var broken: [String] = []
    if process.condition("Ready") == nil { broken.append("Ready is absent") }
    if process.condition("Reconciling") == .true, process.condition("Stalled") == .true {
        broken.append("Reconciling and Stalled are both true")
    }
    if process.condition("Ready") == .true, process.condition("Completed") != .true {
        broken.append("Ready without Completed")
    }
    for condition in process.status?.conditions ?? [] {
        if condition.reason.isEmpty { broken.append("\(condition.type) has no reason") }
        if condition.observedGeneration != process.status?.observedGeneration {
            broken.append("\(condition.type) speaks of another generation than the status")
        }
    }
    return broken
}
