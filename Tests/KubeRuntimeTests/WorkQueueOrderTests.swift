import Testing

@testable import KubeRuntime

/// Which of the ready keys comes next, without clock or tasks.
@Suite(.timeLimit(.minutes(4))) struct WorkQueueOrderTests {
    private func takeAll(_ order: inout ReadyOrder) -> [Int] {
        var taken: [Int] = []
        while let slot = order.take() { taken.append(slot) }
        return taken
    }

    @Test func `the most urgent come first, equals in the order of their arrival`() {
        var order = ReadyOrder()
        for (slot, priority) in [Priority.low, .normal, .high, .normal, .high, .low].enumerated() {
            order.insert(slot, priority, group: "")
        }
        #expect(takeAll(&order) == [2, 4, 1, 3, 0, 5])
    }

    @Test func `a key that is raised comes before those of its new priority that arrived later`() {
        var order = ReadyOrder()
        order.insert(0, .low, group: "")
        order.insert(1, .normal, group: "")
        order.insert(2, .low, group: "")
        order.raise(0, to: .normal)
        #expect(takeAll(&order) == [0, 1, 2])
    }

    @Test func `the only key of a namespace waits for a few of another's ten thousand`() {
        var order = ReadyOrder()
        for slot in 0..<10_000 { order.insert(slot, .normal, group: "flood") }
        for _ in 0..<77 { _ = order.take() }
        order.insert(10_000, .normal, group: "quiet")
        var waited = 0
        while order.take() != 10_000 { waited += 1 }
        #expect(waited <= 2)
    }

    @Test func `groups take turns, and one that is refilled at once gets no more than its turn`() {
        var order = ReadyOrder()
        var groups: [Int: String] = [:]
        for (slot, group) in ["a", "a", "a", "b", "b", "b", "c"].enumerated() {
            groups[slot] = group
            order.insert(slot, .normal, group: group)
        }
        var turns: [String] = []
        for _ in 0..<9 {
            guard let slot = order.take(), let group = groups[slot] else { break }
            turns.append(group)
            if group == "c" { order.insert(slot, .normal, group: "c") }
        }
        #expect(turns == ["a", "b", "c", "a", "b", "c", "a", "b", "c"])
    }

    @Test func `an urgent key of one namespace comes before ordinary ones of others`() {
        var order = ReadyOrder()
        order.insert(0, .normal, group: "a")
        order.insert(1, .normal, group: "b")
        order.insert(2, .high, group: "b")
        #expect(takeAll(&order) == [2, 0, 1])
    }

    @Test(arguments: [0, 1, 7])
    func `low priority under steady load waits ten hand-outs for each key before it, and itself`(before: Int) {
        var order = ReadyOrder()
        for slot in 0...before { order.insert(slot, .low, group: "resync") }
        var next = before + 1
        var handOuts = 0
        while true {
            // Always a more urgent key at hand.
            order.insert(next, .normal, group: "\(next % 3)")
            next += 1
            handOuts += 1
            if order.take() == before { break }
        }
        #expect(handOuts == 10 * (before + 1))
    }

    @Test func `a flood of low priority, however old, costs the urgent a tenth and no more`() {
        var order = ReadyOrder()
        for slot in 0..<1000 { order.insert(slot, .low, group: "resync") }
        var urgent = 0
        for slot in 1000..<1100 {
            order.insert(slot, .normal, group: "live")
            if let taken = order.take(), taken >= 1000 { urgent += 1 }
        }
        #expect(urgent == 90)
    }
}
