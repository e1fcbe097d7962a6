import Logging
import RedisClient
import Stores
import Synchronization
import TestClock
import TestEnvironment
import Testing

@testable import Workflows

/// Writes that wait for replicas.
@Suite(.timeLimit(.minutes(5))) struct ReplicaConfirmationTests {
    private let hour = Duration.seconds(3600)
    private let one = StoredDocument(Array("1".utf8))
    private let two = StoredDocument(Array("2".utf8))

    @Test func `what is confirmed is on the replica, which takes over with it`() async throws {
        try await RedisSentinels.with { sentinels in
            let log = WarningLog()
            let confirmation = ReplicaConfirmation(count: 1, timeout: .seconds(50), logger: log.logger)
            let client = try RedisDriver.client(sentinels.connectionString)
            let store = RedisDocumentStore(client: client, keyspace: RedisKeyspace(), confirmation: confirmation)
            for number in 0..<50 {
                let key = DocumentKey.state(processID: "p\(number)")
                #expect(try await store.create(key, one, timeToLive: hour) == .committed)
                #expect(try await store.commit(key, two, replacing: one.digest, timeToLive: hour) == .committed)
                // At once, not some time later.
                #expect(try sentinels.servers[1].command("GET", "honua:process:p\(number)").text == "2")
            }
            try await sentinels.forceFailover()
            for number in 0..<50 { #expect(try await store.load(.state(processID: "p\(number)")) == two) }
            #expect(log.warnings.isEmpty)
            await client.shutdown()
        }
    }

    @Test func `a write that too few replicas confirm has been made, which the log says once a minute`() async throws {
        try await RedisDriver.with { redis in
            let (log, clock) = (WarningLog(), ManualClock())
            let confirmation = ReplicaConfirmation(
                count: 2,
                timeout: .milliseconds(1),
                time: TimeSource(clock),
                logger: log.logger
            )
            let store = RedisDocumentStore(
                client: redis.client,
                keyspace: RedisKeyspace(),
                confirmation: confirmation
            )
            for number in 0..<3 {
                let key = DocumentKey.state(processID: "p\(number)")
                #expect(try await store.create(key, one, timeToLive: hour) == .committed)
                #expect(try await store.create(key, one, timeToLive: hour) == .conflict)
                #expect(try await store.commit(key, two, replacing: one.digest, timeToLive: hour) == .committed)
                #expect(try await store.load(key) == two)
            }
            #expect(log.warnings.count == 1)
            #expect(log.warnings.first?.contains("0 of 2 replicas have confirmed") == true)
            clock.advance(by: .seconds(59))
            _ = try await store.create(.state(processID: "q"), one, timeToLive: hour)
            #expect(log.warnings.count == 1)
            clock.advance(by: .seconds(1))
            _ = try await store.create(.state(processID: "r"), one, timeToLive: hour)
            #expect(log.warnings.count == 2)
        }
    }

    @Test func `what can be made anew waits for nobody`() async throws {
        try await RedisDriver.with { redis in
            let log = WarningLog()
            let confirmation = ReplicaConfirmation(count: 1, timeout: .milliseconds(1), logger: log.logger)
            let store = RedisDocumentStore(
                client: redis.client,
                keyspace: RedisKeyspace(),
                confirmation: confirmation
            )
            for key in [
                DocumentKey.heartbeat(replica: "a"), .replicas, .lock(name: "l"), .memo(digest: "m"), .doorbell,
            ] {
                _ = try await store.create(key, one, timeToLive: hour)
            }
            #expect(log.warnings.isEmpty)
            _ = try await store.create(.inbox(processID: "p"), one, timeToLive: hour)
            #expect(log.warnings.count == 1)
        }
    }

    @Test func `a user who may not wait can still write`() async throws {
        let acl = ["--user", "ops", "on", ">hunter2", "~*", "+@all", "-wait"]
        try await RedisServer.with(RedisServer.Options(arguments: acl)) { server in
            let log = WarningLog()
            let client = try RedisDriver.client("127.0.0.1:\(server.port),user=ops,password=hunter2")
            let store = RedisDocumentStore(
                client: client,
                keyspace: RedisKeyspace(),
                confirmation: ReplicaConfirmation(count: 1, timeout: .milliseconds(1), logger: log.logger)
            )
            #expect(try await store.create(.state(processID: "p"), one, timeToLive: hour) == .committed)
            #expect(try await store.load(.state(processID: "p")) == one)
            #expect(log.warnings.first?.contains("NOPERM") == true)
            await client.shutdown()
        }
    }
}

/// Keeps warnings for a test to read.
private final class WarningLog: Sendable {
    private let recorded = Mutex<[String]>([])

    var warnings: [String] { recorded.withLock { $0 } }
    var logger: Logger { Logger(label: "test") { _ in Handler(log: self) } }

    private struct Handler: LogHandler {
        let log: WarningLog
        var logLevel = Logger.Level.warning
        var metadata: Logger.Metadata = [:]

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }

        func log(event: LogEvent) { log.recorded.withLock { $0.append("\(event.message)") } }
    }
}
