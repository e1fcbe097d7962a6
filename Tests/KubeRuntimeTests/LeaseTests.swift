import JSON
import KubeClient
import Testing

@testable import KubeRuntime

@Suite(.timeLimit(.minutes(4))) struct LeaseTests {
    @Test(arguments: [
        (0, "2027-01-15T08:00:00.000000Z"), (999, "2027-01-15T08:00:00.000000Z"),
        (1000, "2027-01-15T08:00:00.000001Z"), (500_000_000, "2027-01-15T08:00:00.500000Z"),
    ])
    func `a micro time always has six digits of fraction`(_ nanoseconds: Int32, _ text: String) throws {
        let time = MicroTime(Timestamp(seconds: 1_800_000_000, nanoseconds: nanoseconds))
        #expect(time.json() == .string(text))
        #expect(try MicroTime(json: time.json()).description == text)
    }

    @Test func `labels, annotations and owners of a lease survive an update`() throws {
        let json: JSONValue = [
            "metadata": [
                "name": "honua", "namespace": "gis", "uid": "u1", "resourceVersion": "7", "labels": ["a": "b"],
                "annotations": ["c": "d"], "finalizers": ["e"],
                "ownerReferences": [["apiVersion": "v1", "kind": "Pod", "name": "p", "uid": "u2"]],
            ],
            "spec": ["holderIdentity": "me", "leaseTransitions": 2],
        ]
        #expect(try Lease(json: json).json() == json)
    }

    @Test(arguments: [
        (15.0, 15.0, 2.0, "must last longer than the renew deadline"), (15, 2.4, 2, "1.2 times the retry period"),
        (15, 10, 0, "above zero"),
    ])
    func `durations that do not fit are refused by their values`(
        _ lease: Double,
        _ renew: Double,
        _ retry: Double,
        _ rule: String
    ) throws {
        let error = try #require(throws: InvalidElectionTiming.self) {
            try ElectionTiming(
                leaseDuration: .seconds(lease),
                renewDeadline: .seconds(renew),
                retryPeriod: .seconds(retry)
            )
        }
        #expect(error.description.contains(rule))
        #expect(error.description.contains("\(Duration.seconds(renew))"))
    }

    @Test func `a request takes half the renew deadline, and one second at least; others wait whole seconds`() throws {
        #expect(ElectionTiming.default.requestTimeout == .seconds(5))
        let short = try ElectionTiming(
            leaseDuration: .seconds(1.5),
            renewDeadline: .seconds(1.2),
            retryPeriod: .milliseconds(100)
        )
        #expect(short.requestTimeout == .seconds(1))
        #expect(short.leaseSeconds == 2)
    }

    @Test func `an identity names the host and is new each time`() {
        #expect(LeaderElector.makeIdentity() != LeaderElector.makeIdentity())
        #expect(LeaderElector.makeIdentity().split(separator: "_").last?.count == 32)
    }
}
