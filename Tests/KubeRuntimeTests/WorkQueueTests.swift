import KubeClient
import Synchronization
import TestClock
import TestEnvironment
import Testing

@testable import KubeRuntime

@Suite(.timeLimit(.minutes(4))) struct WorkQueueTests {
    private typealias Queue = WorkQueue<String, ManualClock>

    private func withQueue(_ body: (Queue, ManualClock) async throws -> Void) async throws {
        let clock = ManualClock()
        let queue = Queue(clock: clock, backoff: Backoff(initial: .seconds(1), maximum: .seconds(4), jitter: 0))
        let running = Task { await queue.run() }
        defer { running.cancel() }
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

    @Test func `events during work that then fails wait for the end of the backoff, too`() async throws {
        try await withQueue { queue, clock in
            queue.add("a")
            _ = await queue.next()
            queue.add("a", after: .milliseconds(1))
            queue.add("a")
            queue.addAfterFailure("a")
            queue.done("a")
            #expect(queue.depth == 0)
            await clock.sleepers(1)
            clock.advance(by: .seconds(1))
            #expect(await queue.next() == "a")
            queue.done("a")
            #expect(queue.depth == 0)
        }
    }

    @Test func `a key that backs off and is said to do well may be hastened by events, and is not lost`() async throws {
        try await withQueue { queue, _ in
            queue.addAfterFailure("a")
            queue.add("a")
            queue.forget("a")
            #expect(queue.depth == 0)
            queue.add("a")
            #expect(await queue.next() == "a")
        }
    }

    @Test func `a key added with several priorities has the highest`() async throws {
        try await withQueue { queue, _ in
            queue.add("a", priority: .low)
            queue.add("b", priority: .normal)
            queue.add("a", priority: .high)
            queue.add("a", priority: .low)
            #expect(await queue.next() == "a")
            #expect(await queue.next() == "b")
        }
    }

    @Test(arguments: [true, false])
    func `what is tried again keeps the priority of the work that asked for it`(fails: Bool) async throws {
        try await withQueue { queue, clock in
            queue.add("urgent", priority: .high)
            _ = await queue.next()
            if fails { queue.addAfterFailure("urgent") } else { queue.add("urgent", after: .seconds(1)) }
            queue.done("urgent")
            queue.add("ordinary")
            await clock.sleepers(1)
            clock.advance(by: .seconds(1))
            try await eventually { queue.depth == 2 }
            #expect(await queue.next() == "urgent")
            queue.done("urgent")
            // An event later on is an ordinary one again.
            queue.add("urgent")
            #expect(await queue.next() == "ordinary")
        }
    }

    @Test func `the namespaces of object keys take turns`() async {
        let queue = WorkQueue<ObjectKey, ContinuousClock>()
        for index in 0..<100 { queue.add(ObjectKey(namespace: "flood", name: "\(index)")) }
        queue.add(ObjectKey(namespace: "quiet", name: "only"))
        var namespaces: [String] = []
        for _ in 0..<3 { namespaces.append(await queue.next()?.namespace ?? "none") }
        #expect(namespaces == ["flood", "quiet", "flood"])
    }

    @Test func `draining returns when the work in progress is done, and drops what waits`() async throws {
        try await withQueue { queue, _ in
            queue.add("a")
            queue.add("b")
            _ = await queue.next()
            let drained = Flag()
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask {
                    await queue.shutDownWithDrain()
                    drained.isSet.withLock { $0 = true }
                }
                try await eventually { queue.depth == 0 }
                #expect(await queue.next() == nil)
                #expect(!drained.isSet.withLock { $0 })
                queue.done("a")
                try await group.waitForAll()
            }
            #expect(drained.isSet.withLock { $0 })
            await queue.shutDownWithDrain()
        }
    }
}

private final class Flag: Sendable {
    let isSet = Mutex(false)
}
