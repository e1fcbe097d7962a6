import Synchronization
import TestEnvironment
import Testing

@testable import KubeRuntime

@Suite(.timeLimit(.minutes(1))) struct WorkQueueTests {
    private typealias Queue = WorkQueue<String, ManualClock>

    private func withQueue(_ body: (Queue, ManualClock) async throws -> Void) async throws {
        let clock = ManualClock()
        let queue = Queue(clock: clock, backoff: Backoff(initial: .seconds(1), maximum: .seconds(4), jitter: 0))
        let running = Task { await queue.run() }
        try await body(queue, clock)
        queue.shutDown()
        await running.value
    }

    @Test func `a key added twice is handed out once`() async throws {
        try await withQueue { queue, _ in
            queue.add("a")
            queue.add("a")
            queue.add("b")
            #expect(await queue.next() == "a")
            #expect(await queue.next() == "b")
            #expect(queue.depth == 0)
        }
    }

    @Test func `a key added while it is worked on is handed out again when the work is done`() async throws {
        try await withQueue { queue, _ in
            queue.add("a")
            _ = await queue.next()
            queue.add("a")
            #expect(queue.depth == 0)
            queue.done("a")
            #expect(await queue.next() == "a")
        }
    }

    @Test func `a delayed key comes when its time has come, the earliest delay counts`() async throws {
        try await withQueue { queue, clock in
            queue.add("a", after: .seconds(10))
            queue.add("a", after: .seconds(5))
            queue.add("a", after: .seconds(7))
            await clock.sleepers(1)
            clock.advance(by: .seconds(4))
            #expect(queue.depth == 0)
            clock.advance(by: .seconds(1))
            #expect(await queue.next() == "a")
            queue.done("a")
            clock.advance(by: .seconds(20))
            #expect(queue.depth == 0)
        }
    }

    @Test func `an earlier delay of another key is not held up by a later one`() async throws {
        try await withQueue { queue, clock in
            queue.add("late", after: .seconds(100))
            await clock.sleepers(1)
            queue.add("soon", after: .seconds(1))
            await clock.sleepers(2)
            clock.advance(by: .seconds(1))
            #expect(await queue.next() == "soon")
        }
    }

    @Test func `failures in a row wait longer and longer, up to the limit`() async throws {
        try await withQueue { queue, clock in
            for seconds in [1, 2, 4, 4] {
                queue.addAfterFailure("a")
                await clock.sleepers(1)
                clock.advance(by: .seconds(seconds) - .milliseconds(1))
                #expect(queue.depth == 0)
                clock.advance(by: .milliseconds(1))
                #expect(await queue.next() == "a")
                queue.done("a")
            }
            #expect(queue.failures(of: "a") == 4)
            queue.forget("a")
            #expect(queue.failures(of: "a") == 0)
        }
    }

    @Test func `events during a backoff neither shorten it nor count as failures`() async throws {
        try await withQueue { queue, clock in
            queue.addAfterFailure("a")
            for _ in 0..<100 { queue.add("a") }
            queue.add("a", after: .milliseconds(1))
            await clock.sleepers(1)
            clock.advance(by: .milliseconds(999))
            #expect(queue.depth == 0)
            clock.advance(by: .milliseconds(1))
            #expect(await queue.next() == "a")
            #expect(queue.failures(of: "a") == 1)
        }
    }

    @Test func `shutting down ends waiting workers and those to come`() async throws {
        try await withQueue { queue, _ in
            async let waiting = queue.next()
            queue.shutDown()
            #expect(await waiting == nil)
            #expect(await queue.next() == nil)
            queue.add("a")
            #expect(await queue.next() == nil)
        }
    }

    @Test func `cancelling a waiting worker loses no key`() async throws {
        try await withQueue { queue, _ in
            let worker = Task { await queue.next() }
            worker.cancel()
            #expect(await worker.value == nil)
            queue.add("a")
            #expect(await queue.next() == "a")
        }
    }

    @Test func `under load every key is worked on by one worker at a time, and no change is missed`() async throws {
        let queue = WorkQueue<Int, ContinuousClock>()
        let log = WorkLog()
        await withTaskGroup(of: Void.self) { workers in
            for _ in 0..<8 {
                workers.addTask {
                    while let key = await queue.next() {
                        let version = log.begin(key)
                        await Task.yield()
                        log.end(key, seen: version)
                        queue.done(key)
                    }
                }
            }
            await withTaskGroup(of: Void.self) { producers in
                for producer in 0..<10 {
                    producers.addTask {
                        for index in 0..<500 {
                            let key = (index * 7 + producer) % 20
                            log.change(key)
                            queue.add(key)
                        }
                    }
                }
            }
            // Every change has been added by now; what is left is handed out before the queue is empty.
            while !log.isComplete { await Task.yield() }
            queue.shutDown()
        }
        #expect(log.collisions == 0)
    }
}

/// What workers have seen of twenty keys, and whether two ever had the same one.
private final class WorkLog: Sendable {
    private struct State {
        var changes = Array(repeating: 0, count: 20)
        var seen = Array(repeating: 0, count: 20)
        var working: Set<Int> = []
        var collisions = 0
    }

    private let state = Mutex(State())

    var isComplete: Bool { state.withLock { $0.seen == $0.changes } }
    var collisions: Int { state.withLock { $0.collisions } }

    func change(_ key: Int) { state.withLock { $0.changes[key] += 1 } }

    func begin(_ key: Int) -> Int {
        state.withLock { state in
            if !state.working.insert(key).inserted { state.collisions += 1 }
            return state.changes[key]
        }
    }

    func end(_ key: Int, seen version: Int) {
        state.withLock { state in
            state.seen[key] = version
            state.working.remove(key)
        }
    }
}
