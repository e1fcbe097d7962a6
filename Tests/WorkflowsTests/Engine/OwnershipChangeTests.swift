import JSON
import Synchronization
import TestClock
import Testing

@testable import Workflows

/// How processes go from one owner to the next, and over a store that does not answer.
@Suite(.timeLimit(.minutes(4))) struct OwnershipChangeTests {
    @Test func `a store that does not answer holds the process, which says why, and may be begun elsewhere meanwhile`()
        async throws
    {
        let store = FlakyStore()
        let probe = Probe()
        try await EngineDriver.with([probe], store: store) { driver async throws in
            store.isAway.withLock { $0 = true }
            driver.engine.submit(.row(), mode: .begin)
            let held = try await driver.wait { $0.heldBecause != nil }
            #expect(held.heldBecause == "the test took it away")
            #expect(probe.steps == [])
            store.isAway.withLock { $0 = false }
            #expect(try await driver.end().activity == .ended(.notBegun), "whoever begins it looks at it again first")
            driver.engine.forget("p")
            driver.engine.submit(.row(), mode: .begin)
            #expect(try await driver.end().state?.status == .completed)
            #expect(probe.steps == ["a", "b"])
        }
    }

    @Test func `a commit whose reply is lost is recognised and not repeated`() async throws {
        let store = FlakyStore()
        store.losesReplies.withLock { $0 = true }
        let probe = Probe()
        try await EngineDriver.with([probe], store: store) { driver async throws in
            driver.engine.submit(.row("p", "a", "b", "c"), mode: .begin)
            let run = try await driver.end()
            #expect(run.state?.status == .completed)
            #expect(run.state?.version == 4)
            #expect(probe.steps == ["a", "b", "c"])
        }
    }

    @Test func `a takeover waits until it is announced before it has any effect`() async throws {
        let store = InMemoryDocumentStore()
        var process = MachineDriver(workflow([step("a", action: "repeat"), step("b(a)", action: "repeat")]), id: "p")
        process.begin()
        let key = process.execution("a")?.key
        _ = store.create(.state(processID: "p"), process.encode().document, timeToLive: .seconds(60))
        let probe = Probe("repeat", isIdempotent: true)
        try await EngineDriver.with([probe], store: store, configuration: EngineConfiguration()) {
            driver async throws in
            driver.engine.submit(.row(), mode: .recover(knownEpoch: 7))
            let run = try await driver.wait { $0.activity == .announcing }
            #expect(run.state?.epoch == 8)
            #expect(probe.steps == [])
            driver.engine.announced("p", epoch: 7)
            driver.engine.announced("p", epoch: 8)
            #expect(try await driver.end().state?.status == .completed)
            #expect(probe.steps == ["a", "b"])
            #expect(probe.all.first?.key == key)
        }
    }

    @Test func `an engine that stops leaves its processes to the next one, with no trace of an interruption`()
        async throws
    {
        let store = InMemoryDocumentStore()
        let hanging = Probe("probe", isIdempotent: true) { context, _ in
            if context.step == "b" { try await context.time.sleep(for: .seconds(3600)) }
            return "done"
        }
        try await EngineDriver.with([hanging], store: store) { driver async throws in
            driver.engine.submit(.row(), mode: .begin)
            try await driver.wait { $0.state?.currentStep == "b" }
        }
        let left = try await store.state(of: "p")
        #expect(left.steps.map(\.status) == [.completed, .started])
        let probe = Probe("probe", isIdempotent: true)
        try await EngineDriver.with([probe], store: store) { driver async throws in
            driver.engine.submit(.row(), mode: .recover(knownEpoch: 1))
            #expect(try await driver.end().state?.status == .completed)
        }
        #expect(probe.all.map(\.step) == ["b"])
        #expect(probe.all.map(\.key) == [left.steps[1].execution.key])
    }

    @Test func `no effect begins while the gate is shut, and ownership is confirmed before it does`() async throws {
        let clock = ManualClock()
        let gate = OwnershipGate(time: TimeSource(clock))
        let store = InMemoryDocumentStore()
        let probe = Probe()
        try await EngineDriver.with([probe], store: store, gate: gate) { driver async throws in
            driver.engine.submit(.row("p", "a"), mode: .begin)
            try await driver.wait { $0.state?.status == .running }
            for _ in 0..<100 { await Task.yield() }
            #expect(probe.steps == [])
            // Somebody else has taken over meanwhile.
            try await store.edit("p") { $0.epoch += 1 }
            gate.confirm(sentAt: .zero)
            #expect(try await driver.end().activity == .ended(.superseded))
            #expect(probe.steps == [])
        }
    }
}

/// A store in memory that can be away, and that can lose every other reply.
private final class FlakyStore: DocumentStore {
    let isAway = Mutex(false)
    let losesReplies = Mutex(false)
    private let base = InMemoryDocumentStore()
    private let calls = Mutex(0)

    var name: String { "flaky" }
    var isDurable: Bool { false }

    func load(_ key: DocumentKey) async throws -> StoredDocument? {
        try check()
        return base.load(key)
    }

    func create(_ key: DocumentKey, _ document: StoredDocument, timeToLive: Duration) async throws -> CommitResult {
        try check()
        return try answer(base.create(key, document, timeToLive: timeToLive))
    }

    func commit(
        _ key: DocumentKey,
        _ document: StoredDocument,
        replacing previous: String,
        timeToLive: Duration
    ) async throws -> CommitResult {
        try check()
        return try answer(base.commit(key, document, replacing: previous, timeToLive: timeToLive))
    }

    func renew(_ keys: [DocumentKey], timeToLive: Duration) async throws { base.renew(keys, timeToLive: timeToLive) }

    func delete(_ keys: [DocumentKey]) async throws { base.delete(keys) }

    private func check() throws {
        if isAway.withLock({ $0 }) { throw StoreUnavailable("the test took it away") }
    }

    private func answer(_ result: CommitResult) throws -> CommitResult {
        let isOdd = calls.withLock { calls in
            calls += 1
            return calls % 2 == 1
        }
        if isOdd, losesReplies.withLock({ $0 }) { throw StoreUnavailable("the reply was lost") }
        return result
    }
}
