import Synchronization

@testable import Workflows

/// Which state was stored in place of which, as the store has told its clients.
final class CommitWitness: Sendable {
    struct Commit: Sendable, Hashable {
        /// The digest of what was replaced.
        let previous: String
        let digest: String
        let epoch: Int
        let replica: String
    }

    private let recorded = Mutex<[String: [Commit]]>([:])

    func record(_ commit: Commit, of process: String) {
        recorded.withLock { $0[process, default: []].append(commit) }
    }

    /// The commits of a process, in no order.
    func commits(of process: String) -> [Commit] { recorded.withLock { $0[process] ?? [] } }

    /// How often something was stored in place of what had been replaced before: the store has fallen back.
    func forks(of process: String) -> Int {
        let commits = commits(of: process)
        return commits.count - Set(commits.map(\.previous)).count
    }

    /// The commits from the first to the last, each in place of the one before.
    func chain(of process: String) -> [Commit] {
        let commits = commits(of: process)
        let replaced = Set(commits.map(\.digest))
        var chain = commits.filter { !replaced.contains($0.previous) }
        while let last = chain.last, let next = commits.first(where: { $0.previous == last.digest }),
            chain.count < commits.count
        {
            chain.append(next)
        }
        return chain
    }
}

/// A store whose commits of states are witnessed.
struct WitnessedStore: DocumentStore {
    let inner: any DocumentStore
    let replica: String
    let witness: CommitWitness

    var name: String { inner.name }
    var isDurable: Bool { inner.isDurable }

    func load(_ key: DocumentKey) async throws -> StoredDocument? { try await inner.load(key) }

    func create(_ key: DocumentKey, _ document: StoredDocument, timeToLive: Duration) async throws -> CommitResult {
        try await inner.create(key, document, timeToLive: timeToLive)
    }

    func commit(
        _ key: DocumentKey,
        _ document: StoredDocument,
        replacing previous: String,
        timeToLive: Duration
    ) async throws -> CommitResult {
        let result = try await inner.commit(key, document, replacing: previous, timeToLive: timeToLive)
        if case .state(let id) = key, result == .committed {
            let epoch = try StateReader.shell(document, of: id).epoch
            witness.record(.init(previous: previous, digest: document.digest, epoch: epoch, replica: replica), of: id)
        }
        return result
    }

    func renew(_ keys: [DocumentKey], timeToLive: Duration) async throws {
        try await inner.renew(keys, timeToLive: timeToLive)
    }

    func delete(_ keys: [DocumentKey]) async throws { try await inner.delete(keys) }
}
