import ScriptedServers
import Synchronization
import TestEnvironment
import Testing

@testable import KubeClient

@Suite(.timeLimit(.minutes(4))) struct InFlightLimitTests {
    /// Starts a task that enters, and returns when it waits.
    private func waiter(
        _ limit: InFlightLimit,
        _ entered: @escaping @Sendable () -> Void = {}
    ) async throws -> Task<Void, any Error> {
        let before = limit.waiting
        let task = Task {
            try await limit.enter()
            entered()
        }
        try await eventually { limit.waiting > before }
        return task
    }

    @Test func `those who wait enter in the order in which they came`() async throws {
        let limit = InFlightLimit(1)
        let order = Recorder<Int>()
        try await limit.enter()
        var waiters: [Task<Void, any Error>] = []
        for number in 0..<5 { waiters.append(try await waiter(limit) { order.append(number) }) }
        for waiter in waiters {
            limit.leave()
            try await waiter.value
        }
        #expect(order.all == [0, 1, 2, 3, 4])
    }

    @Test func `who is cancelled gives the place in the queue up and no other`() async throws {
        let limit = InFlightLimit(1)
        try await limit.enter()
        let first = try await waiter(limit)
        let second = try await waiter(limit)
        let third = try await waiter(limit)
        second.cancel()
        await #expect(throws: CancellationError.self) { try await second.value }
        #expect(limit.waiting == 2)
        limit.leave()
        try await first.value
        limit.leave()
        try await third.value
        limit.leave()
        try await limit.enter()
    }

    @Test func `who is cancelled before waiting does not wait`() async throws {
        let limit = InFlightLimit(1)
        try await limit.enter()
        let task = Task {
            withUnsafeCurrentTask { $0?.cancel() }
            try await limit.enter()
        }
        await #expect(throws: CancellationError.self) { try await task.value }
        #expect(limit.waiting == 0)
    }

    @Test func `no place is lost or made by many who come, leave and give up at once`() async throws {
        let limit = InFlightLimit(3)
        let inside = Crowd()
        await withTaskGroup(of: Void.self) { group in
            for number in 0..<500 {
                group.addTask {
                    let task = Task {
                        try await limit.enter()
                        inside.enter()
                        await Task.yield()
                        inside.leave()
                        limit.leave()
                    }
                    if number % 3 == 0 { task.cancel() }
                    _ = await task.result
                }
            }
        }
        #expect(inside.most == 3)
        // All three are there again.
        for _ in 0..<3 { try await limit.enter() }
        let fourth = try await waiter(limit)
        limit.leave()
        try await fourth.value
    }
}

/// How many are inside now, and were at most.
private final class Crowd: Sendable {
    private let counts = Mutex((now: 0, most: 0))

    func enter() {
        counts.withLock { counts in
            counts.now += 1
            counts.most = max(counts.most, counts.now)
        }
    }

    func leave() { counts.withLock { $0.now -= 1 } }

    var most: Int { counts.withLock { $0.most } }
}
