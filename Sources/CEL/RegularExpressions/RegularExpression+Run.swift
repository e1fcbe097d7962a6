extension RegularExpression {
    /// One search. Threads are states of the program that the text read so far allows, the preferred first.
    struct Run {
        private let program: [Instruction]
        private let text: [Unicode.Scalar]
        private let slotCount: Int
        /// Those that are being moved, and those that stand at the next position.
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
                if found == nil { add(0, Array(repeating: -1, count: slotCount), position) }
                swap(&current, &next)
                next.removeAll()
                if found != nil, current.instructions.isEmpty { break }
                work += current.instructions.count + 1
                if work >= 1024 {
                    try budget.charge(work >> 4)
                    work = 0
                }
                if let match = step(at: position) {
                    found = match
                    if slotCount == 0 { return found }
                }
                guard position < text.count else { break }
                position += 1
            }
            try budget.charge(work >> 4)
            return found
        }

        /// Moves the threads past the code point at a position, up to the first that has matched before it: what is
        /// preferred less is given up. Answers that one's groups.
        private mutating func step(at position: Int) -> [Int]? {
            let scalar = position < text.count ? text[position] : nil
            for index in current.instructions.indices {
                let instruction = current.instructions[index]
                let goesOn: Bool
                switch program[instruction] {
                case .match: return current.slots[index]
                case .scalar(let expected): goesOn = scalar == expected
                case .any: goesOn = scalar != nil
                case .set(let set): goesOn = scalar.map { set.contains($0) } ?? false
                case .split, .jump, .save, .assert: goesOn = false
                }
                if goesOn { add(instruction + 1, current.slots[index], position + 1) }
            }
            return nil
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
                    next.instructions.append(instruction)
                    next.slots.append(slots)
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
