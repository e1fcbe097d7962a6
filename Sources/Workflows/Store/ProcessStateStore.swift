/// Where state documents live.
///
/// The protocol is a compare-and-set on whole documents: a commit replaces exactly the bytes that were read, so that a
/// hand edit, a restore, or another owner's commit always wins over a stale copy. Every document has a time to live.
///
/// # Lost replies
/// A method that throws `StateStoreUnavailable` may or may not have happened. Documents carry a commit id, so no two
/// commits write equal bytes: after a failure, a conflict whose stored digest is that of the bytes one wanted to write
/// is a success.
public protocol ProcessStateStore: Sendable {
    /// As it appears in `status.state.store`.
    var name: String { get }

    /// Whether states outlive this process.
    var isDurable: Bool { get }

    /// The document, or nil when there is none.
    func load(_ processID: String) async throws -> StateDocument?

    /// Stores the first document of a process.
    /// - Returns: `.conflict` when there is one already.
    func create(_ processID: String, _ document: StateDocument, timeToLive: Duration) async throws -> CommitResult

    /// Replaces the document whose digest is `previous`. Never brings back a document that is gone.
    func commit(
        _ processID: String,
        _ document: StateDocument,
        replacing previous: String,
        timeToLive: Duration
    ) async throws -> CommitResult

    /// Removes the document; does nothing when there is none.
    func delete(_ processID: String) async throws
}

/// The bytes of a state document, and what identifies them.
public struct StateDocument: Sendable, Hashable {
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
public struct StateStoreUnavailable: Error, Sendable, CustomStringConvertible {
    /// What was attempted and what came back.
    public let description: String

    /// Says what was attempted and what came back.
    public init(_ description: String) { self.description = description }
}
