import JSON
import Synchronization
import Testing

@testable import Workflows

@Suite(.timeLimit(.minutes(4))) struct HistoryTests {
    /// A history that tells when something is recorded, and fails if it is told to.
    private final class WatchedHistory: ProcessHistory {
        let inner = InMemoryProcessHistory()
        let fails: Bool
        let records: AsyncStream<HistoryEntry>
        private let record: AsyncStream<HistoryEntry>.Continuation

        init(fails: Bool = false) {
            self.fails = fails
            (records, record) = AsyncStream.makeStream()
        }

        func record(_ entry: HistoryEntry) async throws {
            defer { record.yield(entry) }
            if fails { throw StoreUnavailable("not now") }
            inner.record(entry)
        }

        func entries(_ query: HistoryQuery) async throws -> [HistoryEntry] { inner.entries(query) }
        func remove(processID: String) async throws { inner.remove(processID: processID) }

        func next(_ count: Int) async -> [HistoryEntry] {
            var found: [HistoryEntry] = []
            for await entry in records {
                found.append(entry)
                if found.count == count { break }
            }
            return found
        }
    }

    @Test func `each end of a process is remembered: that of a run, of a retry, and of a run anew`() async throws {
        let history = WatchedHistory()
        let isBroken = Mutex(true)
        let probe = Probe { _, _ in
            if isBroken.withLock({ $0 }) { throw StepError(.permanent, "broken") }
            return "done"
        }
        try await EngineDriver.with([probe], history: history) { driver async throws in
            driver.engine.submit(.row("p", "a", retries: 0), mode: .begin)
            try await driver.end()
            isBroken.withLock { $0 = false }
            for mode in [RunMode.reopen(.retry, knownEpoch: 1), .rerun(1, knownEpoch: 2)] {
                driver.engine.forget("p")
                driver.engine.submit(.row("p", "a", retries: 0), mode: mode)
                try await driver.end()
            }
            // No end: it had ended before.
            driver.engine.forget("p")
            driver.engine.submit(.row("p", "a", retries: 0), mode: .reopen(.markCleanedUp, knownEpoch: 3))
            try await driver.end()
            driver.engine.submit(.row("q", "a", retries: 0), mode: .begin)
            let entries = await history.next(4)
            #expect(entries.map(\.processId) == ["p", "p", "p", "q"])
            #expect(entries.map(\.status) == [.failed, .completed, .completed, .completed])
            #expect(entries.map(\.rerun) == [0, 0, 1, 0])
            #expect(entries.first?.errorMessage == "step a: broken")
            #expect(entries.last?.completionPercentage == 100)
        }
    }

    @Test func `a process that ends with its first commit is remembered`() async throws {
        let history = WatchedHistory()
        try await EngineDriver.with([Probe()], history: history) { driver async throws in
            var step = StepDefinition("a", action: "probe")
            step.when = "false"
            driver.engine.submit(.of(workflow([step])), mode: .begin)
            try await driver.end()
            #expect(await history.next(1).map(\.status) == [.completed])
        }
    }

    @Test func `a history that fails disturbs no process`() async throws {
        let history = WatchedHistory(fails: true)
        try await EngineDriver.with([Probe()], history: history) { driver async throws in
            for id in ["p", "q"] {
                driver.engine.submit(.row(id, "a"), mode: .begin)
                #expect(try await driver.end(id).state?.status == .completed)
            }
            #expect(await history.next(2).count == 2, "it is tried for each")
            #expect(history.inner.entries(HistoryQuery()) == [])
        }
    }
}
