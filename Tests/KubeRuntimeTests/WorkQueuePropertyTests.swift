import Synchronization
import Testing

@testable import KubeRuntime

/// Many producers and workers at once, on all threads there are.
@Suite(.timeLimit(.minutes(4))) struct WorkQueuePropertyTests {
    private static let keys = 3000

    @Test(arguments: SeededGenerator.randomSeeds(1))
    func `no key is handed out twice at once, none is lost, by twelve producers and six failing workers`(
        seed: UInt64
    ) async {
        let queue = WorkQueue<Int, ContinuousClock>(
            backoff: Backoff(initial: .microseconds(200), maximum: .milliseconds(2), jitter: 1),
            group: { String($0 % 17) }
        )
        let log = WorkLog(keys: Self.keys)
        await withTaskGroup { group in
            group.addTask { await queue.run() }
            for worker in 0..<6 {
                group.addTask { await work(queue, log, SeededGenerator(seed: seed &+ UInt64(100 + worker))) }
            }
            await withTaskGroup { producers in
                for producer in 0..<12 {
                    producers.addTask { await produce(queue, log, SeededGenerator(seed: seed &+ UInt64(producer))) }
                }
            }
            await log.waitUntilAllIsDone()
            await queue.shutDownWithDrain()
        }
        #expect(log.collisions == 0, "TEST_SEED=\(seed)")
        #expect(queue.depth == 0, "TEST_SEED=\(seed)")
    }

    private func produce(_ queue: WorkQueue<Int, ContinuousClock>, _ log: WorkLog, _ random: SeededGenerator) async {
        var random = random
        let priorities: [Priority] = [.low, .normal, .high]
        for step in 0..<2000 {
            let key = Int.random(in: 0..<Self.keys, using: &random)
            log.change(key)
            switch Int.random(in: 0..<4, using: &random) {
            case 0: queue.add(key)
            case 1: queue.add(key, priority: priorities.randomElement(using: &random) ?? .normal)
            case 2: queue.add(key, after: .microseconds(Int.random(in: 0...3000, using: &random)))
            default: queue.add(key, after: .microseconds(Int.random(in: 0...500, using: &random)), priority: .low)
            }
            if step.isMultiple(of: 16) { await Task.yield() }
        }
    }

    private func work(_ queue: WorkQueue<Int, ContinuousClock>, _ log: WorkLog, _ random: SeededGenerator) async {
        var random = random
        while let key = await queue.next() {
            let version = log.begin(key)
            if Int.random(in: 0..<3, using: &random) == 0 { await Task.yield() }
            if Int.random(in: 0..<10, using: &random) == 0 {
                log.end(key, done: nil)
                queue.addAfterFailure(key)
            } else {
                log.end(key, done: version)
                queue.forget(key)
            }
            queue.done(key)
        }
    }
}

/// What was asked for, what has been done for it, and whether two ever worked on one key.
private final class WorkLog: Sendable {
    private struct State {
        var changes: [Int]
        var done: [Int]
        var working: Set<Int> = []
        var outstanding = 0
        var collisions = 0
    }

    private let state: Mutex<State>
    /// Says now and then that all may have been done.
    private let progress: AsyncStream<Void>
    private let step: AsyncStream<Void>.Continuation

    init(keys: Int) {
        (progress, step) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
        state = Mutex(State(changes: Array(repeating: 0, count: keys), done: Array(repeating: 0, count: keys)))
    }

    var collisions: Int { state.withLock { $0.collisions } }

    func change(_ key: Int) {
        state.withLock { state in
            if state.changes[key] == state.done[key] { state.outstanding += 1 }
            state.changes[key] += 1
        }
    }

    func begin(_ key: Int) -> Int {
        state.withLock { state in
            if !state.working.insert(key).inserted { state.collisions += 1 }
            return state.changes[key]
        }
    }

    /// - Parameter version: what `begin` returned, nil when the work failed.
    func end(_ key: Int, done version: Int?) {
        let isDone = state.withLock { state in
            state.working.remove(key)
            guard let version, version > state.done[key] else { return false }
            state.done[key] = version
            if version == state.changes[key] { state.outstanding -= 1 }
            return state.outstanding == 0
        }
        if isDone { step.yield() }
    }

    /// To be called when all changes have been made.
    func waitUntilAllIsDone() async {
        step.yield()
        for await _ in progress where state.withLock({ $0.outstanding == 0 }) { return }
    }
}
