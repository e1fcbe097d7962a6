import JSON
import Synchronization
import Testing

@testable import Workflows

/// How processes share the places of an engine, and its locks.
@Suite(.timeLimit(.minutes(4))) struct AdmissionTests {
    @Test func `at most the configured number of processes runs at once, the rest waits its turn`() async throws {
        let inside = Mutex((now: 0, most: 0))
        let barrier = Barrier()
        let probe = Probe { _, _ in
            let now = inside.withLock {
                $0.now += 1
                $0.most = max($0.most, $0.now)
                return $0.now
            }
            // The first wait until all slots are taken.
            if now == 3 { barrier.open() }
            await barrier.wait()
            for _ in 0..<20 { await Task.yield() }
            inside.withLock { $0.now -= 1 }
            return "done"
        }
        var configuration = EngineConfiguration.quiet
        configuration.maxConcurrentProcesses = 3
        try await EngineDriver.with([probe], configuration: configuration) { driver async throws in
            for number in 0..<30 { driver.engine.submit(.row("p\(number)", "a"), mode: .begin) }
            for number in 0..<30 { try await driver.end("p\(number)") }
            #expect(inside.withLock { $0.most } == 3)
            #expect(probe.steps.count == 30)
        }
    }

    @Test func `more than may wait are turned away, and asked back when there is room`() async throws {
        let barrier = Barrier()
        let probe = Probe(waitingFor: barrier)
        var configuration = EngineConfiguration.quiet
        configuration.maxConcurrentProcesses = 1
        configuration.maxQueuedProcesses = 2
        try await EngineDriver.with([probe], configuration: configuration) { driver async throws in
            let answers = (0..<5).map { driver.engine.submit(.row("p\($0)", "a"), mode: .begin) }
            #expect(answers == [.accepted, .accepted, .accepted, .queueFull, .queueFull])
            #expect(driver.engine.submit(.row("p0", "a"), mode: .begin) == .known)
            #expect(
                driver.engine.submit(.row("old", "a"), mode: .rerun(1, knownEpoch: 1)) == .accepted,
                "it has run before"
            )
            #expect(driver.engine.load.turnedAway == 2)
            barrier.open()
            for number in 0..<3 { try await driver.end("p\(number)") }
            #expect(driver.engine.load.turnedAway == 0)
            #expect(driver.engine.submit(.row("p3", "a"), mode: .begin) == .accepted)
            try await driver.end("p3")
        }
    }

    @Test func `a paused process gives its slot to another one`() async throws {
        let barrier = Barrier()
        let probe = Probe { context, _ in
            if context.processID == "first" { await barrier.wait() }
            return "done"
        }
        var configuration = EngineConfiguration.quiet
        configuration.maxConcurrentProcesses = 1
        try await EngineDriver.with([probe], configuration: configuration) { driver async throws in
            driver.engine.submit(.row("first"), mode: .begin)
            try await driver.wait("first") { $0.state?.status == .running }
            driver.engine.submit(.row("second"), mode: .begin)
            #expect(driver.engine.snapshot(of: "second")?.activity == .queued)
            driver.engine.send(.pause, to: "first")
            try await driver.end("second")
            barrier.open()
            driver.engine.send(.resume, to: "first")
            #expect(try await driver.end("first").state?.status == .completed)
        }
    }

    @Test func `a run that is withdrawn before it begins leaves nothing behind`() async throws {
        let store = InMemoryDocumentStore()
        let barrier = Barrier()
        let probe = Probe(waitingFor: barrier)
        var configuration = EngineConfiguration.quiet
        configuration.maxConcurrentProcesses = 1
        try await EngineDriver.with([probe], store: store, configuration: configuration) { driver async throws in
            driver.engine.submit(.row("first", "a"), mode: .begin)
            try await driver.wait("first") { $0.state?.status == .running }
            driver.engine.submit(.row("second", "a"), mode: .begin)
            driver.engine.submit(.row("third", "a"), mode: .begin)
            #expect(driver.engine.withdraw("second"))
            #expect(!driver.engine.withdraw("first"))
            #expect(driver.engine.expire("third"))
            #expect(driver.engine.snapshot(of: "second")?.activity == .ended(.withdrawn))
            #expect(driver.engine.snapshot(of: "third")?.activity == .ended(.expired))
            barrier.open()
            try await driver.end("first")
            #expect(store.load(.state(processID: "second")) == nil)
        }
    }

    @Test func `a lock keeps the steps of two processes apart`() async throws {
        let inside = Mutex((now: 0, most: 0))
        let probe = Probe { _, _ in
            inside.withLock {
                $0.now += 1
                $0.most = max($0.most, $0.now)
            }
            for _ in 0..<10 { await Task.yield() }
            inside.withLock { $0.now -= 1 }
            return "done"
        }
        let step = list("l", [1, 2, 3], action: "probe") { $0.locks = [LockReference("db")] }
        let store = InMemoryDocumentStore()
        try await EngineDriver.with([probe], store: store) { driver async throws in
            for id in ["p", "q"] { driver.engine.submit(.of(workflow([step]), id: id), mode: .begin) }
            for id in ["p", "q"] { #expect(try await driver.end(id).state?.status == .completed) }
            #expect(inside.withLock { $0.most } == 1)
            #expect(probe.steps.count == 6)
        }
    }
}
