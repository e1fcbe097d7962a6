import JSON
import RedisClient
import Stores
import TestEnvironment
import Testing

@testable import Workflows

/// What every history must do, run against each.
@Suite(.timeLimit(.minutes(4))) struct HistoryContractTests {
    enum Kind: CaseIterable, Sendable {
        case memory
        case redis
    }

    private func withHistory(
        _ kind: Kind,
        retention: Duration = HistoryRetention.default,
        _ body: (any ProcessHistory) async throws -> Void
    ) async throws {
        switch kind {
        case .memory: try await body(InMemoryProcessHistory(retention: retention))
        case .redis:
            try await RedisDriver.with { redis in
                try await body(RedisProcessHistory(client: redis.client, retention: retention))
            }
        }
    }

    private func entry(
        _ id: String,
        at milliseconds: Int64,
        _ status: ProcessPhase = .completed,
        type: String = "Test"
    ) -> HistoryEntry {
        var entry = HistoryEntry()
        entry.processId = id
        entry.name = "name \"of\" \(id)"
        entry.processType = type
        entry.status = status
        entry.endTime = Timestamp(seconds: 1_800_000_000).advanced(by: .milliseconds(milliseconds))
        return entry
    }

    private func ids(_ history: any ProcessHistory, _ query: HistoryQuery = HistoryQuery()) async throws -> [String] {
        try await history.entries(query).map(\.processId)
    }

    @Test(arguments: Kind.allCases) func `entries come back as they were, the latest first`(kind: Kind) async throws {
        try await withHistory(kind) { history async throws in
            #expect(try await ids(history) == [])
            var failed = entry("b", at: 2, .failed)
            (failed.errorMessage, failed.namespace, failed.user) = ("no\n\"room\"", "gis", "lani")
            let entries = [entry("c", at: 3), failed, entry("a", at: 1)]
            for entry in [entries[1], entries[2], entries[0]] { try await history.record(entry) }
            #expect(try await history.entries(HistoryQuery()) == entries)
        }
    }

    @Test(arguments: Kind.allCases) func `pages follow each other without gaps, whatever ends at the same time`(
        kind: Kind
    ) async throws {
        try await withHistory(kind) { history async throws in
            for number in 0..<30 { try await history.record(entry("p\(10 + number)", at: Int64(number / 10))) }
            var seen: [String] = []
            var before: HistoryPosition?
            while true {
                var query = HistoryQuery(limit: 7)
                query.before = before
                let page = try await history.entries(query)
                guard let last = page.last else { break }
                seen += page.map(\.processId)
                before = last.position
            }
            #expect(seen == (10..<40).reversed().map { "p\($0)" })
        }
    }

    @Test(arguments: Kind.allCases) func `status and type choose among more than a page`(kind: Kind) async throws {
        try await withHistory(kind) { history async throws in
            for number in 0..<250 { try await history.record(entry("p\(number)", at: Int64(number))) }
            try await history.record(entry("old", at: -1, .failed))
            try await history.record(entry("other", at: -2, .failed, type: "Deployment"))
            var query = HistoryQuery()
            query.status = .failed
            #expect(try await ids(history, query) == ["old", "other"])
            query.processType = "Deployment"
            #expect(try await ids(history, query) == ["other"])
            query = HistoryQuery(limit: 1)
            query.status = .failed
            #expect(try await ids(history, query) == ["old"])
        }
    }

    @Test(arguments: Kind.allCases) func `what is older than the retention is forgotten by the next entry`(
        kind: Kind
    ) async throws {
        try await withHistory(kind, retention: .seconds(10)) { history async throws in
            try await history.record(entry("a", at: 0))
            try await history.record(entry("b", at: 10_000))
            #expect(try await ids(history) == ["b", "a"])
            try await history.record(entry("c", at: 10_001))
            #expect(try await ids(history) == ["c", "b"])
        }
    }

    @Test(arguments: Kind.allCases) func `all runs of a process are removed, and nothing else`(kind: Kind) async throws
    {
        try await withHistory(kind) { history async throws in
            for number in 0..<500 {
                try await history.record(entry(number.isMultiple(of: 2) ? "gone" : "p\(number)", at: Int64(number)))
            }
            try await history.remove(processID: "gone")
            try await history.remove(processID: "nobody")
            let left = try await ids(history, HistoryQuery(limit: 1_000))
            #expect(left.count == 250)
            #expect(!left.contains("gone"))
        }
    }

    @Test func `a history in Redis has a time to live with its first entry, and its own key`() async throws {
        try await RedisDriver.with { redis in
            try await RedisProcessHistory(client: redis.client).record(entry("p", at: 0))
            #expect(try await redis.keys() == ["honua:process-history:default"])
            #expect(try await redis.timeToLive("honua:process-history:default") > 29 * 86_400_000)
            try await redis.send("SET", "honua:process-history:default", "x")
            await #expect(throws: StoreUnavailable.self) {
                try await RedisProcessHistory(client: redis.client).record(entry("p", at: 0))
            }
        }
    }
}
