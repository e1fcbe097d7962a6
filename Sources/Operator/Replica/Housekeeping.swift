internal import Logging
internal import Reconcilers
internal import Stores

/// What one of the replicas does for all: the one that holds the Lease.
struct Housekeeping: Sendable {
    /// How often everything is looked at.
    static let interval: Duration = .seconds(300)
    /// A state is written before its resource shows it, and caches are filled some time after the start.
    static let firstDelay: Duration = .seconds(30)

    private let sweep: StateSweep
    private let processes: HonuaProcessReconciler
    /// Empty for all.
    private let namespaces: [String]
    private let logger: Logger

    /// - Parameter namespaces: those that are watched; empty for all.
    init(_ sweep: StateSweep, _ processes: HonuaProcessReconciler, _ namespaces: [String], _ logger: Logger) {
        self.sweep = sweep
        self.processes = processes
        self.namespaces = namespaces
        self.logger = logger
    }

    /// Looks at everything again and again until the task is cancelled.
    /// - Parameter isWanted: asked before each pass.
    func run(while isWanted: @Sendable () -> Bool) async {
        var delay = Self.firstDelay
        var reported: Set<String> = []
        while (try? await Task.sleep(for: delay)) != nil {
            delay = Self.interval
            guard isWanted() else { continue }
            do {
                try await pass(&reported)
            } catch is CancellationError {
                return
            } catch {
                logger.warning("housekeeping: the states could not be looked at: \(error)")
            }
        }
    }

    private func pass(_ reported: inout Set<String>) async throws {
        guard processes.knowsAll else { return }
        let findings = try await sweep.run { processes.knows($0) }
        for id in findings.unlimited {
            logger.warning("Process \(id) had a state without a time to live; it has one now")
        }
        let orphans = findings.orphans.filter { orphan in
            namespaces.isEmpty || orphan.namespace.map(namespaces.contains) ?? false
        }
        for orphan in orphans where reported.insert(orphan.id).inserted {
            logger.warning(
                "Process \(orphan.id) has an unfinished state and no resource; it is not run",
                metadata: ["namespace": "\(orphan.namespace ?? "-")", "name": "\(orphan.name)"]
            )
        }
        reported.formIntersection(orphans.map(\.id))
        logger.debug("housekeeping: \(findings.states) states, \(orphans.count) of them without a resource")
    }
}
