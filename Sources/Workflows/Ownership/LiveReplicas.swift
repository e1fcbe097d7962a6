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
    /// - Parameter heartbeats: of each replica. One that is missing may have been lost by the store, and counts as silent;
    ///   only one that says that it has left is gone at once.
    public mutating func observe(_ heartbeats: [Heartbeat], at now: Duration) {
        // After a gap nobody's silence proves anything.
        let isAfterGap = lastRead.map { now - $0 > Heartbeat.gateLimit } ?? false
        lastRead = now
        if isAfterGap { for replica in sights.keys { sights[replica]?.changedAt = now } }
        for heartbeat in heartbeats {
            let before = sights[heartbeat.replica]
            let isSame =
                before?.heartbeat.counter == heartbeat.counter
                && before?.heartbeat.incarnation == heartbeat.incarnation
            sights[heartbeat.replica] =
                heartbeat.hasLeft
                ? nil : Sight(heartbeat: heartbeat, changedAt: isSame ? before?.changedAt ?? now : now)
        }
        // Long dead; whoever asks for one of them looks at its heartbeat.
        sights = sights.filter { now - $0.value.changedAt < Heartbeat.timeToLive }
    }

    /// Whether a replica was seen and has been silent since for so long that it counts as dead.
    public func isSilent(_ replica: String, at now: Duration) -> Bool {
        sights[replica].map { now - $0.changedAt >= Heartbeat.takeoverDelay } ?? false
    }

    /// Those whose counter has changed lately, in the order of their names.
    public func alive(at now: Duration) -> [Heartbeat] {
        sights.values.filter { now - $0.changedAt < Heartbeat.takeoverDelay }.map(\.heartbeat)
            .sorted { $0.replica < $1.replica }
    }
}
