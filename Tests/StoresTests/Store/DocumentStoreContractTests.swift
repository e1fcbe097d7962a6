import JSON
import RedisClient
import Stores
import TestClock
import TestEnvironment
import Testing

@testable import Workflows

/// What every state store must do, run against each.
@Suite(.timeLimit(.minutes(4))) struct DocumentStoreContractTests {
    enum Kind: CaseIterable, Sendable {
        case memory
        case redis
    }

    private func withStore(_ kind: Kind, _ body: (any DocumentStore) async throws -> Void) async throws {
        switch kind {
        case .memory: try await body(InMemoryDocumentStore())
        case .redis:
            try await RedisServer.with { server in
                let string = try RedisConnectionString(server.connectionString)
                let client = try RedisClient(
                    configuration: RedisConfiguration(string, connectTimeout: minute, syncTimeout: minute)
                )
                try await body(RedisDocumentStore(client: client))
                await client.shutdown()
            }
        }
    }

    private let key = DocumentKey.state(processID: "p")
    private let hour = Duration.seconds(3600)
    /// Bounds a hang.
    private let minute = Duration.seconds(60)

    private func document(_ text: String) -> StoredDocument { StoredDocument(Array(text.utf8)) }

    @Test(arguments: Kind.allCases) func `a document is created once and read back byte by byte`(
        kind: Kind
    ) async throws {
        try await withStore(kind) { store async throws in
            let first = StoredDocument([0, 13, 10, 255, 34])
            #expect(try await store.load(key) == nil)
            #expect(try await store.create(key, first, timeToLive: hour) == .committed)
            #expect(try await store.create(key, document("2"), timeToLive: hour) == .conflict)
            #expect(try await store.load(key) == first)
        }
    }

    @Test(arguments: Kind.allCases) func `a commit replaces only what was read`(kind: Kind) async throws {
        try await withStore(kind) { store async throws in
            let (one, two, three) = (document("1"), document("2"), document("3"))
            _ = try await store.create(key, one, timeToLive: hour)
            #expect(try await store.commit(key, two, replacing: one.digest, timeToLive: hour) == .committed)
            #expect(try await store.commit(key, three, replacing: one.digest, timeToLive: hour) == .conflict)
            #expect(try await store.load(key) == two)
        }
    }

    @Test(arguments: Kind.allCases) func `a commit never brings back a document that is gone`(kind: Kind) async throws {
        try await withStore(kind) { store async throws in
            let one = document("1")
            _ = try await store.create(key, one, timeToLive: hour)
            try await store.delete([key])
            try await store.delete([key])
            #expect(try await store.commit(key, document("2"), replacing: one.digest, timeToLive: hour) == .missing)
            #expect(try await store.load(key) == nil)
        }
    }

    @Test(arguments: Kind.allCases) func `of many commits over one document exactly one wins`(kind: Kind) async throws {
        try await withStore(kind) { store async throws in
            let one = document("1")
            _ = try await store.create(key, one, timeToLive: hour)
            let winners = try await withThrowingTaskGroup(of: CommitResult.self) { group in
                for number in 0..<50 {
                    group.addTask {
                        let document = StoredDocument(Array("n\(number)".utf8))
                        return try await store.commit(key, document, replacing: one.digest, timeToLive: hour)
                    }
                }
                return try await group.reduce(into: [CommitResult]()) { $0.append($1) }
            }
            #expect(winners.count { $0 == .committed } == 1)
            #expect(winners.count { $0 == .conflict } == 49)
        }
    }

    @Test(arguments: Kind.allCases) func `documents of all kinds have keys of their own`(kind: Kind) async throws {
        let keys: [DocumentKey] = [
            .state(processID: "x"), .part(processID: "x", digest: "x"), .lock(name: "x"), .memo(digest: "x"),
            .heartbeat(replica: "x"), .replicas,
        ]
        try await withStore(kind) { store async throws in
            for (number, key) in keys.enumerated() {
                #expect(try await store.create(key, document("\(number)"), timeToLive: hour) == .committed)
            }
            for (number, key) in keys.enumerated() { #expect(try await store.load(key) == document("\(number)")) }
            try await store.delete(keys)
            for key in keys { #expect(try await store.load(key) == nil) }
        }
    }

    @Test func `documents in memory live on when they are renewed, and what is gone stays gone`() async throws {
        let clock = ManualClock()
        let store = InMemoryDocumentStore(time: TimeSource(clock))
        _ = store.create(key, document("1"), timeToLive: .seconds(10))
        store.renew([key, .lock(name: "none")], timeToLive: .seconds(20))
        clock.advance(by: .seconds(15))
        #expect(store.load(key) != nil)
        #expect(store.load(.lock(name: "none")) == nil)
        clock.advance(by: .seconds(5))
        store.renew([key], timeToLive: .seconds(20))
        #expect(store.load(key) == nil)
    }

    @Test func `documents in Redis live on when they are renewed, each under its prefix`() async throws {
        try await RedisServer.with { server in
            let string = try RedisConnectionString(server.connectionString)
            let client = try RedisClient(
                configuration: RedisConfiguration(string, connectTimeout: minute, syncTimeout: minute)
            )
            let store = RedisDocumentStore(client: client)
            let part = DocumentKey.part(processID: "p", digest: "d")
            for key in [key, part] { _ = try await store.create(key, document("1"), timeToLive: .seconds(60)) }
            try await store.renew([part, .lock(name: "none")], timeToLive: hour)
            let left = { (name: RedisArgument) in try await client.send(["TTL", name]).integer ?? 0 }
            #expect(try await left("honua:process:p") <= 60)
            #expect(try await left("honua:process-part:p:d") > 3000)
            #expect(try await store.load(.lock(name: "none")) == nil)
            await client.shutdown()
        }
    }

    @Test func `documents in memory expire, and expired ones are forgotten`() async throws {
        let clock = ManualClock()
        let store = InMemoryDocumentStore(time: TimeSource(clock))
        #expect(store.create(key, document("1"), timeToLive: .seconds(10)) == .committed)
        clock.advance(by: .seconds(9))
        #expect(store.load(key) != nil)
        clock.advance(by: .seconds(1))
        #expect(store.load(key) == nil)
        #expect(store.commit(key, document("2"), replacing: document("1").digest, timeToLive: hour) == .missing)
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
