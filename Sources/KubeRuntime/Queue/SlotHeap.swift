/// Small numbers ("slots") by rank, the smallest rank first. Each is in the heap at most once, and any of them can be
/// taken out or get another rank in O(log n), which heaps that do not know where their elements are cannot do.
///
/// A binary heap. Where each slot is, is kept by the caller, so that many heaps that share out the same slots need one
/// array between them: hand the same `positions` to every call.
struct SlotHeap<Rank: Comparable> {
    private var nodes: [(rank: Rank, slot: Int)] = []

    /// The slot of the smallest rank.
    var first: (rank: Rank, slot: Int)? { nodes.first }

    /// Adds a slot that is in none of the heaps that share `positions`.
    mutating func insert(_ slot: Int, _ rank: Rank, _ positions: inout [Int]) {
        while positions.count <= slot { positions.append(-1) }
        nodes.append((rank, slot))
        positions[slot] = nodes.count - 1
        settle(nodes.count - 1, &positions)
    }

    /// Takes out a slot that is in this heap.
    mutating func remove(_ slot: Int, _ positions: inout [Int]) {
        let hole = positions[slot]
        let last = nodes.removeLast()
        guard hole < nodes.count else { return }
        nodes[hole] = last
        positions[last.slot] = hole
        settle(hole, &positions)
    }

    /// Gives a slot that is in this heap another rank.
    mutating func update(_ slot: Int, _ rank: Rank, _ positions: inout [Int]) {
        nodes[positions[slot]].rank = rank
        settle(positions[slot], &positions)
    }

    /// The rank of a slot that is in this heap.
    func rank(of slot: Int, _ positions: [Int]) -> Rank { nodes[positions[slot]].rank }

    /// Moves one node up or down to where its rank belongs.
    private mutating func settle(_ start: Int, _ positions: inout [Int]) {
        let node = nodes[start]
        var index = start
        while index > 0, node.rank < nodes[(index - 1) / 2].rank {
            move((index - 1) / 2, to: index, &positions)
            index = (index - 1) / 2
        }
        while let child = smallerChild(of: index), nodes[child].rank < node.rank {
            move(child, to: index, &positions)
            index = child
        }
        nodes[index] = node
        positions[node.slot] = index
    }

    private mutating func move(_ source: Int, to target: Int, _ positions: inout [Int]) {
        nodes[target] = nodes[source]
        positions[nodes[target].slot] = target
    }

    private func smallerChild(of index: Int) -> Int? {
        let left = 2 * index + 1
        guard left < nodes.count else { return nil }
        return left + 1 < nodes.count && nodes[left + 1].rank < nodes[left].rank ? left + 1 : left
    }
}
