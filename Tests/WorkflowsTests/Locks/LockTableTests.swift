import JSON
import Logging
import TestClock
import Testing

@testable import Workflows

@Suite struct LockRecordTests {
    private func share(_ process: String) -> LockShare {
        var share = LockShare()
        share.process = process
        return share
    }

    @Test func `a mutex has one holder, and those that wait are served in turn`() {
        var record = LockRecord()
        #expect(record.ask(share("a"), limit: 1) == true)
        #expect(record.ask(share("a"), limit: 1) == true, "who holds it holds it")
        #expect(record.ask(share("b"), limit: 1) == false)
        #expect(record.ask(share("c"), limit: 1) == false)
        #expect(record.ask(share("b"), limit: 1) == false)
        #expect(record.waiting == [share("b"), share("c")])
        record.drop(share("a"))
        #expect(record.ask(share("c"), limit: 1) == false, "b was first")
        #expect(record.ask(share("b"), limit: 1) == true)
        record.drop(share("b"))
        #expect(record.ask(share("c"), limit: 1) == true)
        #expect(record.waiting == [])
    }

    @Test func `a semaphore has as many holders as its limit`() {
        var record = LockRecord()
        let answers = ["a", "b", "c", "d"].map { record.ask(share($0), limit: 3) }
        #expect(answers == [true, true, true, false])
        record.drop(share("b"))
        #expect(record.ask(share("d"), limit: 3) == true)
        #expect(record.holders.count == 3)
    }

    @Test func `who gives up waiting makes room for the next`() {
        var record = LockRecord()
        for name in ["a", "b", "c"] { _ = record.ask(share(name), limit: 1) }
        record.drop(share("b"))
        record.drop(share("a"))
        #expect(record.ask(share("c"), limit: 1) == true)
    }
}

@Suite(.timeLimit(.minutes(4))) struct LockTableTests {
    private let clock = ManualClock()
    private let store: InMemoryDocumentStore
    private let table: LockTable

    init() {
        store = InMemoryDocumentStore(time: TimeSource(clock))
        table = LockTable(
            store: store,
            time: TimeSource(clock),
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        )
    }

    private func claim(_ lock: String, step: String = "a", limit: Int = 1) -> LockClaim {
        var claim = LockClaim()
        claim.lock = lock
        claim.step = step
        claim.limit = limit
        return claim
    }

    /// Stores a state that claims the lock, or does not.
    private func process(_ id: String, claims: [LockClaim], _ change: (inout ProcessState) -> Void = { _ in }) {
        var state = MachineDriver(workflow("a"), id: id).state
        state.locks = claims
        change(&state)
        let key = DocumentKey.state(processID: id)
        store.delete([key])
        _ = store.create(key, StoredDocument(state.json().serialized()), timeToLive: .seconds(3600))
    }

    private func holders(_ lock: String) throws -> [String] {
        guard let document = store.load(.lock(name: lock)) else { return [] }
        return try LockRecord(parsing: document.bytes).holders.map(\.process)
    }

    @Test func `a lock that is given back goes to who waits for it, at once`() async throws {
        for id in ["p", "q"] { process(id, claims: [claim("db")]) }
        try await table.acquire([claim("db")], of: "p")
        let waiting = Task { try await table.acquire([claim("db")], of: "q") }
        await clock.sleepers(1)
        #expect(try holders("db") == ["p"])
        try await table.release([claim("db")], of: "p")
        try await waiting.value
        #expect(try holders("db") == ["q"])
    }

    @Test func `a lock that another replica gave back is noticed within a second`() async throws {
        for id in ["p", "q"] { process(id, claims: [claim("db")]) }
        try await table.acquire([claim("db")], of: "p")
        let waiting = Task { try await table.acquire([claim("db")], of: "q") }
        await clock.sleepers(1)
        store.delete([.lock(name: "db")])
        clock.advance(by: .seconds(1))
        try await waiting.value
        #expect(try holders("db") == ["q"])
    }

    @Test func `a share that its process does not claim belongs to nobody`() async throws {
        let gone: [(String, () -> Void)] = [
            ("its state is gone", {}),
            ("it is finished", { process("p", claims: [claim("db")]) { $0.status = .completed } }),
            ("it claims nothing", { process("p", claims: []) }),
            ("it claims it for another step", { process("p", claims: [claim("db", step: "b")]) }),
        ]
        for (reason, arrange) in gone {
            store.delete([.lock(name: "db"), .state(processID: "p")])
            try await table.acquire([claim("db")], of: "p")
            arrange()
            try await table.acquire([claim("db")], of: "q")
            #expect(try holders("db") == ["q"], "\(reason)")
        }
    }

    @Test func `a share of a process whose state cannot be read is left alone`() async throws {
        try await table.acquire([claim("db")], of: "p")
        _ = store.create(.state(processID: "p"), StoredDocument(Array("broken".utf8)), timeToLive: .seconds(3600))
        let waiting = Task { try await table.acquire([claim("db")], of: "q") }
        await clock.sleepers(1)
        #expect(try holders("db") == ["p"])
        waiting.cancel()
        await #expect(throws: CancellationError.self) { try await waiting.value }
    }

    @Test func `who has to wait for an earlier lock lets go of a later one that it held before`() async throws {
        for id in ["p", "q"] { process(id, claims: [claim("a"), claim("b")]) }
        try await table.acquire([claim("a"), claim("b")], of: "p")
        store.delete([.lock(name: "a")])
        try await table.acquire([claim("a")], of: "q")
        let waiting = Task { try await table.acquire([claim("a"), claim("b")], of: "p") }
        await clock.sleepers(1)
        #expect(try holders("b") == [], "or q would wait for p, and p for q")
        try await table.acquire([claim("a"), claim("b")], of: "q")
        try await table.release([claim("a"), claim("b")], of: "q")
        try await waiting.value
        #expect(try holders("a") + holders("b") == ["p", "p"])
    }

    @Test func `several locks are taken one after the other`() async throws {
        process("p", claims: [claim("b")])
        try await table.acquire([claim("b")], of: "p")
        let waiting = Task { try await table.acquire([claim("a"), claim("b")], of: "q") }
        await clock.sleepers(1)
        #expect(try holders("a") == ["q"])
        try await table.release([claim("b")], of: "p")
        try await waiting.value
        #expect(try holders("b") == ["q"])
    }

    @Test func `a document that cannot be read is replaced`() async throws {
        _ = store.create(.lock(name: "db"), StoredDocument(Array("broken".utf8)), timeToLive: .seconds(60))
        try await table.acquire([claim("db")], of: "p")
        #expect(try holders("db") == ["p"])
    }

    @Test func `giving back what is not held does nothing`() async throws {
        try await table.release([claim("db")], of: "p")
        #expect(store.load(.lock(name: "db")) == nil)
    }
}
