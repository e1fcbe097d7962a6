/// Says which processes are this replica's, as far as it can see.
///
/// What is said here only decides who tries. Two replicas that see different things may both try; the store and the
/// resource let one of them through.
public protocol Ownership: Sendable {
    /// Whose a process is now.
    /// - Parameters:
    ///   - recordedOwner: the replica that its resource or its state names.
    ///   - hasBegun: whether it may have a state. One that has none goes where there is room.
    func standing(of processID: String, recordedOwner: String?, hasBegun: Bool) -> Standing

    /// Whether nothing of a replica can have effects any more. Asked before a process is taken over from it: a replica that
    /// has just come may not have been seen yet, so its heartbeat is looked at.
    /// - Throws: `StoreUnavailable`.
    func isGone(_ replica: String) async throws -> Bool

    /// Whether this replica takes nothing new.
    var isLeaving: Bool { get }
    /// Whether this replica keeps documents in memory only until it reaches the store that others may work on.
    var isProvisional: Bool { get }
    /// Whether a replica is known to lead those that have no store to share.
    func leads(_ replica: String) -> Bool
}

extension Ownership {
    /// No.
    public var isProvisional: Bool { false }
    /// No.
    public func leads(_ replica: String) -> Bool { false }
}

/// Whose a process is, seen from one replica.
public enum Standing: Sendable, Hashable {
    /// This replica runs it.
    case ours
    /// This replica runs it until nothing has to be interrupted for another one to have it.
    case oursToRelease
    /// Another replica runs it, or is about to.
    case theirs
}

/// There is one replica.
public struct SoleOwner: Ownership {
    /// The only replica.
    public init() {}

    /// Ours.
    public func standing(of processID: String, recordedOwner: String?, hasBegun: Bool) -> Standing { .ours }

    /// No.
    public var isLeaving: Bool { false }

    /// Whoever else there was.
    public func isGone(_ replica: String) -> Bool { true }

}
