/// A dictionary of limited size that forgets what was not used for the longest time. Every operation takes constant time.
struct LRUCache<Key: Hashable, Value> {
    let capacity: Int
    private var numbers: [Key: Int] = [:]
    private var entries: [(key: Key, value: Value)] = []
    /// The least recently used first.
    private var order = SlotList()

    /// - Parameter capacity: at least 1.
    init(capacity: Int) {
        precondition(capacity > 0, "a cache without room for one entry")
        self.capacity = capacity
    }

    var count: Int { entries.count }

    /// Uses a key: changes its value, beginning with `initial` if there is none.
    mutating func use<Result>(
        _ key: Key,
        initial: @autoclosure () -> Value,
        _ change: (inout Value) -> Result
    ) -> Result {
        let number: Int
        if let known = numbers[key] {
            number = known
            order.remove(number)
        } else if entries.count == capacity, let oldest = order.first {
            number = oldest
            order.remove(number)
            numbers[entries[number].key] = nil
            entries[number] = (key, initial())
            numbers[key] = number
        } else {
            number = entries.count
            entries.append((key, initial()))
            numbers[key] = number
        }
        order.append(number)
        return change(&entries[number].value)
    }
}
