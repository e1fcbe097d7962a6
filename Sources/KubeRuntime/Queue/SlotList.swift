/// Small numbers ("slots") in the order in which they were appended. Each is in the list at most once, and any of them
/// can be taken out in constant time.
///
/// A doubly linked list in one array; memory is that of the highest slot ever appended.
struct SlotList: Sequence {
    /// The list is a ring through entry 0, which stands for both ends; slot n is entry n + 1.
    private var links = [(previous: 0, next: 0)]

    /// The slot that has been in the list for the longest time.
    var first: Int? { links[0].next == 0 ? nil : links[0].next - 1 }

    /// Puts a slot that is not in the list at the end.
    mutating func append(_ slot: Int) {
        while links.count < slot + 2 { links.append((0, 0)) }
        let last = links[0].previous
        links[slot + 1] = (last, 0)
        links[last].next = slot + 1
        links[0].previous = slot + 1
    }

    /// Takes out a slot that is in the list.
    mutating func remove(_ slot: Int) {
        let (previous, next) = links[slot + 1]
        links[previous].next = next
        links[next].previous = previous
    }

    func makeIterator() -> AnyIterator<Int> {
        var entry = 0
        return AnyIterator {
            entry = links[entry].next
            return entry == 0 ? nil : entry - 1
        }
    }
}
