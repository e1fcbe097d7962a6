import Foundation
import KubeClient
import KubeRuntime
import Logging
import UnixSignals

@main struct Main {
    static func main() async throws {
        let logger = Logger(label: "configmap-controller")
        let arguments = CommandLine.arguments.dropFirst()
        let configuration = try ClusterConfiguration.load(
            kubeconfig: arguments.first { !$0.hasPrefix("-") },
            environment: ProcessInfo.processInfo.environment
        )
        var client = try KubeClient(configuration, logger: logger)
        defer { client.shutdown() }
        var elector: LeaderElector?
        if arguments.contains("--leader-election") {
            let lease = ObjectKey(namespace: "default", name: "configmap-controller")
            let candidate = LeaderElector(client: client, lease: lease, logger: logger)
            client = client.guarded(by: candidate)
            elector = candidate
        }
        let cache = Cache(client: client, logger: logger)
        let events = EventRecorder(client: client, component: "configmap-controller", logger: logger)
        let controller = Controller(ConfigMap.self, name: "mirror", cache: cache, logger: logger)
        // A copy leads to its original, and is found by it.
        controller.watches(ConfigMap.self) { copy in copy.original.map { [$0] } ?? [] }
        let copies = controller.store.index { copy in copy.original.map { ["\($0)"] } ?? [] }
        let mirror = Mirror(controller: controller, copies: copies, events: events)
        let group = ControllerGroup(cache: cache, recorder: events, elector: elector, logger: logger)
        group.add(controller) { key in try await mirror.reconcile(key) }

        let signals = await UnixSignalsSequence(trapping: .sigterm, .sigint)
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask {
                for await signal in signals {
                    logger.info("stopping", metadata: ["signal": "\(signal)"])
                    return group.stop()
                }
            }
            logger.info("mirroring", metadata: ["server": "\(configuration.server)"])
            let ending = try await group.run()
            logger.info("ended", metadata: ["leadership": ending.map { "\($0)" } ?? "not elected"])
            tasks.cancelAll()
        }
    }
}
