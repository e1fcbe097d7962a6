import Testing

@testable import KubeRuntime

/// Random operations on the queue's state, each compared with a model that follows the rules word by word.
@Suite(.timeLimit(.minutes(4))) struct WorkQueueModelTests {
    @Test func `whatever happens in whatever order, the queue does what its rules say`() {
        for seed in SeededGenerator.randomSeeds(100) {
            var comparison = Comparison(seed: seed)
            let difference = comparison.run(steps: 600)
            #expect(difference == nil, "TEST_SEED=\(seed)")
            guard difference == nil else { break }
        }
    }
}

private struct Instant: InstantProtocol {
    var offset: Duration
    func advanced(by duration: Duration) -> Instant { Instant(offset: offset + duration) }
    func duration(to other: Instant) -> Duration { other.offset - offset }
    static func < (left: Instant, right: Instant) -> Bool { left.offset < right.offset }
}

private struct Comparison {
    private var random: SeededGenerator
    private var state: WorkState<String, Instant>
    private var model = Model()
    private var now = Instant(offset: .zero)
    private var delays = 0
    private let keys = (0..<12).map { "\($0 % 3)/\($0)" }

    init(seed: UInt64) {
        random = SeededGenerator(seed: seed)
        state = WorkState { String($0.prefix(1)) }
    }

    /// - Returns: what differed first, nil when nothing did.
    mutating func run(steps: Int) -> String? {
        for step in 0..<steps {
            let difference = self.step()
            if let difference { return "step \(step): \(difference)" }
            if state.readyCount != model.ready.count { return "step \(step): depth" }
        }
        return nil
    }

    /// No two delays end at the same time, because the order of such keys is left open.
    private mutating func delay() -> Duration {
        delays += 1
        return .seconds(Int.random(in: 1...9, using: &random)) + .microseconds(delays)
    }

    private mutating func step() -> String? {
        let key = keys.randomElement(using: &random) ?? ""
        let priorities: [Priority] = [.low, .normal, .high]
        let priority = priorities.randomElement(using: &random) ?? .normal
        switch Int.random(in: 0..<10, using: &random) {
        case 0...2:
            _ = state.add(key, priority, at: now)
            model.add(key, priority, now)
        case 3:
            let given = Bool.random(using: &random) ? priority : nil
            let time = now.advanced(by: delay())
            state.add(key, given, at: time)
            model.addLater(key, given, time)
        case 4...6:
            let (taken, expected) = (state.take(at: now)?.key, model.take())
            if taken != expected { return "took \(taken ?? "none"), not \(expected ?? "none")" }
        case 7:
            guard let key = model.working.keys.sorted().randomElement(using: &random) else { break }
            if Bool.random(using: &random) {
                let delay = delay()
                state.addAfterFailure(key, at: now) { _ in delay }
                model.fail(key, now.advanced(by: delay))
            } else {
                state.forget(key)
                model.forget(key)
            }
            _ = state.done(key, at: now)
            model.done(key)
        case 8:
            state.forget(key)
            model.forget(key)
        default:
            now = now.advanced(by: .seconds(1))
            _ = state.releaseDue(at: now)
            model.release(now)
        }
        return nil
    }
}

/// The rules, without regard to speed.
private struct Model {
    private struct Later {
        var time: Instant
        var isBackoff: Bool
        var priority: Priority
    }

    private(set) var ready: [(key: String, priority: Priority, arrival: Int)] = []
    private(set) var working: [String: Priority] = [:]
    private var again: [(key: String, priority: Priority)] = []
    private var later: [String: Later] = [:]
    private var turns: [String: Int] = [:]
    private var counter = 0
    private var handOuts = 0

    mutating func add(_ key: String, _ priority: Priority, _ now: Instant) {
        if raise(key, priority) { return }
        var priority = priority
        if let delay = later[key] {
            priority = max(priority, delay.priority)
            later[key]?.priority = priority
            if delay.isBackoff { return }
            later[key] = nil
        }
        want(key, priority)
    }

    mutating func addLater(_ key: String, _ given: Priority?, _ time: Instant) {
        let given = given ?? working[key]
        if raise(key, given ?? Priority(rawValue: .min)) { return }
        if var delay = later[key] {
            if let given { delay.priority = max(delay.priority, given) }
            if !delay.isBackoff { delay.time = min(delay.time, time) }
            later[key] = delay
        } else {
            later[key] = Later(time: time, isBackoff: false, priority: given ?? .normal)
        }
    }

    mutating func fail(_ key: String, _ time: Instant) {
        guard let own = working[key] else { return }
        var priority = own
        if let index = again.firstIndex(where: { $0.key == key }) {
            priority = max(priority, again.remove(at: index).priority)
        }
        if let delay = later[key] {
            later[key]?.priority = max(priority, delay.priority)
            if !delay.isBackoff { later[key]?.time = time }
            later[key]?.isBackoff = true
        } else {
            later[key] = Later(time: time, isBackoff: true, priority: priority)
        }
    }

    mutating func forget(_ key: String) { later[key]?.isBackoff = false }

    mutating func take() -> String? {
        guard !ready.isEmpty else { return nil }
        handOuts += 1
        let index: Int?
        if handOuts % 10 == 0 {
            index = ready.indices.min { ready[$0].arrival < ready[$1].arrival }
        } else {
            // Only the turn of a group counts between groups, so look at the first key of each.
            let heads = Dictionary(grouping: ready.indices) { ready[$0].key.first }.values.compactMap { indices in
                indices.min { urgency($0) < urgency($1) }
            }
            index = heads.min { rank($0) < rank($1) }
        }
        guard let index else { return nil }
        let (key, priority, _) = ready.remove(at: index)
        counter += 1
        turns[String(key.prefix(1))] = counter
        working[key] = priority
        return key
    }

    private func urgency(_ index: Int) -> (Int, Int) { (-ready[index].priority.rawValue, ready[index].arrival) }

    private func rank(_ index: Int) -> (Int, Int) {
        (-ready[index].priority.rawValue, turns[String(ready[index].key.prefix(1))] ?? 0)
    }

    mutating func done(_ key: String) {
        working[key] = nil
        guard let index = again.firstIndex(where: { $0.key == key }) else { return }
        arrive(key, again.remove(at: index).priority)
    }

    mutating func release(_ now: Instant) {
        for (key, delay) in later.filter({ $0.value.time <= now }).sorted(by: { $0.value.time < $1.value.time }) {
            later[key] = nil
            want(key, delay.priority)
        }
    }

    private mutating func raise(_ key: String, _ priority: Priority) -> Bool {
        if let index = ready.firstIndex(where: { $0.key == key }) {
            ready[index].priority = max(ready[index].priority, priority)
            return true
        }
        if let index = again.firstIndex(where: { $0.key == key }) {
            again[index].priority = max(again[index].priority, priority)
            return true
        }
        return false
    }

    private mutating func want(_ key: String, _ priority: Priority) {
        if working[key] != nil { again.append((key, priority)) } else { arrive(key, priority) }
    }

    private mutating func arrive(_ key: String, _ priority: Priority) {
        counter += 1
        let group = String(key.prefix(1))
        if !ready.contains(where: { $0.key.hasPrefix(group) }) { turns[group] = counter }
        ready.append((key, priority, counter))
    }
}
