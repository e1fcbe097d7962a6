import JSON
import RedisClient
import Stores
import TestEnvironment
import Testing

@testable import Workflows

/// What every state store must do, run against each and every topology of servers.
@Suite(.everyTopology, .timeLimit(.minutes(5))) struct DocumentStoreContractTests {
    private let hour = Duration.seconds(3600)

    private func document(_ text: String) -> StoredDocument { StoredDocument(Array(text.utf8)) }

    /// A store, and the key of a state in it.
    private func subject(_ topology: Topology) async throws -> (any DocumentStore, DocumentKey) {
        let subject = try await RunningTopologies.subject(topology)
        return (subject.store, .state(processID: subject.processID))
    }

    @Test(arguments: Topology.allCases) func `a document is created once and read back byte by byte`(
        topology: Topology
    ) async throws {
        let (store, key) = try await subject(topology)
        let first = StoredDocument([0, 13, 10, 255, 34])
        #expect(try await store.load(key) == nil)
        #expect(try await store.create(key, first, timeToLive: hour) == .committed)
        #expect(try await store.create(key, document("2"), timeToLive: hour) == .conflict)
        #expect(try await store.load(key) == first)
    }

    @Test(arguments: Topology.allCases) func `a document of a megabyte, and one of no bytes, are what they were`(
        topology: Topology
    ) async throws {
        let (store, key) = try await subject(topology)
        let large = StoredDocument((0..<1 << 20).map { UInt8(truncatingIfNeeded: $0 &* $0 >> 8) })
        let empty = StoredDocument([])
        #expect(try await store.create(key, large, timeToLive: hour) == .committed)
        #expect(try await store.load(key) == large)
        #expect(try await store.commit(key, empty, replacing: large.digest, timeToLive: hour) == .committed)
        #expect(try await store.load(key) == empty)
        #expect(try await store.commit(key, large, replacing: empty.digest, timeToLive: hour) == .committed)
    }

    @Test(arguments: Topology.allCases) func `a commit replaces only what was read`(topology: Topology) async throws {
        let (store, key) = try await subject(topology)
        let (one, two, three) = (document("1"), document("2"), document("3"))
        _ = try await store.create(key, one, timeToLive: hour)
        #expect(try await store.commit(key, two, replacing: one.digest, timeToLive: hour) == .committed)
        #expect(try await store.commit(key, three, replacing: one.digest, timeToLive: hour) == .conflict)
        #expect(try await store.load(key) == two)
    }

    @Test(arguments: Topology.allCases) func `a commit that is repeated is a conflict whose document is its own`(
        topology: Topology
    ) async throws {
        let (store, key) = try await subject(topology)
        let (one, two) = (document("1"), document("2"))
        _ = try await store.create(key, one, timeToLive: hour)
        for expected in [CommitResult.committed, .conflict] {
            #expect(try await store.commit(key, two, replacing: one.digest, timeToLive: hour) == expected)
            #expect(try await store.load(key)?.digest == two.digest)
        }
    }

    @Test(arguments: Topology.allCases) func `a commit never brings back a document that is gone`(
        topology: Topology
    ) async throws {
        let (store, key) = try await subject(topology)
        let one = document("1")
        _ = try await store.create(key, one, timeToLive: hour)
        try await store.delete([key])
        try await store.delete([key])
        #expect(try await store.commit(key, document("2"), replacing: one.digest, timeToLive: hour) == .missing)
        #expect(try await store.load(key) == nil)
    }

    @Test(arguments: Topology.allCases) func `of many commits over one document exactly one wins`(
        topology: Topology
    ) async throws {
        let (store, key) = try await subject(topology)
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

    @Test(arguments: Topology.allCases) func `of many who create one document exactly one does`(
        topology: Topology
    ) async throws {
        let (store, key) = try await subject(topology)
        let results = try await withThrowingTaskGroup(of: (Int, CommitResult).self) { group in
            for number in 0..<50 {
                group.addTask {
                    let document = StoredDocument(Array("n\(number)".utf8))
                    return (number, try await store.create(key, document, timeToLive: hour))
                }
            }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        let winners = results.filter { $0.1 == .committed }.map(\.0)
        try #require(winners.count == 1)
        #expect(try await store.load(key) == document("n\(winners[0])"))
    }

    @Test(arguments: Topology.allCases) func `increments of many at once over many documents are all counted`(
        topology: Topology
    ) async throws {
        let (store, key) = try await subject(topology)
        guard case .state(let id) = key else { return }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for writer in 0..<60 {
                group.addTask {
                    // Three writers for each of 20 documents, which lie on all servers of a cluster.
                    let key = DocumentKey.state(processID: "\(id)-\(writer % 20)")
                    _ = try await store.create(key, document("0"), timeToLive: hour)
                    var made = 0
                    while made < 10 {
                        let stored = try #require(try await store.load(key))
                        let count = try #require(Int(String(decoding: stored.bytes, as: UTF8.self)))
                        let next = document("\(count + 1)")
                        let result = try await store.commit(key, next, replacing: stored.digest, timeToLive: hour)
                        if result == .committed { made += 1 }
                    }
                }
            }
            try await group.waitForAll()
        }
        for number in 0..<20 {
            #expect(try await store.load(.state(processID: "\(id)-\(number)")) == document("30"))
        }
    }

    @Test(arguments: Topology.allCases) func `documents of all kinds have keys of their own`(
        topology: Topology
    ) async throws {
        let (store, key) = try await subject(topology)
        guard case .state(let x) = key else { return }
        let keys: [DocumentKey] = [
            key, .part(processID: x, digest: x), .lock(name: x), .memo(digest: x), .heartbeat(replica: x), .replicas,
            .inbox(processID: x), .doorbell,
        ]
        for (number, key) in keys.enumerated() {
            #expect(try await store.create(key, document("\(number)"), timeToLive: hour) == .committed)
        }
        for (number, key) in keys.enumerated() { #expect(try await store.load(key) == document("\(number)")) }
        try await store.delete(keys)
        for key in keys { #expect(try await store.load(key) == nil) }
    }

    @Test(arguments: Topology.allCases) func `every write sets the time to live, and a renewal another one`(
        topology: Topology
    ) async throws {
        let subject = try await RunningTopologies.subject(topology)
        let store = subject.store
        let key = DocumentKey.state(processID: subject.processID)
        let gone = DocumentKey.part(processID: subject.processID, digest: "gone")
        // What is left after a while: more than half even on the slowest machine.
        func expectLeft(_ seconds: Int64) async throws {
            guard let left = try await subject.secondsLeft(key) else { return }
            #expect(left <= seconds && left > seconds / 2)
        }
        _ = try await store.create(key, document("1"), timeToLive: hour)
        try await expectLeft(3600)
        _ = try await store.commit(key, document("2"), replacing: document("1").digest, timeToLive: hour * 10)
        try await expectLeft(36_000)
        try await store.renew([gone, key], timeToLive: hour * 100)
        try await expectLeft(360_000)
        #expect(try await store.load(key) == document("2"))
        #expect(try await store.load(gone) == nil)
    }

    @Test(arguments: Topology.allCases) func `a document whose time is over is gone, and can be created anew`(
        topology: Topology
    ) async throws {
        let (store, key) = try await subject(topology)
        // Less than a second counts as one.
        _ = try await store.create(key, document("1"), timeToLive: .milliseconds(1))
        while try await store.load(key) != nil { await Task.yield() }
        let result = try await store.commit(key, document("2"), replacing: document("1").digest, timeToLive: hour)
        #expect(result == .missing)
        #expect(try await store.create(key, document("3"), timeToLive: hour) == .committed)
    }

    @Test(arguments: Topology.allCases) func `the engine runs a process over it, parts and all`(
        topology: Topology
    ) async throws {
        let subject = try await RunningTopologies.subject(topology)
        try await RedisDriver.run(subject.processID, over: subject.store)
        let stored = try #require(try await subject.store.load(.state(processID: subject.processID)))
        let state = try await StateReader(processID: subject.processID) {
            try await subject.store.load(.part(processID: subject.processID, digest: $0.digest))?.bytes
        }
        .read(stored)
        #expect(state.status == .completed)
        #expect(!state.parts.isEmpty)
    }

    @Test(arguments: Topology.allCases) func `it says what it is`(topology: Topology) async throws {
        let store = try await RunningTopologies.subject(topology).store
        #expect(store.isDurable == (topology != .memory))
        #expect(store.name == (topology == .memory ? "memory" : "redis"))
        if topology == .merged {
            #expect(try await store.load(.memo(digest: "before")) == StoredDocument([1]))
        }
    }
}
