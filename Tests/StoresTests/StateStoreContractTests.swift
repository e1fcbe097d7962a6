import JSON
import RedisClient
import Stores
import TestClock
import TestEnvironment
import Testing

@testable import Workflows

/// What every state store must do, run against each.
@Suite(.timeLimit(.minutes(4))) struct StateStoreContractTests {
    enum Kind: CaseIterable, Sendable {
        case memory
        case redis
    }

    private func withStore(_ kind: Kind, _ body: (any ProcessStateStore) async throws -> Void) async throws {
        switch kind {
        case .memory: try await body(InMemoryProcessStateStore())
        case .redis:
            try await RedisServer.with { server in
                let string = try RedisConnectionString(server.connectionString)
                let client = try RedisClient(
                    configuration: RedisConfiguration(string, connectTimeout: minute, syncTimeout: minute)
                )
                try await body(RedisProcessStateStore(client: client))
                await client.shutdown()
            }
        }
    }

    private let hour = Duration.seconds(3600)
    /// Bounds a hang.
    private let minute = Duration.seconds(60)

    private func document(_ text: String) -> StateDocument { StateDocument(Array(text.utf8)) }

    @Test(arguments: Kind.allCases) func `a document is created once and read back byte by byte`(
        kind: Kind
    ) async throws {
        try await withStore(kind) { store async throws in
            let first = StateDocument([0, 13, 10, 255, 34])
            #expect(try await store.load("p") == nil)
            #expect(try await store.create("p", first, timeToLive: hour) == .committed)
            #expect(try await store.create("p", document("2"), timeToLive: hour) == .conflict)
            #expect(try await store.load("p") == first)
        }
    }

    @Test(arguments: Kind.allCases) func `a commit replaces only what was read`(kind: Kind) async throws {
        try await withStore(kind) { store async throws in
            let (one, two, three) = (document("1"), document("2"), document("3"))
            _ = try await store.create("p", one, timeToLive: hour)
            #expect(try await store.commit("p", two, replacing: one.digest, timeToLive: hour) == .committed)
            #expect(try await store.commit("p", three, replacing: one.digest, timeToLive: hour) == .conflict)
            #expect(try await store.load("p") == two)
        }
    }

    @Test(arguments: Kind.allCases) func `a commit never brings back a document that is gone`(kind: Kind) async throws {
        try await withStore(kind) { store async throws in
            let one = document("1")
            _ = try await store.create("p", one, timeToLive: hour)
            try await store.delete("p")
            try await store.delete("p")
            #expect(try await store.commit("p", document("2"), replacing: one.digest, timeToLive: hour) == .missing)
            #expect(try await store.load("p") == nil)
        }
    }

    @Test(arguments: Kind.allCases) func `of many commits over one document exactly one wins`(kind: Kind) async throws {
        try await withStore(kind) { store async throws in
            let one = document("1")
            _ = try await store.create("p", one, timeToLive: hour)
            let winners = try await withThrowingTaskGroup(of: CommitResult.self) { group in
                for number in 0..<50 {
                    group.addTask {
                        let document = StateDocument(Array("n\(number)".utf8))
                        return try await store.commit("p", document, replacing: one.digest, timeToLive: hour)
                    }
                }
                return try await group.reduce(into: [CommitResult]()) { $0.append($1) }
            }
            #expect(winners.count { $0 == .committed } == 1)
            #expect(winners.count { $0 == .conflict } == 49)
        }
    }

    @Test func `documents in memory expire, and expired ones are forgotten`() async throws {
        let clock = ManualClock()
        let store = InMemoryProcessStateStore(time: TimeSource(clock))
        #expect(store.create("p", document("1"), timeToLive: .seconds(10)) == .committed)
        clock.advance(by: .seconds(9))
        #expect(store.load("p") != nil)
        clock.advance(by: .seconds(1))
        #expect(store.load("p") == nil)
        #expect(store.commit("p", document("2"), replacing: document("1").digest, timeToLive: hour) == .missing)
    }

    @Test func `the script's digest is the digest of this side`() async throws {
        try await RedisServer.with { server in
            let string = try RedisConnectionString(server.connectionString)
            let client = try RedisClient(
                configuration: RedisConfiguration(string, connectTimeout: minute, syncTimeout: minute)
            )
            let script = RedisScript("return redis.sha1hex(ARGV[1])")
            let bytes = [UInt8](0...255)
            let reply = try await client.evaluate(script, keys: ["k"], arguments: [RedisArgument(bytes)])
            #expect(reply.text == Digest.sha1(bytes))
            await client.shutdown()
        }
    }
}
