/// Decides, right before each write, whether this process may still write.
///
/// A leader whose lease may have passed to another must not change anything any more, however late its last request
/// comes. `KubeClient.guarded(by:)` makes a client that asks before each attempt of a write; reads are never held up.
public protocol WriteGate: Sendable {
    /// Throws when writing is not allowed now. Called before each attempt; must not block.
    func check(_ operation: KubeOperation) throws

    /// How long a write that begins now may take at most; nil when the gate sets no limit. Asked after `check`, for each
    /// attempt: what is not over by then might be carried out when another leads. Must not block.
    var timeLeft: Duration? { get }

    /// Which term of leadership the writes belong to; told to the server in the `User-Agent`, where audit logs show it.
    var epoch: Int { get }
}

extension WriteGate {
    /// No limit.
    public var timeLeft: Duration? { nil }
}
