import Logging
import RedisClient

/// Makes a client for a test, hands it to the body, and shuts it down whatever happens.
func withClient<Value>(
    _ configuration: RedisConfiguration,
    logger: Logger = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }),
    _ body: (RedisClient) async throws -> Value
) async throws -> Value {
    let client = try RedisClient(configuration: configuration, logger: logger)
    do {
        let value = try await body(client)
        await client.shutdown()
        return value
    } catch {
        await client.shutdown()
        throw error
    }
}

func withClient<Value>(
    _ connectionString: String,
    logger: Logger = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }),
    _ body: (RedisClient) async throws -> Value
) async throws -> Value {
    try await withClient(configuration(connectionString), logger: logger, body)
}

/// A configuration with generous timeouts, because tests share few cores; those about time set their own.
func configuration(
    _ connectionString: String,
    _ change: (inout RedisConfiguration) -> Void = { _ in }
) throws -> RedisConfiguration {
    var configuration = RedisConfiguration(
        try RedisConnectionString(connectionString),
        connectTimeout: .seconds(60),
        syncTimeout: .seconds(60)
    )
    change(&configuration)
    return configuration
}

extension AsyncSequence where Element == RedisConnectionState, Failure == Never {
    /// Waits for the first state of a kind.
    func first(_ isWanted: (RedisConnectionState) -> Bool) async -> RedisConnectionState? {
        var iterator = makeAsyncIterator()
        while let state = await iterator.next(isolation: #isolation) {
            if isWanted(state) { return state }
        }
        return nil
    }
}

extension RedisConnectionState {
    var isConnected: Bool {
        if case .connected = self { true } else { false }
    }

    var failure: RedisConnectionFailure? {
        if case .unavailable(let failure) = self { failure } else { nil }
    }
}

/// The client's error an operation failed with; `nil` if it did not fail.
func failure<Value>(_ operation: () async throws -> Value) async -> RedisError? {
    do {
        _ = try await operation()
        return nil
    } catch {
        return error as? RedisError
    }
}
