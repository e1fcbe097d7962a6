/// Which of the keys that are ready comes next. Keys are known by their slot, a small number.
///
/// 1. Of nine hand-outs in ten, the group decides that has the key of the highest priority; among groups where that
///    priority is equal, the one whose turn is longest ago. A group that had nothing ready joins behind all others.
///    Inside the group the highest priority comes first, then the key that has been ready for the longest time.
/// 2. Every tenth hand-out takes the key that has been ready for the longest time, whatever its group and priority.
///
/// It follows that a key with n keys ready longer than itself is handed out with the 10 × (n + 1)th hand-out at the
/// latest, however many urgent keys come in; that urgent keys give up a tenth of the workers for that, and no more; and
/// that between two hand-outs by the first rule to one group each other group with a key as urgent has had its turn.
///
/// A share, and not a priority that grows with the time waited, because of start-up: the 10,000 keys of an initial list
/// that takes minutes to work off would soon outgrow every change that comes in meanwhile.
struct ReadyOrder {
    /// One in so many hand-outs is for the key that has been ready for the longest time.
    static let ageingInterval = 10

    private struct Rank: Comparable {
        let priority: Priority
        let order: UInt64

        static func < (left: Rank, right: Rank) -> Bool {
            left.priority == right.priority ? left.order < right.order : left.priority > right.priority
        }
    }

    private struct Group {
        var name: String
        /// Grows with each turn of any group, so the smallest is the one whose turn is longest ago.
        var turn: UInt64 = 0
        var slots = SlotHeap<Rank>()
    }

    private var groups: [Group] = []
    private var numbers: [String: Int] = [:]
    private var unused: [Int] = []
    /// Groups with ready keys, by the priority of their first key, then by turn.
    private var turns = SlotHeap<Rank>()
    private var turnPositions: [Int] = []
    /// All ready keys, longest first.
    private var arrivals = SlotList()
    /// By slot: where it is in its group's heap, its group, and when it came.
    private var positions: [Int] = []
    private var places: [(group: Int, arrival: UInt64)] = []
    private var counter: UInt64 = 0
    private var handOuts = 0

    /// How many keys are ready.
    private(set) var count = 0

    /// A key became ready.
    mutating func insert(_ slot: Int, _ priority: Priority, group name: String) {
        counter += 1
        let number = number(of: name)
        while places.count <= slot { places.append((0, 0)) }
        places[slot] = (number, counter)
        arrivals.append(slot)
        let isNew = groups[number].slots.first == nil
        if isNew { groups[number].turn = counter }
        groups[number].slots.insert(slot, Rank(priority: priority, order: counter), &positions)
        count += 1
        rankGroup(number, isNew: isNew)
    }

    /// A ready key became more urgent; it has been ready since the same time.
    mutating func raise(_ slot: Int, to priority: Priority) {
        let (number, arrival) = places[slot]
        groups[number].slots.update(slot, Rank(priority: priority, order: arrival), &positions)
        rankGroup(number, isNew: false)
    }

    /// Takes the key that comes next.
    mutating func take() -> Int? {
        guard let longest = arrivals.first, let turn = turns.first, let next = groups[turn.slot].slots.first else {
            return nil
        }
        handOuts += 1
        let slot = handOuts.isMultiple(of: Self.ageingInterval) ? longest : next.slot
        let number = places[slot].group
        arrivals.remove(slot)
        groups[number].slots.remove(slot, &positions)
        count -= 1
        counter += 1
        groups[number].turn = counter
        rankGroup(number, isNew: false)
        return slot
    }

    /// Drops all keys.
    mutating func removeAll() { self = ReadyOrder() }

    private mutating func rankGroup(_ number: Int, isNew: Bool) {
        guard let first = groups[number].slots.first else {
            turns.remove(number, &turnPositions)
            numbers[groups[number].name] = nil
            unused.append(number)
            return
        }
        let rank = Rank(priority: first.rank.priority, order: groups[number].turn)
        if isNew {
            turns.insert(number, rank, &turnPositions)
        } else {
            turns.update(number, rank, &turnPositions)
        }
    }

    private mutating func number(of name: String) -> Int {
        if let number = numbers[name] { return number }
        if let number = unused.popLast() {
            groups[number].name = name
            numbers[name] = number
            return number
        }
        groups.append(Group(name: name))
        numbers[name] = groups.count - 1
        return groups.count - 1
    }
}
