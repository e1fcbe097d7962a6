import JSON
import KubeClient
import Logging
import MetricsTestKit
import Synchronization
import TestEnvironment
import Testing

@testable import KubeRuntime

/// Whole electors over a lease in memory and a clock moved by hand: lease 15 s, renew deadline 10 s, retry 2 s.
/// Candidates pause exactly 2 s.
@Suite(.timeLimit(.minutes(4))) struct LeaderElectorTests {
    private let server = LeaseServer()
    private let metrics = TestMetrics()
    private let clock: ManualClock
    private let beginning: ManualClock.Instant

    init() {
        clock = ManualClock()
        beginning = clock.now
    }

    private func elector(
        _ identity: String,
        drainLimit: Duration = .seconds(30)
    ) -> LeaderElector {
        LeaderElector(
            storage: server,
            lease: ObjectKey(namespace: "gis", name: "honua"),
            identity: identity,
            timing: .default,
            drainLimit: drainLimit,
            clock: clock,
            chance: { 0 },
            metrics: metrics,
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        )
    }

    /// Work that goes on until it is cancelled and then until `finish`; what it sees is awaited.
    private final class Work: Sendable {
        private let begun = ElectionSignal()
        private let cancelled = ElectionSignal()
        private let finished = ElectionSignal()
        private let state = Mutex<(gate: LeaseGate?, wasOpenWhenCancelled: Bool?)>((nil, nil))

        @Sendable func callAsFunction(_ gate: LeaseGate) async {
            state.withLock { $0.gate = gate }
            begun.happen()
            await withTaskCancellationHandler {
                await ElectionSignal().wait()
            } onCancel: {
                state.withLock { $0.wasOpenWhenCancelled = gate.isOpen }
                cancelled.happen()
            }
            // Not ended by cancellation.
            await Task { await finished.wait() }.value
        }

        func gate() async throws -> LeaseGate {
            await begun.wait()
            return try #require(state.withLock { $0.gate })
        }

        /// Waits for the cancellation; says whether the gate was open then.
        func wasOpenWhenCancelled() async -> Bool? {
            await cancelled.wait()
            return state.withLock { $0.wasOpenWhenCancelled }
        }

        func finish() { finished.happen() }
    }

    private func start(_ elector: LeaderElector, _ work: Work) -> Task<LeaderElector.Ending, any Error> {
        Task { try await elector.run(whileLeading: work.callAsFunction) }
    }

    /// From one sleep of the elector to the next.
    private func advance(to time: Int, thenAsleepUntil next: Int) async {
        advance(to: time)
        await clock.sleeper(until: .seconds(next))
    }

    private func advance(to time: Int) { clock.advance(by: .seconds(time) - passed) }

    private var passed: Duration { beginning.duration(to: clock.now) }

    @Test func `a leader renews every two seconds by one request, and gives the lease back when its work is done`()
        async throws
    {
        let (elector, work) = (elector("a"), Work())
        let running = start(elector, work)
        let gate = try await work.gate()
        #expect(gate.epoch == 101)
        #expect(elector.isLeader)
        await clock.sleeper(until: .seconds(2))
        await advance(to: 2, thenAsleepUntil: 4)
        await advance(to: 4, thenAsleepUntil: 6)
        #expect(server.requests == [.read, .create, .update, .update])
        #expect(server.lease?.spec.holderIdentity == "a")
        running.cancel()
        work.finish()
        #expect(try await running.value == .released)
        #expect(server.lease?.spec.holder == nil)
        #expect(!gate.isOpen)
        #expect(!elector.isLeader)
    }

    @Test func `without an API server the gate shuts at the deadline, and then the work is cancelled`() async throws {
        let (elector, work) = (elector("a"), Work())
        let running = start(elector, work)
        let gate = try await work.gate()
        await clock.sleeper(until: .seconds(2))
        server.behave(.failing)
        for time in [2, 4, 6, 8] { await advance(to: time, thenAsleepUntil: time + 2) }
        clock.advance(by: .milliseconds(1999))
        #expect(gate.isOpen)
        clock.advance(by: .milliseconds(1))
        #expect(!gate.isOpen)
        #expect(await work.wasOpenWhenCancelled() == false)
        work.finish()
        #expect(try await running.value == .lost(.deadlinePassed(sinceRenewal: .seconds(10))))
        // The lease is left to expire: another may have taken it.
        #expect(server.lease?.spec.holderIdentity == "a")
    }

    @Test func `requests without an answer do not outlast the deadline`() async throws {
        let (elector, work) = (elector("a"), Work())
        let running = start(elector, work)
        _ = try await work.gate()
        await clock.sleeper(until: .seconds(2))
        server.behave(.silent)
        // The renewal has 5 s, then the look has what is left.
        await advance(to: 2, thenAsleepUntil: 7)
        await advance(to: 7, thenAsleepUntil: 10)
        advance(to: 10)
        work.finish()
        #expect(try await running.value == .lost(.deadlinePassed(sinceRenewal: .seconds(10))))
    }

    @Test func `a renewal counts from when it was sent, not from when its answer came`() async throws {
        let (elector, work) = (elector("a"), Work())
        let running = start(elector, work)
        let gate = try await work.gate()
        await clock.sleeper(until: .seconds(2))
        server.behave(.slow)
        await advance(to: 2, thenAsleepUntil: 7)
        advance(to: 6)
        server.behave(.normal)
        await clock.sleeper(until: .seconds(8))
        #expect(gate.timeLeft == .seconds(2 + 15 - 6))
        server.behave(.failing)
        await advance(to: 8, thenAsleepUntil: 10)
        await advance(to: 10, thenAsleepUntil: 12)
        #expect(gate.isOpen)
        advance(to: 12)
        #expect(!gate.isOpen)
        work.finish()
        #expect(try await running.value == .lost(.deadlinePassed(sinceRenewal: .seconds(10))))
    }

    @Test func `a process that was stopped finds the gate shut before any of its tasks has run`() async throws {
        let (elector, work) = (elector("a"), Work())
        let running = start(elector, work)
        let gate = try await work.gate()
        await clock.sleeper(until: .seconds(2))
        clock.advance(by: .seconds(3600))
        #expect(!gate.isOpen)
        #expect(gate.timeLeft == .zero)
        let refusal = #expect(throws: LeaseGate.Shut.self) { try gate.requireOpen("patch") }
        #expect(
            refusal?.description == "patch was not sent: lease gis/honua was last renewed 3600.0 seconds ago, and "
                + "writing ends 10.0 seconds after a renewal"
        )
        work.finish()
        #expect(try await running.value == .lost(.deadlinePassed(sinceRenewal: .seconds(3600))))
    }

    @Test func `the lease is renewed while the work drains, and given back only then`() async throws {
        let (elector, work) = (elector("a"), Work())
        let running = start(elector, work)
        let gate = try await work.gate()
        await clock.sleeper(until: .seconds(2))
        running.cancel()
        // What is begun may be finished: writing goes on until the work returns.
        #expect(await work.wasOpenWhenCancelled() == true)
        for time in stride(from: 2, through: 20, by: 2) { await advance(to: time, thenAsleepUntil: time + 2) }
        #expect(gate.isOpen)
        #expect(server.lease?.spec.holderIdentity == "a")
        work.finish()
        #expect(try await running.value == .released)
        #expect(server.lease?.spec.holder == nil)
    }

    @Test func `work that does not drain keeps the lease from everybody, behind a shut gate`() async throws {
        let (elector, work) = (elector("a", drainLimit: .seconds(3)), Work())
        let running = start(elector, work)
        let gate = try await work.gate()
        await clock.sleeper(until: .seconds(2))
        running.cancel()
        await clock.sleeper(until: .seconds(3))
        await advance(to: 2, thenAsleepUntil: 4)
        advance(to: 3)
        #expect(try await running.value == .undrained)
        #expect(!gate.isOpen)
        #expect(server.lease?.spec.holderIdentity == "a")
        work.finish()
    }

    @Test func `work that fails gives the lease back before its error is thrown`() async throws {
        struct Broken: Error {}
        let elector = elector("a")
        await #expect(throws: Broken.self) { try await elector.run { _ in throw Broken() } }
        #expect(server.lease?.spec.leaseDurationSeconds == 1)
        #expect(server.lease?.spec.holder == nil)
    }

    @Test func `giving back goes on through conflicts, and ends with the renew deadline`() async throws {
        server.interfere(3)
        #expect(try await elector("a").run { _ in } == .released)
        #expect(server.lease?.spec.holder == nil)
        #expect(server.requests.count { $0 == .update } == 4)

        let running = Task { [server] in try await elector("b").run { _ in server.behave(.failing) } }
        // Taken by an update, given back beginning with a read.
        try await eventually { server.requests.suffix(2) == [.update, .read] }
        for time in [2, 4, 6, 8, 10] {
            await clock.sleeper(until: .seconds(time))
            advance(to: time)
        }
        #expect(try await running.value == .released)
        #expect(server.lease?.spec.holder == "b")
    }

    @Test func `the next candidate leads soon after a release, under a greater epoch`() async throws {
        let (first, second, workA, workB) = (elector("a"), elector("b"), Work(), Work())
        let runningA = start(first, workA)
        let gateA = try await workA.gate()
        let runningB = start(second, workB)
        var leaders = second.leaders.makeAsyncIterator()
        while let leader = await leaders.next(), leader != "a" {}
        await clock.sleepers(2)
        runningA.cancel()
        workA.finish()
        #expect(try await runningA.value == .released)
        await clock.sleeper(until: .seconds(2))
        advance(to: 2)
        let gateB = try await workB.gate()
        #expect(gateB.epoch > gateA.epoch)
        #expect(server.lease?.spec.leaseTransitions == 1)
        #expect(await leaders.next() == "b")
        #expect(second.leader == "b")
        runningB.cancel()
        workB.finish()
        #expect(try await runningB.value == .released)
    }

    @Test func `a leader makes a deleted lease anew and goes on under a greater epoch`() async throws {
        let (elector, work) = (elector("a"), Work())
        let running = start(elector, work)
        let gate = try await work.gate()
        let before = gate.epoch
        await clock.sleeper(until: .seconds(2))
        server.edit { $0 = nil }
        await advance(to: 2, thenAsleepUntil: 4)
        #expect(gate.epoch > before)
        #expect(gate.isOpen)
        #expect(server.lease?.spec.holderIdentity == "a")
        running.cancel()
        work.finish()
        #expect(try await running.value == .released)
    }

    @Test func `a leader whose lease somebody else holds shuts the gate at the next renewal`() async throws {
        let (elector, work) = (elector("a"), Work())
        let running = start(elector, work)
        _ = try await work.gate()
        await clock.sleeper(until: .seconds(2))
        server.edit { $0?.spec.holderIdentity = "b" }
        advance(to: 2)
        #expect(await work.wasOpenWhenCancelled() == false)
        work.finish()
        #expect(try await running.value == .lost(.takenOver(by: "b")))
        #expect(server.lease?.spec.holderIdentity == "b")
    }

    @Test func `a candidate that is cancelled never leads, also when the server is silent`() async throws {
        server.behave(.silent)
        let work = Work()
        let running = start(elector("a"), work)
        await clock.sleeper(until: .seconds(5))
        running.cancel()
        #expect(try await running.value == .neverLed)
    }

    @Test func `a lease won while being told to stop is given back without work`() async throws {
        server.behave(.slow)
        let work = Work()
        let running = start(elector("a"), work)
        await clock.sleepers(1)
        server.behave(.slow)
        try await eventually { server.requests == [.read, .create] }
        running.cancel()
        server.behave(.normal)
        #expect(try await running.value == .neverLed)
        #expect(server.lease?.spec.holder == nil)
        #expect(server.lease != nil)
    }

    @Test func `leading and renewals that take a second request are counted`() async throws {
        let (elector, work) = (elector("a"), Work())
        #expect(try metrics.expectMeter("leader_election_master_status", [("name", "honua")]).lastValue == 0)
        let running = start(elector, work)
        _ = try await work.gate()
        #expect(try metrics.expectMeter("leader_election_master_status", [("name", "honua")]).lastValue == 1)
        await clock.sleeper(until: .seconds(2))
        await advance(to: 2, thenAsleepUntil: 4)
        server.interfere(1)
        await advance(to: 4, thenAsleepUntil: 6)
        #expect(try metrics.expectCounter("leader_election_slowpath_total", [("name", "honua")]).totalValue == 1)
        running.cancel()
        work.finish()
        #expect(try await running.value == .released)
        #expect(try metrics.expectMeter("leader_election_master_status", [("name", "honua")]).lastValue == 0)
    }

    @Test func `an elector is itself a gate, which is shut between its terms`() async throws {
        let (elector, work) = (elector("a"), Work())
        #expect(elector.timeLeft == .zero)
        #expect(elector.epoch == 0)
        let running = start(elector, work)
        let gate = try await work.gate()
        #expect(elector.timeLeft == .seconds(15))
        #expect(elector.epoch == gate.epoch)
        running.cancel()
        work.finish()
        #expect(try await running.value == .released)
        #expect(elector.timeLeft == .zero)
    }

    @Test func `who waits for a signal and is cancelled leaves nothing behind`() async throws {
        let signal = ElectionSignal()
        let waiting = Task { await signal.wait() }
        try await eventually { signal.waiterCount == 1 }
        waiting.cancel()
        await waiting.value
        #expect(signal.waiterCount == 0)
        #expect(!signal.hasHappened)
        signal.happen()
        await signal.wait()
    }
}
