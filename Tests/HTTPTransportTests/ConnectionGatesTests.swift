import Testing

@testable import HTTPTransport

struct ConnectionGatesTests {
    let gate = GateUnderTest()

    @Test func `the first goes ahead, others wait until it has a connection`() {
        #expect(gate.arrive(1))
        #expect(!gate.arrive(2))
        #expect(!gate.arrive(3))
        #expect(gate.users == 1)
        #expect(gate.hasConnection(1) == [2, 3])
        #expect(gate.users == 3)
        #expect(gate.arrive(4))
        #expect(gate.hasConnection(2) == [])
    }

    @Test func `other hosts and generations have other gates`() {
        #expect(gate.arrive(1))
        #expect(gate.arrive(2, origin: "https://b"))
        #expect(gate.arrive(3, generation: 1))
    }

    @Test func `a leader that goes is followed by the next, one at a time`() {
        for number in 1...4 { _ = gate.arrive(number) }
        #expect(gate.leave(1) == 2)
        #expect(gate.users == 1)
        #expect(gate.leave(3) == nil)
        #expect(gate.leave(2) == 4)
        #expect(gate.leave(4) == nil)
        #expect(gate.users == 0)
        #expect(gate.arrive(5))
        #expect(!gate.arrive(6))
    }

    @Test func `followers are those who wait for a leader`() {
        for number in 1...3 { _ = gate.arrive(number) }
        #expect(gate.followers(of: 1) == [2, 3])
        #expect(gate.followers(of: 2) == [])
        for follower in [2, 3, 1] { #expect(gate.leave(follower) == nil) }
        #expect(gate.users == 0)
    }

    @Test func `a user without a connection makes others wait again`() {
        #expect(gate.arrive(1))
        #expect(gate.hasConnection(1) == [])
        #expect(gate.arrive(2))
        gate.isConnecting(2)
        #expect(!gate.arrive(3))
        #expect(gate.leave(1) == nil)
        #expect(gate.hasConnection(2) == [3])
        #expect(gate.users == 2)
    }

    @Test func `whatever happens, everybody gets in once, and nobody waits for nobody`() {
        for _ in 0..<500 {
            let gate = GateUnderTest()
            var inside: Set<Int> = []
            var waiting: Set<Int> = []
            var connected: Set<Int> = []
            func enter(_ admitted: [Int]) {
                for number in admitted {
                    #expect(waiting.remove(number) != nil)
                    #expect(inside.insert(number).inserted)
                }
            }
            for number in 0..<60 {
                switch Int.random(in: 0..<4) {
                case 0, 1:
                    if gate.arrive(number) { inside.insert(number) } else { waiting.insert(number) }
                case 2:
                    guard let one = inside.subtracting(connected).randomElement() else { continue }
                    connected.insert(one)
                    enter(gate.hasConnection(one))
                default:
                    guard let one = inside.union(waiting).randomElement() else { continue }
                    inside.remove(one)
                    waiting.remove(one)
                    enter(gate.leave(one).map { [$0] } ?? [])
                }
                #expect(gate.users == inside.count)
                #expect(waiting.isEmpty || !inside.subtracting(connected).isEmpty)
            }
        }
    }
}

/// The gates, with plain numbers, and with one host and generation unless told otherwise.
final class GateUnderTest {
    private var gates = ConnectionGates()

    private func key(_ origin: String = "https://a", _ generation: Int = 0) -> ConnectionGates.Key {
        ConnectionGates.Key(origin: origin, generation: generation)
    }

    private func id(_ number: Int) -> TransferID { TransferID(number: UInt64(number)) }

    var users: Int { gates.users(at: key()) }

    func arrive(_ number: Int, origin: String = "https://a", generation: Int = 0) -> Bool {
        gates.arrive(id(number), at: key(origin, generation))
    }

    func isConnecting(_ number: Int) {
        gates.isConnecting(id(number), at: key())
    }

    func hasConnection(_ number: Int) -> [Int] {
        gates.hasConnection(id(number), at: key()).map { Int($0.number) }
    }

    func followers(of number: Int) -> [Int] {
        gates.followers(of: id(number), at: key()).map { Int($0.number) }
    }

    func leave(_ number: Int) -> Int? {
        gates.leave(id(number), at: key()).map { Int($0.number) }
    }
}
