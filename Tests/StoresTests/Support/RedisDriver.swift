import JSON
import Logging
import RedisClient
import Stores
import TestEnvironment
import Testing

@testable import Workflows

/// A Redis of its own with a client, for the body of a test.
struct RedisDriver: Sendable {
    let server: RedisServer
    let client: RedisClient

    /// Bounds a hang.
    private static let minute = Duration.seconds(60)

    static func with(
        _ options: RedisServer.Options = RedisServer.Options(),
        _ body: (RedisDriver) async throws -> Void
    ) async throws {
        try await RedisServer.with(options) { server in
            let client = try client(server.connectionString)
            do {
                try await body(RedisDriver(server: server, client: client))
            } catch {
                await client.shutdown()
                throw error
            }
            await client.shutdown()
        }
    }

    static func client(
        _ connectionString: String,
        caFile: String? = nil,
        timeout: Duration = minute
    ) throws -> RedisClient {
        let string = try RedisConnectionString(connectionString + ",allowAdmin=true")
        return try RedisClient(
            configuration: RedisConfiguration(
                string,
                connectTimeout: timeout,
                syncTimeout: timeout,
                caFile: caFile
            )
        )
    }

    var store: RedisDocumentStore { RedisDocumentStore(client: client) }

    @discardableResult
    func send(_ words: String...) async throws -> RedisValue { try await client.send(words.map { RedisArgument($0) }) }

    func keys() async throws -> [String] {
        var keys: [String] = []
        for try await batch in client.scan(matching: "*") { keys += batch }
        return Set(keys).sorted()
    }

    /// Every value, by its key.
    func values() async throws -> [String: [UInt8]] {
        var values: [String: [UInt8]] = [:]
        for key in try await keys() {
            if try await send("TYPE", key).text == "string" { values[key] = try await client.get(key) }
        }
        return values
    }

    func timeToLive(_ key: String) async throws -> Int64 { try await send("PTTL", key).integer ?? -3 }

    /// Runs a process of two steps to its end: the output of the first lies beside the state.
    func run(_ id: String, configuration: EngineConfiguration = EngineConfiguration()) async throws {
        try await Self.run(id, over: store, configuration: configuration)
    }

    /// The same over any store.
    static func run(
        _ id: String,
        over store: any DocumentStore,
        configuration: EngineConfiguration = EngineConfiguration()
    ) async throws {
        var configuration = configuration
        configuration.announcesTakeovers = false
        let (changes, tick) = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))
        let engine = ProcessEngine(
            store: store,
            actions: ActionCatalog([LargeAction()]),
            configuration: configuration,
            logger: .silent,
            onChange: { _ in tick.yield() }
        )
        let running = Task { await engine.run() }
        defer { running.cancel() }
        engine.submit(.large(id), mode: .begin)
        for await _ in changes {
            guard let run = engine.snapshot(of: id), case .ended(let end) = run.activity else { continue }
            #expect(end == .finished)
            #expect(run.state?.status == .completed)
            break
        }
        running.cancel()
        await running.value
    }
}

extension Logger {
    static var silent: Logger { Logger(label: "test") { _ in SwiftLogNoOpLogHandler() } }
}

extension ProcessRequest {
    /// A process of two steps.
    static func large(_ id: String) -> ProcessRequest {
        let steps = [
            StepDefinition("a", action: "large"), StepDefinition("b", action: "large", needs: ["a"]),
        ]
        return ProcessRequest(
            id: id,
            name: id,
            definition: WorkflowDefinition(name: "inline", steps: steps),
            timeout: .seconds(600),
            retry: RetryPolicy(limit: 0, delay: .zero)
        )
    }
}

/// Gives 9 kB back, each time others.
struct LargeAction: Action {
    let name = "large"
    let about = "For tests."
    let isIdempotent = true
    var inputSchema: JSONSchema { .anyObject }

    func perform(_ inputs: JSONValue, _ context: StepContext) async throws -> JSONValue {
        .string("\(context.step) of \(context.processID) " + String(repeating: "x", count: 9_000))
    }
}
