/// What a regular expression is made of.
indirect enum RegularExpressionTree {
    case empty
    case scalar(Unicode.Scalar)
    case set(ScalarSet)
    case any
    case assertion(RegularExpression.Assertion)
    case sequence([RegularExpressionTree])
    case choice([RegularExpressionTree])
    /// `most` is nil for any number.
    case repetition(RegularExpressionTree, least: Int, most: Int?, isGreedy: Bool)
    case group(RegularExpressionTree, number: Int)
}

/// Reads RE2's syntax.
struct RegularExpressionParser {
    private struct Flags {
        var ignoresCase = false
        var isMultiline = false
        var dotMatchesNewline = false
        var isUngreedy = false
    }

    private let pattern: [Unicode.Scalar]
    private var position = 0
    private var flags = Flags()
    private var depth = 0
    private(set) var groupCount = 0
    private var names: Set<String> = []

    /// How deeply groups may nest; far more than anyone can read.
    private static let maximumDepth = 50
    /// As in RE2.
    private static let maximumRepetition = 1000

    init(_ pattern: String) { self.pattern = Array(pattern.unicodeScalars) }

    mutating func parse() throws(CELError) -> RegularExpressionTree {
        let tree = try choice()
        guard position == pattern.count else { throw error("unexpected \")\"") }
        return tree
    }

    private func error(_ message: String) -> CELError {
        let text = StringFunctions.text(pattern)
        return CELError("the regular expression \(Value.string(text).summary) is wrong: \(message)")
    }

    private func peek(_ distance: Int = 0) -> Unicode.Scalar? {
        position + distance < pattern.count ? pattern[position + distance] : nil
    }

    private mutating func take() -> Unicode.Scalar? {
        guard let scalar = peek() else { return nil }
        position += 1
        return scalar
    }

    private mutating func accept(_ text: String) -> Bool {
        let scalars = text.unicodeScalars
        guard pattern[position...].starts(with: scalars) else { return false }
        position += scalars.count
        return true
    }

    private mutating func choice() throws(CELError) -> RegularExpressionTree {
        depth += 1
        defer { depth -= 1 }
        guard depth <= Self.maximumDepth else { throw error("groups nest deeper than \(Self.maximumDepth) levels") }
        var branches = [try sequence()]
        while accept("|") { branches.append(try sequence()) }
        return branches.count == 1 ? branches[0] : .choice(branches)
    }

    private mutating func sequence() throws(CELError) -> RegularExpressionTree {
        var parts: [RegularExpressionTree] = []
        while let scalar = peek(), scalar != "|", scalar != ")" {
            if accept("\\Q") {
                while peek() != nil, !accept("\\E") {
                    if let scalar = take() { parts.append(literal(scalar)) }
                }
                continue
            }
            guard let atom = try atom() else { continue }
            parts.append(try repeated(atom))
        }
        return parts.count == 1 ? parts[0] : parts.isEmpty ? .empty : .sequence(parts)
    }

    // MARK: Repetitions

    private mutating func repeated(_ atom: RegularExpressionTree) throws(CELError) -> RegularExpressionTree {
        guard let (least, most) = try counts() else { return atom }
        let isLazy = accept("?")
        if isStandingAtCounts { throw error("a repetition cannot be repeated") }
        return .repetition(atom, least: least, most: most, isGreedy: isLazy == flags.isUngreedy)
    }

    private var isStandingAtCounts: Bool {
        var copy = self
        return ((try? copy.counts()) ?? nil) != nil
    }

    private mutating func counts() throws(CELError) -> (Int, Int?)? {
        if accept("*") { return (0, nil) }
        if accept("+") { return (1, nil) }
        if accept("?") { return (0, 1) }
        guard peek() == "{" else { return nil }
        // A brace that opens no counts stands for itself.
        let start = position
        position += 1
        guard let least = number() else {
            position = start
            return nil
        }
        var most: Int? = least
        if accept(",") { most = number() }
        guard accept("}") else {
            position = start
            return nil
        }
        guard least <= Self.maximumRepetition, most ?? 0 <= Self.maximumRepetition, least <= most ?? least else {
            throw error("repetitions go from few to many, up to \(Self.maximumRepetition)")
        }
        return (least, most)
    }

    private mutating func number() -> Int? {
        var value: Int?
        while let scalar = peek(), ("0"..."9").contains(scalar) {
            position += 1
            value = min((value ?? 0) * 10 + Int(scalar.value - 0x30), 1_000_000)
        }
        return value
    }

    // MARK: Atoms

    private mutating func atom() throws(CELError) -> RegularExpressionTree? {
        guard let scalar = take() else { return nil }
        switch scalar {
        case ".": return flags.dotMatchesNewline ? .any : .set(ScalarSet.newline.inverted)
        case "^": return .assertion(flags.isMultiline ? .lineStart : .textStart)
        case "$": return .assertion(flags.isMultiline ? .lineEnd : .textEnd)
        case "(": return try group()
        case "[": return .set(try bracketed())
        case "\\": return try escaped()
        case "*", "+", "?": throw error("there is nothing to repeat before \"\(scalar)\"")
        default: return literal(scalar)
        }
    }

    private func literal(_ scalar: Unicode.Scalar) -> RegularExpressionTree {
        guard flags.ignoresCase, !scalar.caseVariants.isEmpty else { return .scalar(scalar) }
        var set = ScalarSet([scalar...scalar])
        set.ignoresCase = true
        return .set(set)
    }

    private mutating func group() throws(CELError) -> RegularExpressionTree? {
        let outer = flags
        var number: Int?
        if accept("?P<") || accept("?<") {
            try takeName()
            groupCount += 1
            number = groupCount
        } else if accept("?") {
            // Flags alone hold until the group around them ends.
            if try takeFlags() { return nil }
        } else {
            groupCount += 1
            number = groupCount
        }
        let tree = try choice()
        guard accept(")") else { throw error("a group is not closed") }
        flags = outer
        return number.map { .group(tree, number: $0) } ?? tree
    }

    private mutating func takeName() throws(CELError) {
        var name = ""
        while let scalar = take(), scalar != ">" {
            guard ScalarSet.word.contains(scalar) else { throw error("names of groups are words") }
            name.unicodeScalars.append(scalar)
        }
        guard !name.isEmpty, pattern[position - 1] == ">" else { throw error("a group's name is missing") }
        guard names.insert(name).inserted else { throw error("two groups are named \(name)") }
    }

    /// Reads `i`, `m`, `s`, `U` and their negations. True when they end with the parenthesis, false when a group follows.
    private mutating func takeFlags() throws(CELError) -> Bool {
        var value = true
        while let scalar = take() {
            switch scalar {
            case "i": flags.ignoresCase = value
            case "m": flags.isMultiline = value
            case "s": flags.dotMatchesNewline = value
            case "U": flags.isUngreedy = value
            case "-" where value: value = false
            case ":": return false
            case ")": return true
            default: throw error("unknown flag or group \"(?\(scalar)\"")
            }
        }
        throw error("a group is not closed")
    }

    private mutating func escaped() throws(CELError) -> RegularExpressionTree {
        switch peek() {
        case "A": return assertion(.textStart)
        case "z": return assertion(.textEnd)
        case "b": return assertion(.wordBoundary)
        case "B": return assertion(.noWordBoundary)
        case "C": throw error("\\C is not supported")
        default: break
        }
        if let set = try escapedSet() { return .set(set) }
        return literal(try escapedScalar())
    }

    private mutating func assertion(_ assertion: RegularExpression.Assertion) -> RegularExpressionTree {
        position += 1
        return .assertion(assertion)
    }

    /// `\d`, `\w`, `\s`, `\p{Name}` and their negations.
    private mutating func escapedSet() throws(CELError) -> ScalarSet? {
        guard let letter = peek() else { throw error("it ends in a backslash") }
        var set: ScalarSet
        switch letter {
        case "d", "D": set = .digit
        case "w", "W": set = .word
        case "s", "S": set = .space
        case "p", "P":
            position += 1
            return try unicodeSet(isNegated: letter == "P")
        default: return nil
        }
        position += 1
        if ("A"..."Z").contains(letter) { set = set.inverted }
        return set
    }

    private mutating func unicodeSet(isNegated: Bool) throws(CELError) -> ScalarSet {
        var isNegated = isNegated
        var name = ""
        if accept("{") {
            if accept("^") { isNegated.toggle() }
            while let scalar = take(), scalar != "}" { name.unicodeScalars.append(scalar) }
        } else if let scalar = take() {
            name.unicodeScalars.append(scalar)
        }
        guard var set = ScalarSet(unicode: name) else { throw error("unknown class \\p{\(name)}") }
        set.ignoresCase = flags.ignoresCase
        return isNegated ? set.inverted : set
    }

    private mutating func escapedScalar() throws(CELError) -> Unicode.Scalar {
        guard let scalar = take() else { throw error("it ends in a backslash") }
        switch scalar {
        case "a": return "\u{07}"
        case "f": return "\u{0C}"
        case "n": return "\n"
        case "r": return "\r"
        case "t": return "\t"
        case "v": return "\u{0B}"
        case "x": return try hexadecimal()
        case "0"..."7":
            var code = scalar.value - 0x30
            // \1 to \7 alone would be back references.
            var count = 1
            while count < 3, let digit = peek(), ("0"..."7").contains(digit) {
                code = code * 8 + digit.value - 0x30
                position += 1
                count += 1
            }
            guard scalar == "0" || count > 1, let result = Unicode.Scalar(code) else { break }
            return result
        default:
            let isPlain = scalar.isASCII && !ScalarSet.word.contains(scalar) || scalar == "_"
            if isPlain { return scalar }
        }
        throw error("unknown escape \"\\\(scalar)\"")
    }

    private mutating func hexadecimal() throws(CELError) -> Unicode.Scalar {
        var digits = ""
        if accept("{") {
            while let scalar = take(), scalar != "}" { digits.unicodeScalars.append(scalar) }
        } else {
            for _ in 0..<2 { digits.unicodeScalars.append(take() ?? " ") }
        }
        guard digits.utf8.allSatisfy({ $0.hexDigit != nil }), let code = UInt32(digits, radix: 16),
            let scalar = Unicode.Scalar(code)
        else { throw error("\\x takes two hexadecimal digits or a code point in braces") }
        return scalar
    }

    // MARK: Classes

    private mutating func bracketed() throws(CELError) -> ScalarSet {
        var set = ScalarSet()
        set.ignoresCase = flags.ignoresCase
        set.isNegated = accept("^")
        var isFirst = true
        while let scalar = peek(), isFirst || scalar != "]" {
            isFirst = false
            if scalar == "[", peek(1) == ":", let named = try posixSet() {
                set.insert(named)
                continue
            }
            if scalar == "\\" {
                position += 1
                if let escaped = try escapedSet() {
                    set.insert(escaped)
                    continue
                }
                position -= 1
            }
            let first = try bracketedScalar()
            guard peek() == "-", let end = peek(1), end != "]" else {
                set.insert(first...first)
                continue
            }
            position += 1
            let last = try bracketedScalar()
            guard first <= last else { throw error("the range \(first)-\(last) is reversed") }
            set.insert(first...last)
        }
        guard accept("]") else { throw error("a class is not closed") }
        return set
    }

    private mutating func bracketedScalar() throws(CELError) -> Unicode.Scalar {
        guard let scalar = take() else { throw error("a class is not closed") }
        return scalar == "\\" ? try escapedScalar() : scalar
    }

    /// `[:alpha:]` and `[:^alpha:]`; nil when this is no name of a class.
    private mutating func posixSet() throws(CELError) -> ScalarSet? {
        let start = position
        position += 2
        let isNegated = accept("^")
        var name = ""
        while let scalar = peek(), ("a"..."z").contains(scalar) {
            name.unicodeScalars.append(scalar)
            position += 1
        }
        guard accept(":]") else {
            position = start
            return nil
        }
        guard let set = ScalarSet(posix: name) else { throw error("unknown class [:\(name):]") }
        return isNegated ? set.inverted : set
    }
}
