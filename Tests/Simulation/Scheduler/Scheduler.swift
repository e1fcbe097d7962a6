import Glibc

/// Runs every job of a simulation on one thread, in an order that the seed decides, under a clock that stands still
/// while there is something to do and then jumps to the next timer.
///
/// # Why `@unchecked Sendable` is sound
/// Everything that a simulation consists of is touched by its one thread only: it is made there, its tasks prefer
/// executors that queue into this scheduler, and `run` executes their jobs there. `enqueue`, `now` and `at` check the
/// thread and end the program if somebody else calls them; all other parts of the world are reached through those.
final class Scheduler: @unchecked Sendable {
    private struct Ready {
        let job: UnownedJob
        let lane: Lane
    }

    private struct Timer {
        let due: Duration
        let order: UInt64
    }

    private let thread = pthread_self()
    private var ready: [Ready] = []
    /// Jobs of lanes that stand still.
    private var held: [Ready] = []
    private var timers: [Timer] = []
    private var actions: [UInt64: () -> Void] = [:]
    private var order: UInt64 = 0
    private var time: Duration = .zero
    private(set) var jobs = 0
    /// Whether the next job is the oldest one, instead of any.
    private let isFair: Bool
    var random: Randomness

    init(seed: UInt64) {
        random = Randomness(seed: seed)
        isFair = random.chance(25)
        GlobalQueueWatch.install()
    }

    /// Whether the caller is this simulation's thread.
    private func check() {
        precondition(pthread_equal(thread, pthread_self()) != 0, "a part of the simulation has left its thread")
    }

    /// Since the beginning.
    var now: Duration {
        check()
        return time
    }

    // MARK: Jobs

    fileprivate func enqueue(_ job: UnownedJob, on lane: Lane) {
        check()
        if lane.isHeld { held.append(Ready(job: job, lane: lane)) } else { ready.append(Ready(job: job, lane: lane)) }
    }

    func makeLane() -> Lane { Lane(self) }

    /// None of a lane's jobs runs until it is let go: its program is stopped.
    func hold(_ lane: Lane) {
        check()
        lane.isHeld = true
        held += ready.filter { $0.lane === lane }
        ready.removeAll { $0.lane === lane }
    }

    func letGo(_ lane: Lane) {
        check()
        lane.isHeld = false
        ready += held.filter { $0.lane === lane }
        held.removeAll { $0.lane === lane }
    }

    // MARK: Timers

    /// Calls back when so much time has passed; 0 for as soon as no job is ready.
    @discardableResult
    func after(_ delay: Duration, _ action: @escaping () -> Void) -> UInt64 {
        check()
        order += 1
        actions[order] = action
        push(Timer(due: time + max(.zero, delay), order: order))
        return order
    }

    /// Forgets a timer; false when it has gone off.
    @discardableResult
    func forget(_ timer: UInt64) -> Bool {
        check()
        return actions.removeValue(forKey: timer) != nil
    }

    private func push(_ timer: Timer) {
        timers.append(timer)
        var index = timers.count - 1
        while index > 0, Self.isBefore(timers[index], timers[(index - 1) / 2]) {
            timers.swapAt(index, (index - 1) / 2)
            index = (index - 1) / 2
        }
    }

    private func pop() -> Timer? {
        guard let first = timers.first else { return nil }
        let last = timers.removeLast()
        guard !timers.isEmpty else { return first }
        timers[0] = last
        var index = 0
        while true {
            var least = index
            for child in [2 * index + 1, 2 * index + 2]
            where child < timers.count && Self.isBefore(timers[child], timers[least]) {
                least = child
            }
            guard least != index else { return first }
            timers.swapAt(index, least)
            index = least
        }
    }

    private static func isBefore(_ one: Timer, _ other: Timer) -> Bool {
        one.due < other.due || (one.due == other.due && one.order < other.order)
    }

    // MARK: Running

    /// Runs until nothing is left to do, or the condition holds.
    func run(until isOver: () -> Bool) {
        check()
        GlobalQueueWatch.isSimulating = true
        defer { GlobalQueueWatch.isSimulating = false }
        while !isOver() {
            if !ready.isEmpty {
                runOne()
            } else if let timer = pop() {
                guard let action = actions.removeValue(forKey: timer.order) else { continue }
                time = max(time, timer.due)
                action()
            } else {
                return
            }
        }
    }

    private func runOne() {
        let next: Ready
        if isFair {
            next = ready.removeFirst()
        } else {
            let index = ready.count == 1 ? 0 : random.below(ready.count)
            next = ready[index]
            ready[index] = ready[ready.count - 1]
            ready.removeLast()
        }
        jobs += 1
        next.job.runSynchronously(on: next.lane.asUnownedTaskExecutor())
    }
}

/// The jobs of one program, which can be stopped on its own.
final class Lane: TaskExecutor {
    private let scheduler: Scheduler
    // Only the scheduler's thread touches it; see `Scheduler`.
    nonisolated(unsafe) fileprivate(set) var isHeld = false

    fileprivate init(_ scheduler: Scheduler) { self.scheduler = scheduler }

    func enqueue(_ job: consuming ExecutorJob) { scheduler.enqueue(UnownedJob(job), on: self) }
}
