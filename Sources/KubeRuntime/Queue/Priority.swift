/// How urgent the work on a key is. Among keys that are ready, higher values come first.
///
/// Any integer will do; controllers get by with the named ones. `WorkQueue` says how priorities, fairness between
/// groups and the time spent waiting go together.
public struct Priority: RawRepresentable, Sendable, Hashable, Comparable, ExpressibleByIntegerLiteral {
    /// Higher is more urgent.
    public let rawValue: Int

    /// A priority of one's own.
    public init(rawValue: Int) { self.rawValue = rawValue }

    /// A priority of one's own.
    public init(integerLiteral value: Int) { rawValue = value }

    /// For objects of the initial list and for resyncs: nobody waits for them.
    ///
    /// controller-runtime's `LowPriority` (`pkg/handler/eventhandler.go`).
    public static let low: Priority = -100
    /// For changes: what `WorkQueue.add(_:)` takes unless told otherwise.
    public static let normal: Priority = 0
    /// For what should overtake ordinary changes.
    public static let high: Priority = 100

    /// The less urgent is smaller.
    public static func < (left: Priority, right: Priority) -> Bool { left.rawValue < right.rawValue }
}
