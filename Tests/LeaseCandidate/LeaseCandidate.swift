import Dispatch
import Glibc
import JSON
import KubeClient
import KubeRuntime
import Logging
import Synchronization

/// A candidate for the lease `leader` that, while it leads, writes two ConfigMaps all the time: `fenced` by fenced
/// writes, `gated` by writes that only the gate holds back. Each write says the epoch and who wrote.
///
///     LeaseCandidate KUBECONFIG NAMESPACE IDENTITY
///
/// Lease 3 s, renew deadline 2 s, retry period 0.5 s. Campaigns again when it has lost. Says `ready` when it is prepared
/// for SIGTERM, on which it ends after its last writes.
@main struct LeaseCandidate {
    private static let isEnding = Atomic(false)
    private static let configMaps = APIResource(version: "v1", kind: "ConfigMap", plural: "configmaps")

    static func main() async throws {
        let arguments = CommandLine.arguments
        guard arguments.count == 4 else { return say("usage: LeaseCandidate KUBECONFIG NAMESPACE IDENTITY") }
        let (kubeconfig, namespace, identity) = (arguments[1], arguments[2], arguments[3])
        var logger = Logger(label: "candidate") { StreamLogHandler.standardError(label: $0) }
        logger.logLevel = .info
        let configuration = try Kubeconfig.load(path: kubeconfig).configuration(context: nil)
        // Two clients, two connections: writing at full speed must not delay the renewals.
        let client = try KubeClient(configuration, logger: logger)
        let elector = LeaderElector(
            client: try KubeClient(configuration, logger: logger),
            lease: ObjectKey(namespace: namespace, name: "leader"),
            identity: identity,
            timing: try ElectionTiming(
                leaseDuration: .seconds(3),
                renewDeadline: .seconds(2),
                retryPeriod: .milliseconds(500)
            ),
            drainLimit: .seconds(10),
            logger: logger
        )
        signal(SIGTERM, SIG_IGN)
        let campaigning = Task {
            while !Task.isCancelled {
                let ending = try await elector.run { gate in
                    say("leads under epoch \(gate.epoch)")
                    await write(client.guarded(by: gate).resources(configMaps, namespace: namespace), identity, gate)
                }
                say("ended: \(ending)")
                if ending == .undrained { exit(3) }
            }
        }
        let termination = DispatchSource.makeSignalSource(signal: SIGTERM, queue: .global())
        termination.setEventHandler { @Sendable in
            isEnding.store(true, ordering: .relaxed)
            campaigning.cancel()
        }
        termination.resume()
        say("ready")
        try await campaigning.value
        termination.cancel()
    }

    private static func write(_ objects: ResourceClient<DynamicObject>, _ identity: String, _ gate: LeaseGate) async {
        await withDiscardingTaskGroup { group in
            group.addTask {
                await repeatedly { count in
                    _ = try await objects.patch("fenced", fencedBy: gate) { _ in
                        ["data": ["epoch": "\(gate.epoch)", "writer": .string(identity), "count": "\(count)"]]
                    }
                }
            }
            group.addTask {
                await repeatedly { count in
                    let data: JSONValue = ["epoch": "\(gate.epoch)", "writer": .string(identity), "count": "\(count)"]
                    _ = try await objects.patch("gated", .merge(["data": data]))
                }
            }
        }
    }

    /// Until the gate is shut or the process is to end. Cancellation alone ends nothing: it is the gate that is on trial.
    private static func repeatedly(_ write: @escaping @Sendable (Int) async throws -> Void) async {
        var count = 0
        while !isEnding.load(ordering: .relaxed) {
            count += 1
            do {
                // Out of reach of cancellation, so that a write that has begun is not abandoned.
                try await Task { [count] in try await write(count) }.value
                // Leaves the machine to the tests beside this one; a third of the time a write is under way.
                try? await Task.sleep(for: .milliseconds(10))
            } catch is LeaseGate.Shut {
                return
            } catch {
                // The API server was stopped, or changed its mind; there is no need to ask in a tight loop.
                try? await Task.sleep(for: .milliseconds(20))
            }
        }
    }

    private static func say(_ text: String) {
        let bytes = Array((text + "\n").utf8)
        _ = Glibc.write(STDOUT_FILENO, bytes, bytes.count)
    }
}
