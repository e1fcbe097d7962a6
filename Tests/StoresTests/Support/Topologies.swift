import RedisClient
import Stores
import TestEnvironment
import Testing

@testable import Workflows

/// Where documents can be.
enum Topology: CaseIterable, Sendable {
    case memory
    case redis
    /// TLS with a private authority, and a password.
    case secured
    /// Begun in memory, merged into Redis.
    case merged
    /// Three masters.
    case cluster
    /// A master and a replica under three Sentinels.
    case sentinels
}

/// A store of one topology, empty for each test: servers are shared, keys are not.
struct StoreSubject: Sendable {
    let store: any DocumentStore
    /// For looks behind the store's back; nil in memory.
    let client: RedisClient?
    let keyspace: RedisKeyspace
    /// No other test has a process of this id.
    let processID: String

    /// How long a document is still kept; nil in memory, where nobody tells.
    func secondsLeft(_ key: DocumentKey) async throws -> Int64? {
        try await client?.send(["TTL", RedisArgument(keyspace.name(of: key))]).integer
    }
}

/// The servers of all topologies, running.
struct RunningTopologies: Sendable {
    let clients: [Topology: RedisClient]

    /// Set while the tests of a suite with `.everyTopology` run.
    @TaskLocal static var current: RunningTopologies?

    static func subject(_ topology: Topology) async throws -> StoreSubject {
        let running = try #require(current)
        let id = String(UInt64.random(in: .min ... .max), radix: 36)
        let keyspace = RedisKeyspace(installation: "test-\(id)")
        guard topology != .memory else {
            return StoreSubject(store: InMemoryDocumentStore(), client: nil, keyspace: keyspace, processID: id)
        }
        let client = try #require(running.clients[topology == .merged ? .redis : topology])
        var store: any DocumentStore = RedisDocumentStore(client: client, keyspace: keyspace)
        if topology == .merged {
            let fallback = FallbackDocumentStore(durable: store)
            _ = try await fallback.create(.memo(digest: "before"), StoredDocument([1]), timeToLive: .seconds(60))
            #expect(try await fallback.merge().moved == 1)
            store = fallback
        }
        return StoreSubject(store: store, client: client, keyspace: keyspace, processID: id)
    }

    /// Starts everything for the body.
    static func with(_ body: (RunningTopologies) async throws -> Void) async throws {
        let certificates = try TestCertificates()
        let secured = RedisServer.Options(password: "hunter2", certificates: certificates)
        try await RedisServer.with { plain in
            try await RedisServer.with(secured) { secured in
                try await RedisCluster.with { cluster in
                    try await RedisSentinels.with { sentinels in
                        let clients: [Topology: RedisClient] = [
                            .redis: try RedisDriver.client(plain.connectionString),
                            .secured: try RedisDriver.client(
                                secured.connectionString,
                                caFile: certificates.authority
                            ),
                            .cluster: try RedisDriver.client(cluster.connectionString),
                            .sentinels: try RedisDriver.client(sentinels.connectionString),
                        ]
                        do {
                            try await body(RunningTopologies(clients: clients))
                        } catch {
                            for client in clients.values { await client.shutdown() }
                            throw error
                        }
                        for client in clients.values { await client.shutdown() }
                    }
                }
            }
        }
    }
}

/// Starts the servers of all topologies once, around all tests of a suite.
struct EveryTopology: SuiteTrait, TestScoping {
    func provideScope(
        for test: Test,
        testCase: Test.Case?,
        performing function: @Sendable @concurrent () async throws -> Void
    ) async throws {
        try await RunningTopologies.with { running in
            try await RunningTopologies.$current.withValue(running) { try await function() }
        }
    }
}

extension Trait where Self == EveryTopology {
    /// See `RunningTopologies.subject`.
    static var everyTopology: Self { Self() }
}
