/// Which replicas are alive, as one of them sees it. Pure: it is told what was read, and when.
///
/// Nobody compares clocks: a replica judges by its own monotonic time since it saw a counter change, and begins anew when
/// it could not read for a while, so that an outage of the store makes nobody look dead.
public struct LiveReplicas: Sendable {
    private struct Sight: Sendable {
        var heartbeat: Heartbeat
        var changedAt: Duration
    }

    private var sights: [String: Sight] = [:]
    private var lastRead: Duration?

    /// Nobody has been seen.
    public init() {}

    /// Takes what was read.
    /// - Parameter heartbeats: of each replica; one that has said goodbye is not among them.
    public mutating func observe(_ heartbeats: [Heartbeat], at now: Duration) {
        // After a gap nobody's silence proves anything.
        let isAfterGap = lastRead.map { now - $0 > Heartbeat.gateLimit } ?? false
        lastRead = now
        var seen: [String: Sight] = [:]
        for heartbeat in heartbeats {
            let before = sights[heartbeat.replica]
            let isSame =
                before?.heartbeat.counter == heartbeat.counter
                && before?.heartbeat.incarnation == heartbeat.incarnation && !isAfterGap
            seen[heartbeat.replica] = Sight(
                heartbeat: heartbeat,
                changedAt: isSame ? before?.changedAt ?? now : now
            )
        }
        sights = seen
    }

    /// Those whose counter has changed lately, in the order of their names.
    public func alive(at now: Duration) -> [Heartbeat] {
        sights.values.filter { now - $0.changedAt < Heartbeat.takeoverDelay }.map(\.heartbeat)
            .sorted { $0.replica < $1.replica }
    }
}
