public import KubeClient
internal import Synchronization

/// Lets writes pass in whatever term this process leads, for clients that are made before the first one:
/// `client.guarded(by: elector)`. The gate that the work is given is stricter where a process leads more than once: it
/// stays shut after its own term, also to what that term has left behind.
extension LeaderElector: WriteGate {
    /// Throws `LeaseGate.Shut` when a write may not begin now.
    public func check(_ operation: KubeOperation) throws {
        guard let gate else {
            throw LeaseGate.Shut(description: "\(operation) was not sent: this process does not hold lease \(lease)")
        }
        try gate.check(operation)
    }

    /// Time until the lease may pass to another; zero when this process does not lead.
    public var timeLeft: Duration? { gate?.timeLeft ?? .zero }

    /// That of the current term; 0 when this process does not lead.
    public var epoch: Int { gate?.epoch ?? 0 }
}
