/// Why a process no longer leads, though it did not want to stop.
public enum LeadershipLoss: Sendable, Hashable, CustomStringConvertible {
    /// No renewal succeeded in time; the last was sent so long ago. Another may lead from the lease's expiry on.
    case deadlinePassed(sinceRenewal: Duration)
    /// Somebody wrote another holder into the lease before it expired.
    case takenOver(by: String)

    /// One clause.
    public var description: String {
        switch self {
        case .deadlinePassed(let since): "the last renewal that succeeded was sent \(since) ago"
        case .takenOver(let holder): "\(holder) holds the lease"
        }
    }
}
