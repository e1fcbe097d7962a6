import Testing

@testable import Workflows

@Suite struct AdmissionQueueTests {
    private func queue(_ entries: [(id: String, namespace: String, priority: Int)]) -> AdmissionQueue<String> {
        var queue = AdmissionQueue<String>()
        for entry in entries {
            queue.add(entry.id, id: entry.id, namespace: entry.namespace, priority: entry.priority, isRecovery: false)
        }
        return queue
    }

    private func drain(_ queue: inout AdmissionQueue<String>, active: [String: Int] = [:]) -> [String] {
        var order: [String] = []
        while let next = queue.next(active: active) { order.append(next) }
        return order
    }

    @Test func `who came first is first`() {
        var queue = queue([("a", "x", 0), ("b", "x", 0), ("c", "x", 0)])
        #expect(drain(&queue) == ["a", "b", "c"])
        #expect(queue.next(active: [:]) == nil)
    }

    @Test func `a higher priority goes first`() {
        var queue = queue([("a", "x", 0), ("b", "x", 5), ("c", "x", -1), ("d", "x", 5)])
        #expect(drain(&queue) == ["b", "d", "a", "c"])
    }

    @Test func `of equal priorities the namespace with the fewest running goes first`() {
        var queue = queue([("a1", "a", 0), ("a2", "a", 0), ("b1", "b", 0), ("c1", "c", 0)])
        var active = ["a": 2, "b": 1]
        var order: [String] = []
        while let next = queue.next(active: active) {
            order.append(next)
            active[String(next.prefix(1)), default: 0] += 1
        }
        #expect(order == ["c1", "b1", "a1", "a2"])
    }

    @Test func `one namespace with a thousand processes does not hold up another one`() {
        var queue = queue((0..<1000).map { ("a\($0)", "a", 0) } + [("b", "b", 0)])
        #expect(queue.next(active: ["a": 10]) == "b")
    }

    @Test func `every tenth turn goes to the oldest, so that nobody waits for ever`() {
        var queue = queue([("old", "x", -5)])
        var turns = 0
        var next = ""
        while next != "old", turns < 100 {
            turns += 1
            queue.add("new\(turns)", id: "new\(turns)", namespace: "y", priority: 9, isRecovery: false)
            next = queue.next(active: [:]) ?? ""
        }
        #expect(turns == 10)
    }

    @Test func `what has run before goes before everything else, and does not count as new`() {
        var queue = queue([("a", "x", 9)])
        queue.add("r", id: "r", namespace: "x", priority: -9, isRecovery: true)
        #expect(queue.count == 2)
        #expect(queue.newCount == 1)
        #expect(queue.next(active: ["x": 100]) == "r")
        #expect(queue.newCount == 1)
        #expect(queue.next(active: [:]) == "a")
        #expect(queue.newCount == 0)
    }

    @Test func `a certain one can be taken out`() {
        var queue = queue([("a", "x", 0), ("b", "x", 0)])
        #expect(queue.remove(id: "a") == "a")
        #expect(queue.remove(id: "a") == nil)
        #expect(queue.count == 1)
        #expect(queue.newCount == 1)
        #expect(drain(&queue) == ["b"])
    }
}
