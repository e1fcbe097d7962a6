internal import JSON
internal import KubeClient

/// What one candidate knows and does next. Pure: it is told what came back and when, and says what to ask.
///
/// A *try* begins with `.due` and goes on, answer by answer, until a `.rest` says how things stand. Times are local, from
/// a clock that only goes forward; wall time is only written for people.
struct Election: Sendable {
    /// An answer, or the time to ask.
    enum Event: Sendable {
        /// Time for a try.
        case due
        /// The lease as it is; nil when there is none.
        case read(Lease?)
        /// The lease was written and now is so.
        case stored(Lease)
        /// The lease was not written: it changed, went or appeared since it was read.
        case refused
        /// No usable answer; a write may have been stored all the same.
        case failed(String)
    }

    /// What to do.
    enum Step: Sendable, Equatable {
        case read
        case create(Lease)
        case update(Lease)
        /// The try is over.
        case rest(Standing)
    }

    /// How things stand after a try.
    enum Standing: Sendable, Equatable {
        /// Until `renewed` plus the renew deadline.
        case leading(Term)
        /// Somebody else holds the lease.
        case following(String)
        /// The API server could not be asked, or others were quicker. A leader stays one until its deadline.
        case undecided(String)
        /// This process no longer leads.
        case lost(LeadershipLoss)
    }

    /// Leadership.
    struct Term: Sendable, Equatable {
        /// As stored last.
        var lease: Lease
        /// When the last write that succeeded was sent. Others count from later, when they see it.
        var renewed: Duration
        /// See `LeaseGate.epoch`.
        var epoch: Int
    }

    private struct Sighting {
        let uid: String
        let spec: LeaseSpec
        /// When it was first seen to be so.
        let since: Duration
    }

    private enum Pending {
        case nothing
        /// An update with what was stored last, unread.
        case fastRenewal(sent: Duration)
        case reading
        case writing(sent: Duration, isRenewal: Bool)
    }

    private let key: ObjectKey
    private let identity: String
    private let timing: ElectionTiming
    private var sighting: Sighting?
    private var pending = Pending.nothing
    private(set) var term: Term?

    init(_ key: ObjectKey, identity: String, timing: ElectionTiming) {
        self.key = key
        self.identity = identity
        self.timing = timing
    }

    /// Who holds the lease, as last seen.
    var holder: String? { sighting?.spec.holder }

    mutating func step(_ event: Event, at now: Duration, wallTime: Timestamp) -> Step {
        if let term, now >= term.renewed + timing.renewDeadline {
            // Even if the answer is a success: after the deadline the gate was shut and stays so.
            return lose(.deadlinePassed(sinceRenewal: now - term.renewed))
        }
        let answered = pending
        switch event {
        case .due:
            guard let term else { return read() }
            pending = .fastRenewal(sent: now)
            return .update(renewal(of: term.lease, wallTime))
        case .read(let lease):
            see(lease, at: now)
            return decide(lease, at: now, wallTime)
        case .stored(let lease):
            see(lease, at: now)
            pending = .nothing
            switch answered {
            case .fastRenewal(let sent): return lead(lease, sent, isRenewal: true)
            case .writing(let sent, let isRenewal): return lead(lease, sent, isRenewal: isRenewal)
            case .nothing, .reading: preconditionFailure("the answer to a write that was not asked for")
            }
        case .refused, .failed:
            if case .fastRenewal = answered { return read() }
            pending = .nothing
            if case .failed(let reason) = event { return .rest(.undecided(reason)) }
            return .rest(.undecided("the lease changed meanwhile"))
        }
    }

    /// The lease without its holder, or nil when it is not `identity` that holds it.
    ///
    /// As client-go does it (`leaderelection.go`, release): a duration of 1 s, since 0 is not valid.
    static func releasing(_ lease: Lease, heldBy identity: String, wallTime: Timestamp) -> Lease? {
        guard lease.spec.holder == identity else { return nil }
        var released = lease
        released.spec.holderIdentity = nil
        released.spec.leaseDurationSeconds = 1
        released.spec.acquireTime = MicroTime(wallTime)
        released.spec.renewTime = MicroTime(wallTime)
        return released
    }

    // MARK: Deciding

    private mutating func decide(_ lease: Lease?, at now: Duration, _ wallTime: Timestamp) -> Step {
        guard let lease else {
            // Somebody deleted the lease by hand. Its holder does not know that yet, and so it is not free.
            if term == nil, let holder, holder != identity, now < expiryAfterDeletion {
                return rest(.following(holder))
            }
            pending = .writing(sent: now, isRenewal: false)
            return .create(Lease(key, spec: claim(over: nil, wallTime)))
        }
        switch lease.spec.holder {
        case identity:
            // Of this term, or of an earlier run that had the same identity.
            pending = .writing(sent: now, isRenewal: isOfThisTerm(lease))
            return .update(renewal(of: lease, wallTime))
        case let holder? where term != nil:
            return lose(.takenOver(by: holder))
        case let holder? where now < expiry:
            return rest(.following(holder))
        default:
            var claimed = lease
            claimed.spec = claim(over: lease.spec, wallTime)
            pending = .writing(sent: now, isRenewal: false)
            return .update(claimed)
        }
    }

    private func isOfThisTerm(_ lease: Lease) -> Bool {
        guard let mine = term?.lease else { return false }
        return mine.metadata.uid == lease.metadata.uid && mine.spec.leaseTransitions == lease.spec.leaseTransitions
    }

    private mutating func read() -> Step {
        pending = .reading
        return .read
    }

    private mutating func rest(_ standing: Standing) -> Step {
        pending = .nothing
        return .rest(standing)
    }

    private mutating func lose(_ loss: LeadershipLoss) -> Step {
        term = nil
        return rest(.lost(loss))
    }

    private mutating func lead(_ lease: Lease, _ sent: Duration, isRenewal: Bool) -> Step {
        // An update may also create: leases are among the kinds that allow it (Kubernetes `coordination/lease/strategy.go`).
        let isSameLease = isRenewal && term?.lease.metadata.uid == lease.metadata.uid
        let epoch = isSameLease ? term?.epoch : nil
        let now = Term(lease: lease, renewed: sent, epoch: epoch ?? Self.epoch(of: lease))
        term = now
        return .rest(.leading(now))
    }

    /// The version of the write that took the lease. Every later write to the cluster has a greater one (KEP-5504), also
    /// after the lease was deleted and `leaseTransitions` began again at 0. A server whose versions are no numbers
    /// leaves only those.
    private static func epoch(of lease: Lease) -> Int {
        Int(lease.metadata.resourceVersion) ?? (lease.spec.leaseTransitions ?? 0) &+ 1
    }

    // MARK: What was seen

    /// A change of labels or annotations is no sign of life, and the absence of the object no change of its holder.
    private mutating func see(_ lease: Lease?, at now: Duration) {
        guard let lease, sighting?.uid != lease.metadata.uid || sighting?.spec != lease.spec else { return }
        sighting = Sighting(uid: lease.metadata.uid, spec: lease.spec, since: now)
    }

    /// When a holder that stays silent has lost the lease, by what it told of itself.
    private var expiry: Duration {
        guard let sighting else { return .zero }
        return sighting.since + (sighting.spec.leaseDurationSeconds.map { .seconds($0) } ?? timing.leaseDuration)
    }

    /// No later than our own duration: deleting the lease is what people do about one that lasts too long.
    private var expiryAfterDeletion: Duration {
        guard let sighting else { return .zero }
        return min(expiry, sighting.since + timing.leaseDuration)
    }

    // MARK: What is written

    private func renewal(of lease: Lease, _ wallTime: Timestamp) -> Lease {
        var renewed = lease
        renewed.spec.leaseDurationSeconds = timing.leaseSeconds
        renewed.spec.renewTime = MicroTime(wallTime)
        return renewed
    }

    private func claim(over earlier: LeaseSpec?, _ wallTime: Timestamp) -> LeaseSpec {
        var spec = LeaseSpec()
        spec.holderIdentity = identity
        spec.leaseDurationSeconds = timing.leaseSeconds
        spec.acquireTime = MicroTime(wallTime)
        spec.renewTime = MicroTime(wallTime)
        spec.leaseTransitions = earlier.map { ($0.leaseTransitions ?? 0) &+ 1 } ?? 0
        return spec
    }
}
