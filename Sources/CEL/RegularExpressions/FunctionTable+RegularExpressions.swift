extension FunctionTable {
    mutating func addRegularExpressions() {
        let matches: Function.Binary = { text, pattern, budget throws(CELError) in
            let (text, expression) = try Self.operands("matches", [text, pattern], &budget)
            return .bool(try expression.matches(text, &budget))
        }
        global("matches", matches)
        method("matches", matches)
        method("find") { text, pattern, budget throws(CELError) in
            let (text, expression) = try Self.operands("find", [text, pattern], &budget)
            let scalars = Array(text.unicodeScalars)
            guard let match = try expression.firstMatch(in: scalars, from: 0, &budget) else { return .string("") }
            return .string(StringFunctions.text(scalars[match[0]..<match[1]]))
        }
        method("findAll", 1...2) { arguments, budget throws(CELError) in
            let (text, expression) = try Self.operands("findAll", arguments, &budget)
            let limit = try Self.limit(arguments, at: 2, "findAll")
            let scalars = Array(text.unicodeScalars)
            let matches = try expression.matches(in: scalars, limit: limit, &budget)
            return .list(matches.map { .string(StringFunctions.text(scalars[$0[0]..<$0[1]])) })
        }
        addExtraction()
    }

    private mutating func addExtraction() {
        global("regex.replace", 3...4) { arguments, budget throws(CELError) in
            let (text, expression) = try Self.operands("regex.replace", arguments, &budget)
            guard case .string(let replacement) = arguments[2] else {
                throw StringFunctions.noOverload("regex.replace", arguments)
            }
            let limit = try Self.limit(arguments, at: 3, "regex.replace")
            return .string(try expression.replacing(in: text, with: replacement, limit: limit, &budget))
        }
        global("regex.extract") { text, pattern, budget throws(CELError) in
            let (text, expression) = try Self.operands("regex.extract", [text, pattern], &budget)
            try expression.requireOneGroup("regex.extract")
            let scalars = Array(text.unicodeScalars)
            guard let match = try expression.firstMatch(in: scalars, from: 0, &budget) else { return .optional(nil) }
            return .optional(expression.extract(match, of: scalars).map { .string($0) })
        }
        global("regex.extractAll") { text, pattern, budget throws(CELError) in
            let (text, expression) = try Self.operands("regex.extractAll", [text, pattern], &budget)
            try expression.requireOneGroup("regex.extractAll")
            let scalars = Array(text.unicodeScalars)
            let matches = try expression.matches(in: scalars, limit: .max, &budget)
            return .list(matches.compactMap { expression.extract($0, of: scalars).map { .string($0) } })
        }
    }

    private static func operands(
        _ name: String,
        _ arguments: [Value],
        _ budget: inout Budget
    ) throws(CELError) -> (String, RegularExpression) {
        guard case .string(let text) = arguments[0], case .string(let pattern) = arguments[1] else {
            throw StringFunctions.noOverload(name, arguments)
        }
        return (text, try RegularExpression(pattern, &budget))
    }

    /// The optional last argument: how many at most, all when it is missing or negative.
    private static func limit(_ arguments: [Value], at index: Int, _ name: String) throws(CELError) -> Int {
        guard arguments.count > index else { return .max }
        guard case .int(let limit) = arguments[index] else { throw StringFunctions.noOverload(name, arguments) }
        return limit < 0 ? .max : Int(limit)
    }
}

extension RegularExpression {
    /// The matches from left to right that do not overlap; an empty one does not stand at the end of another.
    func matches(
        in text: [Unicode.Scalar],
        limit: Int,
        _ budget: inout Budget
    ) throws(CELError) -> [[Int]] {
        var matches: [[Int]] = []
        var start = 0
        while matches.count < limit, start <= text.count {
            guard let match = try firstMatch(in: text, from: start, &budget) else { break }
            let isEmpty = match[0] == match[1]
            if !isEmpty || match[0] != matches.last?[1] {
                try budget.charge(1 + groupCount)
                matches.append(match)
            }
            start = isEmpty ? match[1] + 1 : match[1]
        }
        return matches
    }

    /// The text with `\0` to `\9` of the replacement standing for the groups of each match.
    fileprivate func replacing(
        in text: String,
        with replacement: String,
        limit: Int,
        _ budget: inout Budget
    ) throws(CELError) -> String {
        let pieces = try pieces(of: replacement)
        let scalars = Array(text.unicodeScalars)
        var result = String.UnicodeScalarView()
        var start = 0
        for match in try matches(in: scalars, limit: limit, &budget) {
            result.append(contentsOf: scalars[start..<match[0]])
            for piece in pieces {
                switch piece {
                case .text(let text):
                    try budget.charge(bytes: text.count * 4)
                    result.append(contentsOf: text)
                case .group(let number):
                    let bounds = match[number * 2]..<match[number * 2 + 1]
                    try budget.charge(bytes: bounds.count * 4)
                    if bounds.lowerBound >= 0 { result.append(contentsOf: scalars[bounds]) }
                }
            }
            start = match[1]
        }
        result.append(contentsOf: scalars[start...])
        return String(result)
    }

    private enum Piece {
        case text([Unicode.Scalar])
        case group(Int)
    }

    private func pieces(of replacement: String) throws(CELError) -> [Piece] {
        var pieces: [Piece] = []
        var rest = Array(replacement.unicodeScalars)[...]
        while let scalar = rest.popFirst() {
            guard scalar == "\\" else {
                pieces.append(.text([scalar]))
                continue
            }
            switch rest.popFirst() {
            case "\\": pieces.append(.text(["\\"]))
            case .some(let digit) where ("0"..."9").contains(digit):
                let number = Int(digit.value - 0x30)
                guard number <= groupCount else { throw CELError("the regular expression has no group \(number)") }
                pieces.append(.group(number))
            default: throw CELError("a backslash in a replacement stands before a digit or another backslash")
            }
        }
        return pieces
    }

    fileprivate func requireOneGroup(_ name: String) throws(CELError) {
        guard groupCount <= 1 else { throw CELError("\(name)() takes a regular expression with one group at most") }
    }

    /// The group, or the whole match when there is none.
    fileprivate func extract(_ match: [Int], of text: [Unicode.Scalar]) -> String? {
        let bounds = match.suffix(2)
        guard let start = bounds.first, let end = bounds.last, start >= 0 else { return nil }
        return StringFunctions.text(text[start..<end])
    }
}
