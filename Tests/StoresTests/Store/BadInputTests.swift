import JSON
import RedisClient
import Stores
import TestEnvironment
import Testing

@testable import Workflows

/// What the store and the engine make of a Redis in which something is wrong: a state that is none ends its process as
/// "Invalid state", and a server that refuses is waited for.
@Suite(.timeLimit(.minutes(4))) struct BadInputTests {
    private let key = DocumentKey.state(processID: "p")
    private let hour = Duration.seconds(3600)
    private let document = StoredDocument(Array("{}".utf8))

    /// How the engine ends a process that it recovers.
    private func recovery(_ redis: RedisDriver) async throws -> RunEnd? {
        var configuration = EngineConfiguration()
        configuration.announcesTakeovers = false
        let (changes, tick) = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))
        let engine = ProcessEngine(
            store: redis.store,
            actions: ActionCatalog([LargeAction()]),
            configuration: configuration,
            logger: .silent,
            onChange: { _ in tick.yield() }
        )
        let running = Task { await engine.run() }
        defer { running.cancel() }
        engine.submit(.large("p"), mode: .recover(knownEpoch: 1))
        for await _ in changes {
            if case .ended(let end) = engine.snapshot(of: "p")?.activity { return end }
        }
        return nil
    }

    private func refusal(_ body: () async throws -> Void) async throws -> String {
        do {
            try await body()
            Issue.record("the store did not refuse")
            return ""
        } catch let error as StoreUnavailable {
            return error.description
        }
    }

    @Test func `something of another type at the key of a state is an invalid state, not an outage`() async throws {
        try await RedisDriver.with { redis in
            try await redis.send("LPUSH", "honua:process:p", "x")
            await #expect(throws: InvalidState.self) { try await redis.store.load(key) }
            await #expect(throws: InvalidState.self) {
                try await redis.store.commit(key, document, replacing: document.digest, timeToLive: hour)
            }
            #expect(try await redis.store.create(key, document, timeToLive: hour) == .conflict)
            guard case .invalidState(let text) = try await recovery(redis) else {
                Issue.record("the process goes on")
                return
            }
            #expect(text.hasPrefix("Invalid state: "))
            #expect(text.contains("TYPE honua:process:p"))
            #expect(
                try await redis.send("TYPE", "honua:process:p").text == "list",
                "it is left for whoever put it there"
            )
        }
    }

    @Test func `something of another type at the key of a lock is waited for`() async throws {
        try await RedisDriver.with { redis in
            try await redis.send("LPUSH", "honua:process-lock:default:l", "x")
            let text = try await refusal { _ = try await redis.store.load(.lock(name: "l")) }
            #expect(text.contains("WRONGTYPE"))
        }
    }

    @Test(arguments: ["{broken", "", "[]", "{\"schemaVersion\":2}", "\u{FEFF}{}"])
    func `JSON that was broken by hand is an invalid state, and stays as it is`(text: String) async throws {
        try await RedisDriver.with { redis in
            try await redis.send("SET", "honua:process:p", text, "EX", "100")
            guard case .invalidState(let reason) = try await recovery(redis) else {
                Issue.record("the process goes on")
                return
            }
            #expect(reason.hasPrefix("Invalid state: "))
            #expect(try await redis.client.get("honua:process:p") == Array(text.utf8))
        }
    }

    @Test func `a value without a time to live gets one with the next write`() async throws {
        try await RedisDriver.with { redis in
            try await redis.send("SET", "honua:process:p", "{}")
            #expect(try await redis.timeToLive("honua:process:p") == -1)
            let next = StoredDocument(Array("{ }".utf8))
            let result = try await redis.store.commit(key, next, replacing: document.digest, timeToLive: hour)
            #expect(result == .committed)
            let left = try await redis.timeToLive("honua:process:p")
            #expect(left > 0 && left <= 3_600_000)
        }
    }

    @Test func `a server without memory is waited for, and says so`() async throws {
        let options = RedisServer.Options(arguments: ["--maxmemory", "1", "--maxmemory-policy", "noeviction"])
        try await RedisDriver.with(options) { redis in
            let text = try await refusal { _ = try await redis.store.create(key, document, timeToLive: hour) }
            #expect(text.contains("cannot write the state of process p"))
            #expect(text.contains("OOM"))
            #expect(try await redis.store.load(key) == nil)
            try await redis.send("CONFIG", "SET", "maxmemory", "0")
            #expect(try await redis.store.create(key, document, timeToLive: hour) == .committed)
        }
    }

    @Test func `a replica that only reads is waited for, and says so`() async throws {
        try await RedisDriver.with { redis in
            _ = try await redis.store.create(key, document, timeToLive: hour)
            // Of a master that is not there: it goes on serving what it has.
            try await redis.send("REPLICAOF", "127.0.0.1", "1")
            let text = try await refusal {
                _ = try await redis.store.commit(key, document, replacing: document.digest, timeToLive: hour)
            }
            #expect(text.contains("READONLY"))
            #expect(try await redis.store.load(key) == document)
            try await redis.send("REPLICAOF", "NO", "ONE")
            let result = try await redis.store.commit(key, document, replacing: document.digest, timeToLive: hour)
            #expect(result == .committed)
        }
    }

    @Test func `a wrong password is waited for, and never shown`() async throws {
        try await RedisServer.with(RedisServer.Options(password: "right")) { server in
            let string = "127.0.0.1:\(server.port),abortConnect=false,password=wrong-and-secret"
            let client = try RedisDriver.client(string, timeout: .seconds(2))
            let store = RedisDocumentStore(client: client)
            let text = try await refusal { _ = try await store.load(key) }
            #expect(text.contains("Redis connection failed"))
            #expect(text.contains("WRONGPASS"))
            #expect(!text.contains("wrong-and-secret"))
            await client.shutdown()
        }
    }

    @Test func `a certificate of another authority is waited for, and named`() async throws {
        let certificates = try TestCertificates()
        try await RedisServer.with(RedisServer.Options(certificates: certificates)) { server in
            let client = try RedisDriver.client(
                server.connectionString,
                caFile: certificates.otherAuthority,
                timeout: .seconds(2)
            )
            let text = try await refusal { _ = try await RedisDocumentStore(client: client).load(key) }
            #expect(text.contains("Redis connection failed"))
            #expect(text.contains("certificate"))
            await client.shutdown()
        }
    }

    @Test(arguments: [false, true]) func `TLS to a plain port and the reverse are waited for, and named`(
        serverHasTLS: Bool
    ) async throws {
        let certificates = try TestCertificates()
        let options = RedisServer.Options(certificates: serverHasTLS ? certificates : nil)
        try await RedisServer.with(options) { server in
            let client = try RedisDriver.client(
                "127.0.0.1:\(server.port),abortConnect=false,ssl=\(!serverHasTLS)",
                caFile: certificates.authority,
                timeout: .seconds(2)
            )
            let text = try await refusal { _ = try await RedisDocumentStore(client: client).load(key) }
            #expect(text.contains("Redis connection failed"))
            #expect(text.contains(serverHasTLS ? "set ssl=true" : "leave out ssl=true"), "\(text)")
            await client.shutdown()
        }
    }
}
