/// Turns a tree into instructions.
struct RegularExpressionCompiler {
    private(set) var program: [RegularExpression.Instruction] = []

    /// Repetitions multiply; what is larger than this would be too slow to run.
    private static let maximumSize = 10_000

    mutating func compile(_ tree: RegularExpressionTree) throws(CELError) {
        try append(.save(0))
        try emit(tree)
        try append(.save(1))
        try append(.match)
    }

    private mutating func append(_ instruction: RegularExpression.Instruction) throws(CELError) {
        guard program.count < Self.maximumSize else { throw CELError("the regular expression is too large") }
        program.append(instruction)
    }

    private mutating func emit(_ tree: RegularExpressionTree) throws(CELError) {
        switch tree {
        case .empty: break
        case .scalar(let scalar): try append(.scalar(scalar))
        case .set(let set): try append(.set(set))
        case .any: try append(.any)
        case .assertion(let assertion): try append(.assert(assertion))
        case .sequence(let parts): for part in parts { try emit(part) }
        case .choice(let branches): try emit(choice: branches)
        case .repetition(let part, let least, let most, let isGreedy):
            try emit(part, least: least, most: most, isGreedy: isGreedy)
        case .group(let part, let number):
            try append(.save(number * 2))
            try emit(part)
            try append(.save(number * 2 + 1))
        }
    }

    private mutating func emit(choice branches: [RegularExpressionTree]) throws(CELError) {
        var ends: [Int] = []
        for branch in branches.dropLast() {
            let split = program.count
            try append(.split(split + 1, 0))
            try emit(branch)
            ends.append(program.count)
            try append(.jump(0))
            program[split] = .split(split + 1, program.count)
        }
        if let last = branches.last { try emit(last) }
        for end in ends { program[end] = .jump(program.count) }
    }

    private mutating func emit(
        _ part: RegularExpressionTree,
        least: Int,
        most: Int?,
        isGreedy: Bool
    ) throws(CELError) {
        for _ in 0..<least { try emit(part) }
        guard let most else {
            let split = program.count
            try append(.split(0, 0))
            try emit(part)
            try append(.jump(split))
            program[split] = Self.split(into: split + 1, past: program.count, isGreedy)
            return
        }
        var splits: [Int] = []
        for _ in least..<most {
            splits.append(program.count)
            try append(.split(0, 0))
            try emit(part)
        }
        for split in splits { program[split] = Self.split(into: split + 1, past: program.count, isGreedy) }
    }

    private static func split(into: Int, past: Int, _ isGreedy: Bool) -> RegularExpression.Instruction {
        isGreedy ? .split(into, past) : .split(past, into)
    }
}
