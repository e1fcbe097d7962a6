import CRDs
import Foundation
import JSON
import KubeClient
import TestEnvironment
import Workflows

/// Several operator programs on one real API server and Redis, many processes, and everything going wrong in turn and at
/// random. In the end every process has to be complete, and no effect may have been asked for twice without a trace.
///
/// It goes by the clock: how long there is trouble, and how long a program stands still, is what it is told to make. What it
/// judges does not depend on the time that anything took, but for the patience at the end.
public struct Chaos: Sendable {
    private let settings: ChaosSettings
    private let cluster: ControlPlane
    private let client: KubeClient
    private let namespace: String
    private let redis: RedisServer
    private let effects: EffectServer
    private let replicas: Replicas
    private let marks: Marks
    private let say: @Sendable (String) -> Void

    /// Runs it.
    /// - Parameter say: told what happens, line by line.
    public static func run(
        _ settings: ChaosSettings,
        say: @escaping @Sendable (String) -> Void
    ) async throws -> ChaosReport {
        let cluster = try await ControlPlane.start()
        do {
            // Written to the log before it is acknowledged: a server that is killed has lost nothing.
            let options = RedisServer.Options(arguments: ["--appendonly", "yes", "--appendfsync", "everysec"])
            let report = try await RedisServer.with(options) { redis in
                try await EffectServer.with { effects in
                    try await run(settings, cluster, redis, effects, say)
                }
            }
            await cluster.stop()
            return report
        } catch {
            await cluster.stop()
            throw error
        }
    }

    private static func run(
        _ settings: ChaosSettings,
        _ cluster: ControlPlane,
        _ redis: RedisServer,
        _ effects: EffectServer,
        _ say: @escaping @Sendable (String) -> Void
    ) async throws -> ChaosReport {
        let client = try cluster.client()
        defer { client.shutdown() }
        for manifest in CustomResourceDefinition.all {
            _ = try await CustomResourceDefinition.install(manifest, with: client)
        }
        let namespace = try await cluster.makeNamespace()
        let replicas = try Replicas(
            settings.replicas,
            kubeconfig: cluster.kubeconfig,
            namespace: namespace,
            redis: redis
        )
        let chaos = Chaos(
            settings: settings,
            cluster: cluster,
            client: client,
            namespace: namespace,
            redis: redis,
            effects: effects,
            replicas: replicas,
            marks: try Marks(redis),
            say: say
        )
        do {
            let report = try await chaos.play()
            await replicas.stopAll()
            await chaos.marks.stop()
            return report
        } catch {
            await replicas.stopAll()
            await chaos.marks.stop()
            throw error
        }
    }

    private func play() async throws -> ChaosReport {
        var report = ChaosReport()
        try await replicas.startAll()
        let troubles = try await withThrowingTaskGroup(of: [String: Int].self) { group in
            defer { group.cancelAll() }
            group.addTask {
                await marks.follow()
                return [:]
            }
            group.addTask {
                try await applyAll()
                return [:]
            }
            let troubles = try await makeTrouble()
            say("trouble ceases")
            let ceased = ContinuousClock.now
            // The next to end is whoever applies: the marks are followed until the end.
            _ = try await group.next()
            report.endings = try await waitForEnds()
            report.aftermath = ContinuousClock.now - ceased
            return troubles
        }
        report.troubles = troubles
        try await marks.read()
        try await judge(&report)
        return report
    }

    // MARK: Processes

    private var processes: ResourceClient<HonuaProcess> { client.resources(HonuaProcess.self, namespace: namespace) }
    private static let steps = 5

    private func applyAll() async throws {
        let pause = settings.trouble / settings.processes
        for number in 0..<settings.processes {
            let process = try HonuaProcess(json: [
                "metadata": ["name": .string("p\(number)")], "spec": spec("p\(number)"),
            ])
            while true {
                do {
                    _ = try await processes.create(process)
                    break
                } catch let error as KubeError where error.code == .alreadyExists {
                    break
                } catch is KubeError {
                    // The API server is away.
                    try await Task.sleep(for: .milliseconds(500))
                }
            }
            try await Task.sleep(for: pause)
        }
    }

    private func spec(_ name: String) -> JSONValue {
        let steps = (1...Self.steps).map { number -> JSONValue in
            var step: JSONValue = [
                "name": .string("s\(number)"), "action": "http",
                "with": ["method": "POST", "url": .string(effects.url("\(name)-s\(number)"))],
            ]
            if number > 1 { step["needs"] = [.string("s\(number - 1)")] }
            // Long enough for trouble to come in between.
            if number == 3 { step["needs"] = ["wait"] }
            return step
        }
        let wait: JSONValue = [
            "name": "wait", "action": "delay", "needs": ["s2"], "with": ["duration": "2s"],
        ]
        return [
            "steps": .array(steps + [wait]),
            "retry": ["limit": 20, "backoff": ["duration": "200ms", "maxDuration": "2s"]],
        ]
    }

    private func waitForEnds() async throws -> [String: Int] {
        let end = ContinuousClock.now + settings.patience
        while true {
            var endings: [String: Int] = [:]
            for process in try await processes.list().items {
                let phase = process.status?.phase
                let ready = process.status?.conditions?.first { $0.type == HonuaProcessCondition.ready }
                let name =
                    ready?.reason == "WaitingForRecovery" ? "waits for recovery" : phase.map(\.rawValue) ?? "not begun"
                endings[name, default: 0] += 1
            }
            let open = endings.filter { !["Completed", "Failed", "Cancelled", "waits for recovery"].contains($0.key) }
            if open.isEmpty || ContinuousClock.now > end { return endings }
            try await Task.sleep(for: .milliseconds(500))
        }
    }

    // MARK: Trouble

    private func makeTrouble() async throws -> [String: Int] {
        var random = SeededGenerator(seed: settings.seed)
        var count: [String: Int] = [:]
        let end = ContinuousClock.now + settings.trouble
        let middle = ContinuousClock.now + settings.trouble / 2
        var hasEmptied = !settings.empties
        // Each kind once, then at random.
        var next = Trouble.allCases.shuffled(using: &random)
        // Each kind meets each replica in turn, so that the work is spread as the replicas spread it.
        let names = replicas.names.shuffled(using: &random)
        try await Task.sleep(for: .seconds(3))
        while ContinuousClock.now < end {
            if !hasEmptied, ContinuousClock.now > middle {
                hasEmptied = true
                say("Redis is emptied")
                count["emptied"] = 1
                try await marks.read()
                try await marks.empty()
            }
            let trouble = next.popLast() ?? Trouble.allCases.randomElement(using: &random) ?? .kill
            let name = names[count[trouble.rawValue, default: 0] % names.count]
            say("\(trouble.rawValue) \(name)")
            count[trouble.rawValue, default: 0] += 1
            try await make(trouble, name, &random)
            try await Task.sleep(for: .milliseconds(Int64.random(in: 500...4000, using: &random)))
        }
        return count
    }

    private func make(_ trouble: Trouble, _ name: String, _ random: inout SeededGenerator) async throws {
        switch trouble {
        case .kill: try await replicas.replace(name, signal: SIGKILL)
        case .terminate: try await replicas.replace(name, signal: SIGTERM)
        case .stop:
            guard let child = replicas.process(name)?.child else { return }
            child.signal(SIGSTOP)
            try await Task.sleep(for: settings.pause)
            child.signal(SIGCONT)
        case .cut:
            replicas.proxy(name)?.cut()
            try await Task.sleep(for: .milliseconds(Int64.random(in: 2000...20_000, using: &random)))
            replicas.proxy(name)?.mend()
        case .redis:
            await redis.stop()
            try await Task.sleep(for: .milliseconds(Int64.random(in: 200...5000, using: &random)))
            try await redis.start()
        case .apiServer:
            try await cluster.stopAPIServer()
            try await Task.sleep(for: .milliseconds(Int64.random(in: 200...5000, using: &random)))
            try await cluster.startAPIServer()
        }
    }

    // MARK: Judgement

    private func judge(_ report: inout ChaosReport) async throws {
        let requests = Dictionary(grouping: effects.effects, by: \.name)
        report.requests = effects.effects.count
        for process in try await processes.list().items {
            let name = process.metadata.name
            let phase = process.status?.phase
            let ready = process.status?.conditions?.first { $0.type == HonuaProcessCondition.ready }
            if let owner = process.status?.state?.owner { report.shares[owner, default: 0] += 1 }
            report.takeovers += max(0, (process.status?.state?.epoch ?? 1) - 1)
            let isExcused =
                settings.empties
                && (ready?.reason == "WaitingForRecovery"
                    || process.status?.errorMessage?.hasPrefix("Invalid state") == true)
            if phase != .completed, !isExcused {
                report.violations.append(
                    "\(name) is \(phase?.rawValue ?? "not begun"), \(ready?.reason ?? "-"): \(ready?.message ?? "")"
                )
                for line in replicas.lines(about: process.metadata.uid).suffix(12) { say(line) }
            }
            for number in 1...Self.steps {
                let step = "\(name)-s\(number)"
                let keys = requests[step]?.map(\.key) ?? []
                if phase == .completed, keys.isEmpty { report.violations.append("\(step) is done, and never was") }
                if Set(keys).count > 1 { report.violations.append("\(step) has had \(Set(keys).count) keys") }
                guard keys.count > 1 else { continue }
                let starts = marks.starts(of: step)
                if keys.count > starts {
                    report.violations.append(
                        "\(step) was asked for \(keys.count) times, and begun \(starts) times as the state says"
                    )
                    for line in replicas.lines(about: process.metadata.uid).suffix(30) { say(line) }
                }
                report.repeats += keys.count - 1
            }
        }
    }
}
