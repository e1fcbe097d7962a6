internal import JSON
internal import Logging

/// Keeps a replica's heartbeat going and watches those of the others.
///
/// A replica counts up a document of its own. The others never compare clocks: they judge by their own monotonic time
/// since they saw the counter change, and begin anew when they could not read for a while, so that an outage of the
/// store makes nobody look dead.
public struct Heartbeat: Sendable {
    /// How often the counter is raised.
    public static let interval: Duration = .seconds(3)
    /// Without a confirmed heartbeat for so long, a replica begins no effects.
    public static let gateLimit: Duration = .seconds(8)
    /// Without a change of its counter for so long, a replica's processes are taken over.
    public static let takeoverDelay: Duration = .seconds(12)
    /// How long documents of dead replicas stay.
    static let timeToLive: Duration = .seconds(300)
}

/// Which replicas are alive, as one of them sees it. Pure: it is told what was read, and when.
public struct LiveReplicas: Sendable {
    private struct Sight: Sendable {
        var counter: Int
        var changedAt: Duration
    }

    private var sights: [String: Sight] = [:]
    private var lastRead: Duration?

    /// Nobody has been seen.
    public init() {}

    /// Takes what was read.
    /// - Parameter counters: the heartbeat of each replica; one that has said goodbye is not among them.
    public mutating func observe(_ counters: [String: Int], at now: Duration) {
        // After a gap nobody's silence proves anything.
        let isAfterGap = lastRead.map { now - $0 > Heartbeat.gateLimit } ?? false
        lastRead = now
        for (replica, counter) in counters {
            if let sight = sights[replica], sight.counter == counter, !isAfterGap { continue }
            sights[replica] = Sight(counter: counter, changedAt: now)
        }
        sights = sights.filter { counters[$0.key] != nil }
    }

    /// Those whose counter has changed lately, in the order of their names.
    public func alive(at now: Duration) -> [String] {
        sights.filter { now - $0.value.changedAt < Heartbeat.takeoverDelay }.keys.sorted()
    }
}

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

    private static func weight(_ processID: String, _ replica: String) -> UInt64 {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325  // FNV-1a, 64 bits
        for byte in "\(replica)/\(processID)".utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
        // Without this the first bytes hardly reach the high bits (the finalizer of MurmurHash3).
        hash = (hash ^ (hash >> 33)) &* 0xff51_afd7_ed55_8ccd
        hash = (hash ^ (hash >> 33)) &* 0xc4ce_b9fe_1a85_ec53
        return hash ^ (hash >> 33)
    }
}
