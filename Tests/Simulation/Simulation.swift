package import Workflows

/// A whole operator, several times over, in a world of trouble that one number decides.
///
/// The production engine runs: state machine, runner, locks, membership. What is simulated is the world around it: time,
/// the store, the API server, the targets of steps, and the order in which things happen.
package struct Simulation {
    /// What came of a seed.
    package struct Result: Sendable {
        /// The seed.
        package let seed: UInt64
        /// The invariant that was broken; nil if all held.
        package let violation: String?
        /// Identifies everything that happened, in its order.
        package let digest: UInt64
        /// How long it took by the simulated clock.
        package let duration: Duration
        /// How many jobs were run.
        package let jobs: Int
        /// How often what happened, by name.
        package let coverage: [String: Int]
        /// What happened, if it was to be recorded.
        package let trace: [String]
    }

    /// Runs one seed.
    /// - Parameters:
    ///   - fault: planted into the engine, to see that it is found.
    ///   - isRecorded: whether the result holds the trace; the same things happen in both cases.
    package static func run(seed: UInt64, fault: PlantedFault? = nil, isRecorded: Bool = false) -> Result {
        let world = World(seed: seed, fault: fault, isRecorded: isRecorded)
        let escaped = GlobalQueueWatch.count
        let end = Completion()
        let lane = world.scheduler.makeLane()
        // Ends when the scheduler has run its jobs; nobody else waits for it.
        Task(executorPreference: lane) {
            var director = Director(world)
            await director.run()
            await director.finish()
            end.isReached = true
        }
        world.scheduler.run { end.isReached || world.violation != nil }
        if world.violation == nil, !end.isReached {
            let open = world.programs.filter { !$0.hasEnded }.map(\.name).joined(separator: ", ")
            world.violate("stuck: nothing can happen any more, and these have not come to their end: \(open)")
        }
        if GlobalQueueWatch.count != escaped { world.violate("a job has escaped to the global executor") }
        world.trace.mix(world.scheduler.random.state)
        world.trace.mix(UInt64(world.scheduler.jobs))
        return Result(
            seed: seed,
            violation: world.violation,
            digest: world.trace.digest,
            duration: world.now,
            jobs: world.scheduler.jobs,
            coverage: world.coverage,
            trace: world.trace.lines
        )
    }

    /// Touched by the simulation's thread only; see `Scheduler`.
    private final class Completion: @unchecked Sendable { var isReached = false }
}
