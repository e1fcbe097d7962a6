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

    /// Whether a replica works, or may work: nobody takes over what it has.
    func isAlive(_ replica: String) -> Bool

    /// Whether this replica takes nothing new.
    var isLeaving: Bool { get }
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

    /// Nobody else is.
    public func isAlive(_ replica: String) -> Bool { false }
}
