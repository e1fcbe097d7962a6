/// Where the engine keeps what must survive it: states, what belongs to them, locks, reusable outputs, heartbeats.
///
/// The protocol is a compare-and-set on whole documents: a commit replaces exactly the bytes that were read, so that a
/// hand edit, a restore, or another owner's commit always wins over a stale copy. Every document has a time to live.
///
/// # Lost replies
/// A method that throws `StoreUnavailable` may or may not have happened. State documents carry a commit id, so no two
/// commits write equal bytes: after a failure, a conflict whose stored digest is that of the bytes one wanted to write
/// is a success.
public protocol DocumentStore: Sendable {
    /// As it appears in `status.state.store`.
    var name: String { get }

    /// Whether documents outlive this process.
    var isDurable: Bool { get }

    /// The document, or nil when there is none.
    func load(_ key: DocumentKey) async throws -> StoredDocument?

    /// Stores a document where there is none.
    /// - Returns: `.conflict` when there is one already.
    func create(_ key: DocumentKey, _ document: StoredDocument, timeToLive: Duration) async throws -> CommitResult

    /// Replaces the document whose digest is `previous`. Never brings back a document that is gone.
    func commit(
        _ key: DocumentKey,
        _ document: StoredDocument,
        replacing previous: String,
        timeToLive: Duration
    ) async throws -> CommitResult

    /// Gives documents another time to live; those that are gone stay gone.
    func renew(_ keys: [DocumentKey], timeToLive: Duration) async throws

    /// Removes documents; does nothing for those that are gone.
    func delete(_ keys: [DocumentKey]) async throws
}

/// Names a document. What is not the state of a process lies under other prefixes, so that whoever counts or reads
/// state documents finds nothing else.
public enum DocumentKey: Sendable, Hashable {
    /// The state of a process.
    case state(processID: String)
    /// An immutable part of the state of a process, by the digest of its bytes.
    case part(processID: String, digest: String)
    /// Who holds a lock, and who waits for it.
    case lock(name: String)
    /// A reusable output, by the digest of what it belongs to.
    case memo(digest: String)
    /// The heartbeat of a replica.
    case heartbeat(replica: String)
    /// Which replicas there are.
    case replicas
    /// What people ask of a process.
    case inbox(processID: String)
    /// Which processes have been asked something lately.
    case doorbell
}

/// The bytes of a document, and what identifies them.
public struct StoredDocument: Sendable, Hashable {
    /// JSON.
    public let bytes: [UInt8]
    /// SHA-1, lower-case hexadecimal.
    public let digest: String

    /// A document with its digest.
    public init(_ bytes: [UInt8]) {
        self.bytes = bytes
        digest = Digest.sha1(bytes)
    }
}

/// What became of a commit.
public enum CommitResult: Sendable, Hashable {
    /// It is stored.
    case committed
    /// Another document is stored.
    case conflict
    /// No document is stored.
    case missing
}

/// The store cannot be reached or does not answer; trying again may help.
public struct StoreUnavailable: Error, Sendable, CustomStringConvertible {
    /// What was attempted and what came back.
    public let description: String

    /// Says what was attempted and what came back.
    public init(_ description: String) { self.description = description }
}

extension DocumentKey: CustomStringConvertible {
    /// For messages.
    public var description: String {
        switch self {
        case .state(let id): "the state of process \(id)"
        case .part(let id, let digest): "part \(digest.prefix(12)) of the state of process \(id)"
        case .lock(let name): "lock \(name)"
        case .memo(let digest): "the output stored as \(digest.prefix(12))"
        case .heartbeat(let replica): "the heartbeat of replica \(replica)"
        case .replicas: "the list of replicas"
        case .inbox(let id): "the inbox of process \(id)"
        case .doorbell: "the doorbell of the inboxes"
        }
    }
}
