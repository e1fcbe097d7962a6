import JSON
import Logging
import Synchronization
import TestClock
import Testing

@testable import Workflows

@Suite struct LiveReplicasTests {
    private func beat(_ replica: String, _ counter: Int, of incarnation: String = "1") -> Heartbeat {
        Heartbeat(replica: replica, incarnation: incarnation, counter: counter, freeSlots: 1)
    }

    private func names(_ replicas: LiveReplicas, at second: Int) -> [String] {
        replicas.alive(at: .seconds(second)).map(\.replica)
    }

    @Test func `a replica is alive while its counter changes, and dead twelve seconds after`() {
        var replicas = LiveReplicas()
        for second in stride(from: 0, through: 30, by: 3) {
            // b stops at second 9.
            replicas.observe([beat("a", second), beat("b", min(second, 9))], at: .seconds(second))
            #expect(names(replicas, at: second) == (second < 21 ? ["a", "b"] : ["a"]), "\(second)")
        }
    }

    @Test func `a replica that has said goodbye is gone at once, one whose heartbeat is missing is silent`() {
        var replicas = LiveReplicas()
        replicas.observe([beat("a", 1), beat("b", 1), beat("c", 1)], at: .zero)
        var goodbye = beat("b", 2)
        goodbye.hasLeft = true
        replicas.observe([beat("a", 2), goodbye], at: .seconds(3))
        #expect(names(replicas, at: 3) == ["a", "c"])
        #expect(!replicas.isSilent("b", at: .seconds(20)), "it said goodbye, and is not waited for")
        #expect(!replicas.isSilent("c", at: .seconds(11)))
        #expect(replicas.isSilent("c", at: .seconds(12)))
    }

    @Test func `after an outage of the store nobody looks dead`() {
        var replicas = LiveReplicas()
        replicas.observe([beat("a", 1), beat("b", 1)], at: .zero)
        replicas.observe([beat("a", 1), beat("b", 1)], at: .seconds(60))
        #expect(names(replicas, at: 60) == ["a", "b"])
        #expect(names(replicas, at: 71) == ["a", "b"])
        replicas.observe([beat("a", 2), beat("b", 1)], at: .seconds(66))
        replicas.observe([beat("a", 3), beat("b", 1)], at: .seconds(72))
        #expect(names(replicas, at: 72) == ["a"])
    }

    @Test func `a program that starts under the name of a dead one is alive, whatever its counter`() {
        var replicas = LiveReplicas()
        replicas.observe([beat("a", 5)], at: .zero)
        replicas.observe([beat("a", 5, of: "2")], at: .seconds(6))
        #expect(names(replicas, at: 17) == ["a"])
    }

    @Test func `a replica whose counter begins anew has started again`() {
        var replicas = LiveReplicas()
        replicas.observe([beat("a", 1000)], at: .zero)
        replicas.observe([beat("a", 1)], at: .seconds(3))
        #expect(names(replicas, at: 14) == ["a"])
    }
}

@Suite struct PlacementTests {
    private let replicas = ["honua-0", "honua-1", "honua-2", "honua-3"]
    private let processes = (0..<4000).map { "process-\($0)" }

    @Test func `processes are spread evenly`() {
        let owners = processes.compactMap { Placement.owner(of: $0, among: replicas) }
        for replica in replicas {
            let share = owners.count { $0 == replica }
            #expect((850...1150).contains(share), "\(replica): \(share)")
        }
    }

    @Test func `when a replica goes only its processes move, and they are spread over the others`() {
        let fewer = Array(replicas.dropLast())
        var moved: [String: Int] = [:]
        for process in processes {
            let (before, after) = (
                Placement.owner(of: process, among: replicas), Placement.owner(of: process, among: fewer)
            )
            guard before != after else { continue }
            #expect(before == "honua-3")
            moved[after ?? "", default: 0] += 1
            #expect(Placement.ranking(of: process, among: replicas)[1] == after)
        }
        #expect(moved.count == 3)
        #expect(moved.values.allSatisfy { $0 > 200 })
    }

    @Test func `the answer does not depend on the order in which the replicas are named, nor on the process that asks`()
    {
        for process in processes.prefix(100) {
            #expect(
                Placement.owner(of: process, among: replicas)
                    == Placement.owner(of: process, among: replicas.reversed())
            )
        }
        // Replicas of different releases must agree.
        #expect(Placement.ranking(of: "p", among: ["c", "b", "a"]) == ["a", "b", "c"])
        #expect(Placement.owner(of: "p", among: []) == nil)
    }
}

@Suite(.timeLimit(.minutes(4))) struct OwnershipGateTests {
    private let clock = ManualClock()
    private let gate: OwnershipGate

    init() { gate = OwnershipGate(time: TimeSource(clock)) }

    @Test func `the gate is open for eight seconds after a confirmed heartbeat was sent`() {
        #expect(!gate.isOpen)
        clock.advance(by: .seconds(2))
        gate.confirm(sentAt: .zero)
        #expect(gate.isOpen)
        clock.advance(by: .milliseconds(5_999))
        #expect(gate.isOpen)
        clock.advance(by: .milliseconds(1))
        #expect(!gate.isOpen)
    }

    @Test func `a late confirmation of an early heartbeat does not shorten a later one`() {
        gate.confirm(sentAt: .seconds(5))
        gate.confirm(sentAt: .zero)
        clock.advance(by: .seconds(12))
        #expect(gate.isOpen)
    }

    @Test func `who comes to an open gate does not wait`() async throws {
        gate.confirm(sentAt: .zero)
        #expect(try await !gate.pass())
    }

    @Test func `who waited at the gate is told so, and an old confirmation does not open it`() async throws {
        clock.advance(by: .seconds(100))
        async let hasWaited = gate.pass()
        gate.confirm(sentAt: .seconds(1))
        #expect(!gate.isOpen)
        gate.confirm(sentAt: .seconds(99))
        // Either it came after the confirmation, or it waited for it.
        _ = try await hasWaited
        #expect(gate.isOpen)
    }

    @Test func `who waits can be cancelled`() async {
        let waiting = Task { try await gate.pass() }
        waiting.cancel()
        await #expect(throws: CancellationError.self) { _ = try await waiting.value }
    }

    @Test func `a gate that is shut stays shut until the next heartbeat`() {
        gate.confirm(sentAt: .zero)
        gate.shut()
        #expect(!gate.isOpen)
    }
}

@Suite(.timeLimit(.minutes(4))) struct MembershipTests {
    private let clock = ManualClock()
    private let store: InMemoryDocumentStore

    init() { store = InMemoryDocumentStore(time: TimeSource(clock)) }

    private func member(_ name: String, _ tick: AsyncStream<Void>.Continuation? = nil) -> Membership {
        Membership(
            replica: name,
            store: store,
            time: TimeSource(clock),
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() },
            onChange: { _ in tick?.yield() }
        )
    }

    /// Lets time pass in steps of a heartbeat; each replica has beaten and looked before the next step.
    private func pass(_ beats: Int, _ running: Int) async {
        for _ in 0..<beats {
            await clock.sleepers(running)
            clock.advance(by: Heartbeat.interval)
        }
        await clock.sleepers(running)
    }

    private func stands(_ member: Membership, _ number: Int) -> Standing {
        member.standing(of: "p\(number)", recordedOwner: nil, hasBegun: true)
    }

    @Test func `replicas find each other, agree on owners, and notice a death`() async {
        let (one, two) = (member("one"), member("two"))
        let first = Task { try await one.run() }
        let second = Task { try await two.run() }
        await pass(2, 2)
        #expect(one.alive == ["one", "two"])
        #expect(two.alive == ["one", "two"])
        #expect(one.gate.isOpen)
        for number in 0..<50 { #expect(stands(one, number) != stands(two, number)) }
        second.cancel()
        _ = await second.result
        await pass(3, 1)
        #expect(one.alive == ["one", "two"], "nine seconds prove nothing")
        await pass(2, 1)
        #expect(one.alive == ["one"])
        #expect(!two.gate.isOpen, "whose effects had stopped before")
        first.cancel()
        _ = await first.result
    }

    @Test func `a goodbye is noticed with the next look`() async {
        let (changes, tick) = AsyncStream<Void>.makeStream()
        let (one, two) = (member("one", tick), member("two"))
        let first = Task { try await one.run() }
        let second = Task { try await two.run() }
        await pass(2, 2)
        second.cancel()
        _ = await second.result
        await two.leave()
        #expect(!two.gate.isOpen)
        await pass(1, 1)
        #expect(one.alive == ["one"])
        first.cancel()
        _ = await first.result
        tick.finish()
        var count = 0
        for await _ in changes { count += 1 }
        #expect(count >= 2, "somebody came, and somebody went")
    }

    @Test func `a replica that has just come is not gone for those that have not seen it yet`() async throws {
        let (one, two) = (member("one"), member("two"))
        try await one.join()
        #expect(try await one.isGone("two"), "it has never beaten")
        try await two.join()
        #expect(one.alive == ["one"], "it has not looked since")
        #expect(try await !one.isGone("two"))
        await two.leave()
        #expect(try await one.isGone("two"))
    }

    @Test func `a replica that was seen and is silent is gone after twelve seconds, whatever is left of it`()
        async throws
    {
        let (one, two) = (member("one"), member("two"))
        try await two.join()
        try await one.join()
        for _ in 0..<4 {
            #expect(try await !one.isGone("two"))
            clock.advance(by: Heartbeat.interval)
            try await one.join()
        }
        #expect(try await one.isGone("two"))
        #expect(store.load(.heartbeat(replica: "two")) != nil)
    }

    @Test func `a replica whose heartbeat or place in the list is lost from the store comes back`() async {
        for lost: [DocumentKey] in [[.heartbeat(replica: "one"), .replicas], [.replicas]] {
            let one = member("one")
            let running = Task { try await one.run() }
            await pass(1, 1)
            store.delete(lost)
            await pass(2, 1)
            #expect(one.alive == ["one"], "after the loss of \(lost)")
            #expect(one.gate.isOpen)
            running.cancel()
            _ = await running.result
        }
    }
}
