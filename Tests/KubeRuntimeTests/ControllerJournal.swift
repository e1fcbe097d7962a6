import FaultServer
import KubeClient
import KubeRuntime
import Logging
import Synchronization

/// What has happened so far, in order, and a way to wait for more.
final class Journal: Sendable {
    private struct State {
        var entries: [String] = []
        var waiters: [(isSatisfied: @Sendable ([String]) -> Bool, continuation: AsyncStream<Void>.Continuation)] = []
    }

    private let state = Mutex(State())

    var entries: [String] { state.withLock { $0.entries } }

    func count(_ entry: String) -> Int { entries.count { $0 == entry } }

    func note(_ entry: String) {
        state.withLock { state in
            state.entries.append(entry)
            for waiter in state.waiters where waiter.isSatisfied(state.entries) { waiter.continuation.finish() }
        }
    }

    /// Returns when the condition holds, or when the task is cancelled.
    func wait(until isSatisfied: @escaping @Sendable ([String]) -> Bool) async {
        let (stream, continuation) = AsyncStream<Void>.makeStream()
        state.withLock { state in
            state.waiters.append((isSatisfied, continuation))
            if isSatisfied(state.entries) { continuation.finish() }
        }
        for await _ in stream {}
    }

    func wait(for entry: String, times: Int = 1) async { await wait { $0.count { $0 == entry } >= times } }
}

extension Logger {
    static var quiet: Logger { Logger(label: "test") { _ in SwiftLogNoOpLogHandler() } }
}

/// Runs all of it while the body runs, then cancels and awaits it.
func running<Result>(
    _ work: [@Sendable () async -> Void],
    _ body: () async throws -> Result
) async throws -> Result {
    try await withThrowingTaskGroup(of: Void.self) { group in
        for work in work { group.addTask { await work() } }
        defer { group.cancelAll() }
        return try await body()
    }
}

extension ObjectKey {
    /// In the namespace that a `FaultyAPIServer` takes by default.
    static func served(_ name: String) -> ObjectKey { ObjectKey(namespace: "default", name: name) }
}
