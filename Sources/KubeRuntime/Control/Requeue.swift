/// What a reconcile asks for when it went well.
public enum Requeue: Sendable, Equatable {
    /// Nothing until the object changes.
    case awaitChange
    /// Again after so long, or earlier when the object changes.
    case after(Duration)
}

/// Work that cannot succeed until somebody changes something: it is not tried again before the object changes.
public struct TerminalError: Error, Sendable, CustomStringConvertible {
    /// What is wrong and what would help.
    public let description: String

    /// Says what is wrong and what would help.
    public init(_ description: String) { self.description = description }
}

/// A reconcile took longer than `ControllerOptions.reconcileTimeout`.
public struct ReconcileTimeout: Error, Sendable, CustomStringConvertible {
    /// The limit it broke.
    public let limit: Duration
    /// One line.
    public var description: String { "the reconcile was cancelled because it took longer than \(limit)" }
}
