/// Says which replica a process belongs to: the same answer wherever the same replicas are alive, and few processes
/// move when one comes or goes (rendezvous hashing: Thaler and Ravishankar, 1998).
public enum Placement {
    /// The replicas in the order in which they would take the process.
    public static func ranking(of processID: String, among replicas: [String]) -> [String] {
        replicas.map { (replica: $0, weight: weight(processID, $0)) }
            .sorted { ($0.weight, $0.replica) > ($1.weight, $1.replica) }
            .map(\.replica)
    }

    /// The replica that the process belongs to; nil without replicas.
    public static func owner(of processID: String, among replicas: [String]) -> String? {
        ranking(of: processID, among: replicas).first
    }

    /// Whose a process is, seen from one replica.
    ///
    /// What somebody alive has stays with them, so that nobody interrupts a step because a replica came; they let it go
    /// when that interrupts nothing. What has not begun goes to the first in the ranking that has room: the first of
    /// all keeps it in its queue meanwhile, and whoever begins it first has it.
    /// - Parameters:
    ///   - alive: this replica among them, with its room as it is now.
    public static func standing(
        of processID: String,
        recordedOwner: String?,
        hasBegun: Bool,
        for replica: String,
        among alive: [Heartbeat]
    ) -> Standing {
        let candidates = alive.filter { !$0.isLeaving }
        let ranking = ranking(of: processID, among: candidates.map(\.replica))
        if let recordedOwner, alive.contains(where: { $0.replica == recordedOwner }) {
            guard recordedOwner == replica else { return .theirs }
            return ranking.first == nil || ranking.first == replica ? .ours : .oursToRelease
        }
        if ranking.first == replica { return .ours }
        guard !hasBegun else { return .theirs }
        let hasRoom = Set(candidates.filter { $0.freeSlots > 0 }.map(\.replica))
        return ranking.first(where: hasRoom.contains) == replica ? .ours : .theirs
    }

    private static func weight(_ processID: String, _ replica: String) -> UInt64 {
        StableHash.of("\(replica)/\(processID)")
    }
}
