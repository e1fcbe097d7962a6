import JSON
import Logging
import Workflows

/// Everything that one simulation consists of. Touched by the simulation's thread only; see `Scheduler`.
final class World: @unchecked Sendable {
    let scheduler: Scheduler
    let trace: Trace
    let settings: Settings
    let fault: PlantedFault?
    private(set) lazy var database = Database(world: self)
    private(set) lazy var cluster = Cluster(world: self)
    private(set) lazy var target = EffectTarget()
    private(set) lazy var checks = Checks(world: self)
    /// The programs that have been started, those that are dead included.
    var programs: [OperatorProgram] = []
    /// How often something has happened in this simulation, by name.
    private(set) var coverage: [String: Int] = [:]
    private(set) var violation: String?
    /// When something last went wrong that may delay a program.
    private(set) var lastTrouble: Duration = .zero
    /// No more faults from now on.
    var isQuiet = false

    init(seed: UInt64, fault: PlantedFault?, isRecorded: Bool) {
        scheduler = Scheduler(seed: seed)
        trace = Trace(isRecorded: isRecorded)
        self.fault = fault
        settings = Settings(random: &scheduler.random)
    }

    var now: Duration { scheduler.now }

    func note(_ text: @autoclosure () -> String) { trace.note(now, text()) }

    func cover(_ name: String) { coverage[name, default: 0] += 1 }

    /// An invariant is broken: the simulation ends.
    func violate(_ message: String) {
        note("VIOLATED: \(message)")
        if violation == nil { violation = message }
    }

    /// Something has gone wrong that may delay a program.
    func trouble(until end: Duration? = nil) { lastTrouble = max(lastTrouble, end ?? now) }

    func chance(_ percent: Int) -> Bool { scheduler.random.chance(percent) }

    func milliseconds(_ range: ClosedRange<Int>) -> Duration { scheduler.random.milliseconds(range) }

    /// Collects the log of the programs when the trace is recorded.
    func logger(_ program: String) -> Logger {
        guard trace.isRecorded else { return Logger(label: program) { _ in SwiftLogNoOpLogHandler() } }
        var logger = Logger(label: program) { _ in TraceLog(world: self, program: program) }
        logger.logLevel = .debug
        return logger
    }
}

/// What differs between simulations from the beginning: which kinds of trouble there are, and how much.
///
/// Each simulation has only some, because trouble of one kind often hides that of another (swarm testing: Groce and
/// others, 2012).
struct Settings {
    let replicas: Int
    let processes: Int
    let faults: Set<Fault>
    /// Per thousand requests.
    let lossRate: Int
    let storeLatency: ClosedRange<Int>
    let watchLag: ClosedRange<Int>
    let maxConcurrentProcesses: Int
    let stepParallelism: Int
    let checkpointInterval: Duration
    let commands: Int
    /// When trouble ends.
    let troubleTime: Duration

    init(random: inout Randomness) {
        replicas = random.pick([1, 1, 1, 2, 2, 3])
        processes = random.pick([1, 1, 2, 2, 3, 4])
        let isPeaceful = random.chance(8)
        let share = random.pick([15, 30, 50])
        var faults: Set<Fault> = []
        for fault in Fault.allCases where random.chance(share) { faults.insert(fault) }
        self.faults = isPeaceful ? [] : faults
        lossRate = self.faults.contains(.lostRequests) ? random.pick([5, 20, 60]) : 0
        storeLatency = random.pick([0...1, 1...5, 1...5, 2...80])
        watchLag = random.pick([0...5, 5...300, 5...300, 100...3000])
        maxConcurrentProcesses = random.pick([1, 2, 10, 10])
        stepParallelism = random.pick([1, 2, 4])
        checkpointInterval = random.pick([.seconds(5), .seconds(30)])
        commands = isPeaceful ? 0 : random.pick([0, 1, 2, 4])
        troubleTime = .seconds(random.int(15...60))
    }
}

/// What goes wrong in a simulation.
enum Fault: String, CaseIterable {
    case kill
    case killAtFailPoint
    case killAtCommit
    case pause
    case gracefulStop
    case storeOutage
    case lostRequests
    case rollback
    case emptied
    case validEdit
    case invalidEdit
    case lostHeartbeats
    case apiOutage
    case definitionEdit
    case duplicates
}
