import Foundation
import Synchronization
import Workflows

/// Another store, whose writes of states it times.
final class TimedStore: DocumentStore {
    private let inner: any DocumentStore
    private let durations = Mutex<[Double]>([])

    init(_ inner: any DocumentStore) { self.inner = inner }

    /// In seconds.
    var commits: [Double] { durations.withLock { $0 } }
    var name: String { inner.name }
    var isDurable: Bool { inner.isDurable }

    func load(_ key: DocumentKey) async throws -> StoredDocument? { try await inner.load(key) }

    func create(_ key: DocumentKey, _ document: StoredDocument, timeToLive: Duration) async throws -> CommitResult {
        try await timed(key) { try await inner.create(key, document, timeToLive: timeToLive) }
    }

    func commit(
        _ key: DocumentKey,
        _ document: StoredDocument,
        replacing previous: String,
        timeToLive: Duration
    ) async throws -> CommitResult {
        try await timed(key) {
            try await inner.commit(key, document, replacing: previous, timeToLive: timeToLive)
        }
    }

    func renew(_ keys: [DocumentKey], timeToLive: Duration) async throws {
        try await inner.renew(keys, timeToLive: timeToLive)
    }

    func delete(_ keys: [DocumentKey]) async throws { try await inner.delete(keys) }

    private func timed<Result>(_ key: DocumentKey, _ body: () async throws -> Result) async throws -> Result {
        let start = ContinuousClock.now
        let result = try await body()
        if case .state = key {
            let seconds = (ContinuousClock.now - start) / .seconds(1)
            durations.withLock { $0.append(seconds) }
        }
        return result
    }
}
