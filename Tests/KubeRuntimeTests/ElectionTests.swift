import JSON
import KubeClient
import Testing

@testable import KubeRuntime

/// The state machine alone: lease 15 s, renew deadline 10 s, retry 2 s.
@Suite(.timeLimit(.minutes(4))) struct ElectionTests {
    private let key = ObjectKey(namespace: "gis", name: "honua")
    private let noon = Timestamp(seconds: 1_800_000_000)

    private func candidate(_ identity: String = "me") -> Election {
        Election(key, identity: identity, timing: .default)
    }

    private func lease(
        _ holder: String?,
        version: Int = 7,
        uid: String = "u1",
        transitions: Int = 3,
        renewed: Int64 = 0,
        seconds: Int? = 15
    ) -> Lease {
        var lease = Lease(key)
        lease.metadata.uid = uid
        lease.metadata.resourceVersion = "\(version)"
        lease.spec.holderIdentity = holder
        lease.spec.leaseDurationSeconds = seconds
        lease.spec.leaseTransitions = transitions
        lease.spec.renewTime = MicroTime(Timestamp(seconds: renewed))
        return lease
    }

    /// One event of a story: when, what, and what it leads to.
    private func tell(_ election: inout Election, _ at: Double, _ event: Election.Event) -> Election.Step {
        election.step(event, at: .seconds(at), wallTime: noon)
    }

    private func stored(_ step: Election.Step, version: Int, uid: String = "u1") -> Lease {
        switch step {
        case .create(var lease), .update(var lease):
            lease.metadata.uid = uid
            lease.metadata.resourceVersion = "\(version)"
            return lease
        case .read, .rest:
            Issue.record("\(step) writes nothing")
            return Lease()
        }
    }

    /// A leader since `at`, under version 11.
    private func leader(at time: Double = 0) -> Election {
        var election = candidate()
        _ = tell(&election, time, .due)
        let step = tell(&election, time, .read(nil))
        _ = tell(&election, time, .stored(stored(step, version: 11)))
        return election
    }

    @Test func `without a lease a candidate creates one and leads from when it sent it`() {
        var election = candidate()
        #expect(tell(&election, 0, .due) == .read)
        let step = tell(&election, 1, .read(nil))
        guard case .create(let created) = step else { return #expect(Bool(false), "\(step)") }
        #expect(created.spec.holderIdentity == "me")
        #expect(created.spec.leaseDurationSeconds == 15)
        #expect(created.spec.leaseTransitions == 0)
        #expect(created.spec.acquireTime == MicroTime(noon))
        let answer = stored(step, version: 11)
        let term = Election.Term(lease: answer, renewed: .seconds(1), epoch: 11)
        #expect(tell(&election, 4, .stored(answer)) == .rest(.leading(term)))
    }

    struct Finding: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let holder: String?
        let takesOver: Bool
        let transitions: Int

        init(_ description: String, _ holder: String?, takesOver: Bool, transitions: Int = 4) {
            testDescription = description
            self.holder = holder
            self.takesOver = takesOver
            self.transitions = transitions
        }
    }

    @Test(arguments: [
        Finding("another's lease is left alone", "other", takesOver: false),
        Finding("a released lease is taken at once", nil, takesOver: true),
        Finding("an empty holder is none", "", takesOver: true),
        Finding("its own lease, from before a restart, is no change of holder", "me", takesOver: true, transitions: 3),
    ])
    func `what a candidate does about the lease it finds`(_ finding: Finding) {
        var election = candidate()
        _ = tell(&election, 0, .due)
        let step = tell(&election, 0, .read(lease(finding.holder)))
        if finding.takesOver {
            let written = stored(step, version: 8)
            #expect(written.spec.holderIdentity == "me")
            #expect(written.spec.leaseTransitions == finding.transitions)
            #expect(tell(&election, 0, .stored(written)).term?.epoch == 8)
        } else {
            #expect(step == .rest(.following("other")))
        }
    }

    struct Silence: Sendable, CustomTestStringConvertible {
        let testDescription: String
        /// What is read at 0 s, and then at these times.
        let seen: [(at: Double, renewed: Int64, version: Int)]
        let seconds: Int?
        let isTakenAt: Double

        init(
            _ description: String,
            seconds: Int? = 15,
            takenAt: Double,
            _ seen: [(at: Double, renewed: Int64, version: Int)]
        ) {
            testDescription = description
            self.seen = seen
            self.seconds = seconds
            isTakenAt = takenAt
        }
    }

    @Test(arguments: [
        Silence("silent since the first look", takenAt: 15, [(0, 0, 7)]),
        Silence("the holder's clock may be wrong by years", takenAt: 15, [(0, 4_000_000_000, 7)]),
        Silence("each change counts anew", takenAt: 24, [(0, 1, 7), (5, 2, 8), (9, 3, 9)]),
        Silence("a label or annotation is no sign of life", takenAt: 15, [(0, 1, 7), (14, 1, 8)]),
        Silence("the holder's own duration counts", seconds: 40, takenAt: 40, [(0, 0, 7)]),
        Silence("without a duration, ours counts", seconds: nil, takenAt: 15, [(0, 0, 7)]),
    ])
    func `a silent holder is replaced by local time since its lease last changed`(_ silence: Silence) {
        var election = candidate()
        for (at, renewed, version) in silence.seen {
            _ = tell(&election, at, .due)
            let found = lease("other", version: version, renewed: renewed, seconds: silence.seconds)
            #expect(tell(&election, at, .read(found)) == .rest(.following("other")))
        }
        let last = silence.seen.last.map {
            lease("other", version: $0.version, renewed: $0.renewed, seconds: silence.seconds)
        }
        _ = tell(&election, silence.isTakenAt - 0.001, .due)
        #expect(tell(&election, silence.isTakenAt - 0.001, .read(last)) == .rest(.following("other")))
        _ = tell(&election, silence.isTakenAt, .due)
        #expect(stored(tell(&election, silence.isTakenAt, .read(last)), version: 20).spec.holderIdentity == "me")
    }

    @Test(arguments: [Int64(-300_000_000), 300_000_000])
    func `this machine's wall clock may jump by years: a candidate waits as long, a leader leads on`(jump: Int64) {
        let jumped = Timestamp(seconds: noon.seconds + jump)
        var candidate = candidate()
        _ = candidate.step(.due, at: .seconds(0), wallTime: noon)
        _ = candidate.step(.read(lease("other")), at: .seconds(0), wallTime: noon)
        _ = candidate.step(.due, at: .seconds(2), wallTime: jumped)
        #expect(
            candidate.step(.read(lease("other")), at: .seconds(2), wallTime: jumped) == .rest(.following("other"))
        )
        _ = candidate.step(.due, at: .seconds(15), wallTime: jumped)
        let taking = candidate.step(.read(lease("other")), at: .seconds(15), wallTime: jumped)
        #expect(stored(taking, version: 20).spec.holderIdentity == "me")

        var leader = leader()
        let renewal = leader.step(.due, at: .seconds(2), wallTime: jumped)
        _ = leader.step(.stored(stored(renewal, version: 12)), at: .seconds(2), wallTime: jumped)
        #expect(leader.term?.renewed == .seconds(2))
    }

    @Test func `a renewal is one update of what was stored last`() {
        var election = leader()
        let step = tell(&election, 2, .due)
        guard case .update(let renewal) = step else { return #expect(Bool(false), "\(step)") }
        #expect(renewal.metadata.resourceVersion == "11")
        let answer = stored(step, version: 12)
        // The answer came at 6 s, but the renewal counts from 2 s, and the epoch stays.
        #expect(
            tell(&election, 6, .stored(answer))
                == .rest(.leading(Election.Term(lease: answer, renewed: .seconds(2), epoch: 11)))
        )
    }

    @Test(arguments: [true, false])
    func `after a failed renewal the leader looks and renews what it finds`(isRefused: Bool) {
        var election = leader()
        _ = tell(&election, 2, .due)
        #expect(tell(&election, 3, isRefused ? .refused : .failed("reset")) == .read)
        var found = lease("me", version: 30, transitions: 0)
        found.metadata.annotations = ["seen": "by people"]
        let step = tell(&election, 4, .read(found))
        let answer = stored(step, version: 31)
        #expect(answer.metadata.annotations == ["seen": "by people"])
        #expect(
            tell(&election, 5, .stored(answer))
                == .rest(.leading(Election.Term(lease: answer, renewed: .seconds(4), epoch: 11)))
        )
    }

    @Test func `a leader that cannot renew leads until the deadline and not longer`() {
        var election = leader()
        for time in [2.0, 4, 6, 8] {
            _ = tell(&election, time, .due)
            #expect(tell(&election, time, .failed("no route")) == .read)
            #expect(tell(&election, time, .failed("no route")) == .rest(.undecided("no route")))
        }
        #expect(tell(&election, 10, .due) == .rest(.lost(.deadlinePassed(sinceRenewal: .seconds(10)))))
        #expect(election.term == nil)
    }

    @Test func `a success that arrives after the deadline comes too late`() {
        var election = leader()
        let step = tell(&election, 2, .due)
        let answer = stored(step, version: 12)
        #expect(
            tell(&election, 10, .stored(answer)) == .rest(.lost(.deadlinePassed(sinceRenewal: .seconds(10))))
        )
    }

    @Test func `a leader that finds another holder has lost`() {
        var election = leader()
        _ = tell(&election, 2, .due)
        _ = tell(&election, 2, .refused)
        #expect(tell(&election, 2, .read(lease("other"))) == .rest(.lost(.takenOver(by: "other"))))
    }

    @Test func `a leader whose lease was cleared or deleted takes it again, under a new epoch`() {
        for found in [nil, lease(nil, version: 40, transitions: 0)] {
            var election = leader()
            _ = tell(&election, 2, .due)
            _ = tell(&election, 2, .refused)
            let answer = stored(tell(&election, 2, .read(found)), version: 41, uid: "u2")
            #expect(answer.spec.holderIdentity == "me")
            #expect(tell(&election, 2, .stored(answer)).term?.epoch == 41)
        }
    }

    @Test func `a renewal that creates the lease, since it was deleted, begins a new epoch`() {
        var election = leader()
        let answer = stored(tell(&election, 2, .due), version: 12, uid: "u2")
        #expect(tell(&election, 2, .stored(answer)).term?.epoch == 12)
    }

    @Test func `a deleted lease is not free before its holder, who does not know, has stopped`() {
        var election = candidate()
        _ = tell(&election, 0, .due)
        _ = tell(&election, 0, .read(lease("other", seconds: 3600)))
        _ = tell(&election, 14.9, .due)
        #expect(tell(&election, 14.9, .read(nil)) == .rest(.following("other")))
        _ = tell(&election, 15, .due)
        #expect(stored(tell(&election, 15, .read(nil)), version: 50).spec.holderIdentity == "me")
    }

    @Test func `a lease deleted after it was released is free`() {
        var election = candidate()
        _ = tell(&election, 0, .due)
        _ = tell(&election, 0, .read(lease("other")))
        _ = tell(&election, 1, .due)
        _ = tell(&election, 1, .read(lease(nil, version: 8)))
        _ = tell(&election, 1, .refused)
        _ = tell(&election, 2, .due)
        #expect(stored(tell(&election, 2, .read(nil)), version: 9).spec.holderIdentity == "me")
    }

    @Test func `a write that was stored though its answer was lost is found and made sure of`() {
        var election = candidate()
        _ = tell(&election, 0, .due)
        let lost = stored(tell(&election, 0, .read(nil)), version: 11)
        #expect(tell(&election, 5, .failed("timed out")) == .rest(.undecided("timed out")))
        _ = tell(&election, 7, .due)
        let again = stored(tell(&election, 7, .read(lost)), version: 12)
        #expect(tell(&election, 7, .stored(again)).term?.renewed == .seconds(7))
    }

    @Test func `versions that are no numbers leave the transitions as epoch, from 1`() {
        var election = candidate()
        _ = tell(&election, 0, .due)
        var answer = stored(tell(&election, 0, .read(nil)), version: 1)
        answer.metadata.resourceVersion = "v-a"
        #expect(tell(&election, 0, .stored(answer)).term?.epoch == 1)
    }

    @Test func `releasing clears the holder and keeps the count, and only of its own lease`() throws {
        #expect(Election.releasing(lease("other"), heldBy: "me", wallTime: noon) == nil)
        #expect(Election.releasing(lease(nil), heldBy: "me", wallTime: noon) == nil)
        let released = try #require(Election.releasing(lease("me"), heldBy: "me", wallTime: noon))
        #expect(released.spec.holderIdentity == nil)
        #expect(released.spec.leaseDurationSeconds == 1)
        #expect(released.spec.leaseTransitions == 3)
        #expect(released.metadata.resourceVersion == "7")
    }
}

extension Election.Step {
    fileprivate var term: Election.Term? {
        if case .rest(.leading(let term)) = self { term } else { nil }
    }
}
