extension RegularExpression {
    /// One search. Threads are states of the program that the text read so far allows, the preferred first.
    struct Run {
        private let program: [Instruction]
        private let text: [Unicode.Scalar]
        private let slotCount: Int
        private var current = Threads()
        private var next = Threads()
        /// For each instruction, the position for which a thread stands there already.
        private var visited: [Int]
        private var pending: [(instruction: Int, slots: [Int])] = []

        private struct Threads {
            var instructions: [Int] = []
            var slots: [[Int]] = []

            mutating func removeAll() {
                instructions.removeAll(keepingCapacity: true)
                slots.removeAll(keepingCapacity: true)
            }
        }

        init(program: [Instruction], text: [Unicode.Scalar], withGroups groupCount: Int?) {
            self.program = program
            self.text = text
            slotCount = groupCount.map { ($0 + 1) * 2 } ?? 0
            visited = Array(repeating: -1, count: program.count)
        }

        mutating func firstMatch(from start: Int, _ budget: inout Budget) throws(CELError) -> [Int]? {
            var found: [Int]?
            var position = start
            var work = 0
            while true {
                // Starting here comes after everything that started earlier, and not at all after a match.
                if found == nil {
                    add(0, Array(repeating: -1, count: slotCount), position)
                }
                if current.instructions.isEmpty { break }
                work += current.instructions.count + 1
                if work >= 1024 {
                    try budget.charge(work >> 4)
                    work = 0
                }
                if step(at: position, &found), slotCount == 0 { return found }
                guard position < text.count else { break }
                position += 1
                swap(&current, &next)
                next.removeAll()
            }
            try budget.charge(work >> 4)
            return found
        }

        /// Moves all threads past the code point at a position. True when one has matched before it.
        private mutating func step(at position: Int, _ found: inout [Int]?) -> Bool {
            let scalar = position < text.count ? text[position] : nil
            let threads = current
            current = Threads()
            // The threads that go on stand at the next position.
            for (index, instruction) in threads.instructions.enumerated() {
                let slots = threads.slots[index]
                switch program[instruction] {
                case .match:
                    // What is preferred less is given up.
                    found = slots
                    return true
                case .scalar(let expected):
                    if scalar == expected { follow(instruction + 1, slots, position + 1) }
                case .any:
                    if scalar != nil { follow(instruction + 1, slots, position + 1) }
                case .set(let set):
                    if let scalar, set.contains(scalar) { follow(instruction + 1, slots, position + 1) }
                case .split, .jump, .save, .assert: break
                }
            }
            return false
        }

        private mutating func follow(_ instruction: Int, _ slots: [Int], _ position: Int) {
            swap(&current, &next)
            add(instruction, slots, position)
            swap(&current, &next)
        }

        /// Adds a thread and all it reaches without reading, in the order of preference, without a recursion.
        private mutating func add(_ first: Int, _ slots: [Int], _ position: Int) {
            pending.append((first, slots))
            while let (instruction, slots) = pending.popLast() {
                guard visited[instruction] != position else { continue }
                visited[instruction] = position
                switch program[instruction] {
                case .jump(let target): pending.append((target, slots))
                case .split(let preferred, let other):
                    pending.append((other, slots))
                    pending.append((preferred, slots))
                case .save(let slot):
                    var slots = slots
                    if slot < slots.count { slots[slot] = position }
                    pending.append((instruction + 1, slots))
                case .assert(let assertion):
                    if holds(assertion, at: position) { pending.append((instruction + 1, slots)) }
                case .scalar, .set, .any, .match:
                    current.instructions.append(instruction)
                    current.slots.append(slots)
                }
            }
        }

        private func holds(_ assertion: Assertion, at position: Int) -> Bool {
            switch assertion {
            case .textStart: position == 0
            case .textEnd: position == text.count
            case .lineStart: position == 0 || text[position - 1] == "\n"
            case .lineEnd: position == text.count || text[position] == "\n"
            case .wordBoundary: isWord(at: position - 1) != isWord(at: position)
            case .noWordBoundary: isWord(at: position - 1) == isWord(at: position)
            }
        }

        private func isWord(at position: Int) -> Bool {
            text.indices.contains(position) && ScalarSet.word.contains(text[position])
        }
    }
}
