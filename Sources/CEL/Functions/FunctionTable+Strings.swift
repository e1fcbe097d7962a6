extension FunctionTable {
    mutating func addStrings() {
        method("contains") { text, part, budget throws(CELError) in
            guard case .string(let text) = text, case .string(let part) = part else {
                throw Value.noOverload("contains", text, part)
            }
            // For the copy that is searched.
            try budget.charge(bytes: text.utf8.count >> 2)
            return .bool(try TextSearch(part, &budget).first(in: Array(text.utf8), from: 0, &budget) != nil)
        }
        method("startsWith") { text, part, budget throws(CELError) in
            guard case .string(let text) = text, case .string(let part) = part else {
                throw Value.noOverload("startsWith", text, part)
            }
            try budget.charge(bytes: part.utf8.count)
            return .bool(text.utf8.starts(with: part.utf8))
        }
        method("endsWith") { text, part, budget throws(CELError) in
            guard case .string(let text) = text, case .string(let part) = part else {
                throw Value.noOverload("endsWith", text, part)
            }
            try budget.charge(bytes: part.utf8.count)
            return .bool(
                text.utf8.count >= part.utf8.count && text.utf8.suffix(part.utf8.count).elementsEqual(part.utf8)
            )
        }
    }
}

/// Finds a text in others in linear time (Knuth, Morris and Pratt), so that what it costs is known beforehand.
struct TextSearch<Element: Equatable> {
    private let pattern: [Element]
    /// For each prefix of the pattern: how long its longest proper prefix is that is its suffix too.
    private var borders: [Int]

    init(_ pattern: [Element], _ budget: inout Budget) throws(CELError) {
        try budget.charge(bytes: pattern.count)
        self.pattern = pattern
        borders = Array(repeating: 0, count: pattern.count)
        var length = 0
        for index in pattern.indices.dropFirst() {
            while length > 0, pattern[index] != pattern[length] { length = borders[length - 1] }
            if pattern[index] == pattern[length] { length += 1 }
            borders[index] = length
        }
    }

    /// Where the pattern occurs first, not before `start`.
    func first(in text: [Element], from start: Int, _ budget: inout Budget) throws(CELError) -> Int? {
        guard !pattern.isEmpty else { return start <= text.count ? start : nil }
        guard start < text.count else { return nil }
        var length = 0
        for index in start..<text.count {
            while length > 0, text[index] != pattern[length] { length = borders[length - 1] }
            if text[index] == pattern[length] { length += 1 }
            if length == pattern.count {
                try budget.charge(bytes: index - start)
                return index + 1 - length
            }
        }
        try budget.charge(bytes: text.count - start)
        return nil
    }
}

extension TextSearch where Element == UInt8 {
    init(_ pattern: String, _ budget: inout Budget) throws(CELError) {
        try self.init(Array(pattern.utf8), &budget)
    }
}
