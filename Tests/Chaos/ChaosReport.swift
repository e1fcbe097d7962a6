/// What became of everything.
public struct ChaosReport: Sendable, CustomStringConvertible {
    /// What must not be.
    public var violations: [String] = []
    /// How often each kind of trouble was made.
    public var troubles: [String: Int] = [:]
    /// How the processes ended.
    public var endings: [String: Int] = [:]
    /// How many processes ended with each replica.
    public var shares: [String: Int] = [:]
    /// Requests that reached the services of steps.
    public var requests = 0
    /// Of those, how many came again under the same key, as a retry that the state shows.
    public var repeats = 0
    /// How many processes were taken over or begun again, by the epoch they ended with.
    public var takeovers = 0
    /// How long it took all processes to end after the trouble.
    public var aftermath: Duration = .zero

    /// How far the share of a replica is from an even one at most, in percent.
    public var imbalance: Int {
        let even = Double(shares.values.reduce(0, +)) / Double(max(1, shares.count))
        let furthest = shares.values.map { abs(Double($0) - even) }.max() ?? 0
        return even == 0 ? 0 : Int((100 * furthest / even).rounded())
    }

    /// A few lines.
    public var description: String {
        func list(_ counts: [String: Int]) -> String {
            counts.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }.joined(separator: ", ")
        }
        var lines = [
            "trouble:    \(list(troubles))",
            "endings:    \(list(endings))",
            "shares:     \(list(shares)), \(imbalance) % from even at most",
            "requests:   \(requests), \(repeats) of them marked repeats; \(takeovers) takeovers",
            "aftermath:  \(aftermath.components.seconds) s until all had ended",
        ]
        lines += violations.prefix(20).map { "VIOLATED: \($0)" }
        if violations.count > 20 { lines.append("and \(violations.count - 20) more violations") }
        return lines.joined(separator: "\n")
    }
}
