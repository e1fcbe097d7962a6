/// A regular expression that takes time in proportion to the text, whatever the expression and the text are.
///
/// The syntax is the part of RE2's (which API servers use) that a matcher without memory can follow, and means the same:
/// literals, `.`, classes with ranges (`[a-z_]`, `[^0-9]`), `\d \w \s \D \W \S` (ASCII), `\t \n \r \f \v`, a backslash
/// before punctuation, `^` and `$` for the ends of the text, groups (`(…)`, `(?:…)`), `|`, `*`, `+`, `?`, `{m}`, `{m,}`
/// and `{m,n}`. Everything else is refused, so that no expression means something other than its author thinks. A
/// match may lie anywhere in the text. Texts are read by Unicode scalars.
public struct LinearPattern: Sendable {
    /// Why an expression is refused.
    public struct Refusal: Error, Sendable, Hashable, CustomStringConvertible {
        /// What was found, and what would help.
        public let message: String
        /// In Unicode scalars, counted from 1.
        public let column: Int

        /// "column 3: …"
        public var description: String { "column \(column): \(message)" }
    }

    /// How large an expression may be, in nodes, states and ranges, after its repeats are written out. A text of n
    /// scalars takes at most about n times as many steps.
    public static let maximumSize = 5000
    /// The largest number in `{m,n}`, as in RE2.
    public static let maximumRepeat = 1000
    /// How deeply groups may nest.
    public static let maximumDepth = 50

    private let states: [State]
    private let ranges: [ClosedRange<UInt32>]
    private let entry: Int

    /// Nodes, states and ranges; at most `maximumSize`.
    let size: Int

    /// Compiles an expression.
    public init(_ expression: String) throws(Refusal) {
        var parser = Parser(expression)
        let tree = try parser.readExpression()
        var compiler = Compiler(ranges: parser.ranges)
        let accept = try compiler.append(.accept)
        entry = try compiler.emit(tree, before: accept)
        states = compiler.states
        ranges = parser.ranges
        size = compiler.size
    }

    /// Whether the expression matches the text or a part of it.
    public func matches(_ text: String) -> Bool {
        var active = StateSet(capacity: states.count)
        var reached = StateSet(capacity: states.count)
        var scalars = text.unicodeScalars.makeIterator()
        var upcoming = scalars.next()
        var isStart = true
        while true {
            // A match may begin at every position.
            if follow(entry, into: &active, isStart: isStart, isEnd: upcoming == nil) { return true }
            guard let scalar = upcoming else { return false }
            upcoming = scalars.next()
            isStart = false
            for index in active.members {
                guard case .scalar(let accepted, let next) = states[index], contains(accepted, scalar) else { continue }
                if follow(next, into: &reached, isStart: false, isEnd: upcoming == nil) { return true }
            }
            active.removeAll()
            swap(&active, &reached)
        }
    }

    private func contains(_ accepted: Range<Int>, _ scalar: Unicode.Scalar) -> Bool {
        for index in accepted where ranges[index].contains(scalar.value) { return true }
        return false
    }

    /// Adds a state and all that are reached from it without a scalar.
    /// - Returns: whether the end of the expression is among them.
    private func follow(_ first: Int, into set: inout StateSet, isStart: Bool, isEnd: Bool) -> Bool {
        set.add(first)
        while let index = set.pending.popLast() {
            switch states[index] {
            case .scalar: set.members.append(index)
            case .fork(let one, let other):
                set.add(one)
                set.add(other)
            case .start(let next): if isStart { set.add(next) }
            case .end(let next): if isEnd { set.add(next) }
            case .accept: return true
            }
        }
        return false
    }

    private enum State {
        /// One scalar of some of `ranges`.
        case scalar(Range<Int>, next: Int)
        case fork(Int, Int)
        case start(next: Int)
        case end(next: Int)
        case accept
    }

    /// The states that a text may be in.
    private struct StateSet {
        /// Those that wait for a scalar.
        var members: [Int] = []
        /// Those that are not followed yet.
        var pending: [Int] = []
        /// For each state the round in which it was added last.
        private var rounds: [Int]
        private var round = 1

        init(capacity: Int) { rounds = Array(repeating: 0, count: capacity) }

        mutating func add(_ index: Int) {
            guard rounds[index] != round else { return }
            rounds[index] = round
            pending.append(index)
        }

        mutating func removeAll() {
            members.removeAll(keepingCapacity: true)
            round += 1
        }
    }

    /// Builds the states from the end of the expression to its beginning, so that each knows what follows it.
    private struct Compiler {
        let ranges: [ClosedRange<UInt32>]
        private(set) var states: [State] = []
        private(set) var size = 0

        init(ranges: [ClosedRange<UInt32>]) { self.ranges = ranges }

        mutating func append(_ state: State) throws(Refusal) -> Int {
            if case .scalar(let accepted, _) = state { size += accepted.count }
            try countOne()
            states.append(state)
            return states.count - 1
        }

        private mutating func countOne() throws(Refusal) {
            size += 1
            guard size <= LinearPattern.maximumSize else {
                throw Refusal(message: "the pattern is too large; repeat less, or use maxLength", column: 1)
            }
        }

        /// - Returns: the state in which the node begins.
        mutating func emit(_ node: Node, before next: Int) throws(Refusal) -> Int {
            // Nodes count too: empty ones make no states however often they are repeated.
            try countOne()
            switch node {
            case .scalar(let accepted): return try append(.scalar(accepted, next: next))
            case .start: return try append(.start(next: next))
            case .end: return try append(.end(next: next))
            case .sequence(let parts):
                var entry = next
                for part in parts.reversed() { entry = try emit(part, before: entry) }
                return entry
            case .choice(let choices):
                var entry: Int?
                for choice in choices.reversed() {
                    let one = try emit(choice, before: next)
                    if let other = entry { entry = try append(.fork(one, other)) } else { entry = one }
                }
                return entry ?? next
            case .repetition(let body, let least, let most):
                return try emit(body, least, most, before: next)
            }
        }

        private mutating func emit(
            _ body: Node,
            _ least: Int,
            _ most: Int?,
            before next: Int
        ) throws(Refusal) -> Int {
            var entry = next
            var copies = least
            if let most {
                for _ in least..<most {
                    let one = try emit(body, before: entry)
                    entry = try append(.fork(one, next))
                }
            } else {
                let loop = try append(.fork(next, next))
                let one = try emit(body, before: loop)
                states[loop] = .fork(one, next)
                // The body that the loop returns to is the last of those that must be there.
                entry = least == 0 ? loop : one
                copies = max(0, least - 1)
            }
            for _ in 0..<copies { entry = try emit(body, before: entry) }
            return entry
        }
    }

    private indirect enum Node {
        case scalar(Range<Int>)
        case start
        case end
        case sequence([Node])
        case choice([Node])
        case repetition(Node, least: Int, most: Int?)
    }

    private struct Parser {
        private static let repeatForms = "write {m}, {m,} or {m,n}, or \\{ for a brace"

        /// The scalars of all nodes.
        private(set) var ranges: [ClosedRange<UInt32>] = []
        private let scalars: [Unicode.Scalar]
        private var position = 0
        private var depth = 0

        init(_ expression: String) { scalars = Array(expression.unicodeScalars) }

        mutating func readExpression() throws(Refusal) -> Node {
            let node = try readChoices()
            guard position == scalars.count else { throw refusal("there is no group that this ) could end") }
            return node
        }

        private mutating func readChoices() throws(Refusal) -> Node {
            var choices = [try readSequence()]
            while consume("|") { choices.append(try readSequence()) }
            return choices.count == 1 ? choices[0] : .choice(choices)
        }

        private mutating func readSequence() throws(Refusal) -> Node {
            var parts: [Node] = []
            while let scalar = peek, scalar != "|", scalar != ")" { parts.append(try readRepetition()) }
            return parts.count == 1 ? parts[0] : .sequence(parts)
        }

        private mutating func readRepetition() throws(Refusal) -> Node {
            let start = position
            let node = try readAtom()
            let bodyEnd = position
            guard let (least, most) = try readRepeat() else { return node }
            if scalars[start] == "^" || scalars[start] == "$" {
                position = bodyEnd
                throw refusal("\(scalars[start]) cannot be repeated")
            }
            switch peek {
            case "?", "+", "*", "{":
                throw refusal("lazy, possessive and double repeats are not supported; use a group to repeat a repeat")
            default: return .repetition(node, least: least, most: most)
            }
        }

        private mutating func readRepeat() throws(Refusal) -> (least: Int, most: Int?)? {
            if consume("*") { return (0, nil) }
            if consume("+") { return (1, nil) }
            if consume("?") { return (0, 1) }
            let start = position
            guard consume("{") else { return nil }
            let least = try readNumber(start)
            var most: Int? = least
            if consume(",") { most = peek == "}" ? nil : try readNumber(start) }
            guard consume("}") else { throw refusal(Self.repeatForms, start) }
            guard max(least, most ?? 0) <= LinearPattern.maximumRepeat else {
                throw refusal("repeats go up to \(LinearPattern.maximumRepeat)", start)
            }
            if let most, most < least { throw refusal("the repeat ends before it begins", start) }
            return (least, most)
        }

        /// A number that is too large becomes some other one that is.
        private mutating func readNumber(_ start: Int) throws(Refusal) -> Int {
            var number: Int?
            while let digit = peek, "0"..."9" ~= digit {
                number = min((number ?? 0) * 10 + Int(digit.value - 0x30), LinearPattern.maximumRepeat + 1)
                position += 1
            }
            guard let number else { throw refusal(Self.repeatForms, start) }
            return number
        }

        private mutating func readAtom() throws(Refusal) -> Node {
            let scalar = scalars[position]
            switch scalar {
            case "^":
                position += 1
                return .start
            case "$":
                position += 1
                return .end
            case "(": return try readGroup()
            case "[": return try readClass()
            case "*", "+", "?": throw refusal("there is nothing to repeat before \(scalar)")
            case "{": throw refusal("there is nothing to repeat before {; write \\{ for a brace")
            case ".":
                position += 1
                return self.scalar(of: Scalars.complement(of: [0x0A...0x0A]))
            case "\\": return self.scalar(of: try readEscape())
            default:
                position += 1
                return self.scalar(of: [scalar.value...scalar.value])
            }
        }

        private mutating func readGroup() throws(Refusal) -> Node {
            let start = position
            position += 1
            if consume("?"), !consume(":") {
                throw refusal("of the groups that begin with (? only (?:…) is supported", start)
            }
            depth += 1
            guard depth <= LinearPattern.maximumDepth else {
                throw refusal("groups nest more than \(LinearPattern.maximumDepth) deep", start)
            }
            let node = try readChoices()
            depth -= 1
            guard consume(")") else { throw refusal("this group has no end; write \\( for a parenthesis", start) }
            return node
        }

        private mutating func readEscape() throws(Refusal) -> [ClosedRange<UInt32>] {
            let start = position
            position += 1
            guard let scalar = peek else { throw refusal("there is nothing after the backslash", start) }
            position += 1
            switch scalar {
            case "d": return Scalars.digits
            case "D": return Scalars.complement(of: Scalars.digits)
            case "w": return Scalars.wordScalars
            case "W": return Scalars.complement(of: Scalars.wordScalars)
            case "s": return Scalars.blanks
            case "S": return Scalars.complement(of: Scalars.blanks)
            case "t": return [0x09...0x09]
            case "n": return [0x0A...0x0A]
            case "v": return [0x0B...0x0B]
            case "f": return [0x0C...0x0C]
            case "r": return [0x0D...0x0D]
            case "0"..."9", "a"..."z", "A"..."Z": throw refusal("\\\(scalar) is not supported", start)
            case _ where scalar.isASCII && scalar.value > 0x20 && scalar.value < 0x7F:
                return [scalar.value...scalar.value]
            default: throw refusal("a backslash may stand before ASCII letters and punctuation only", start)
            }
        }

        private mutating func readClass() throws(Refusal) -> Node {
            let start = position
            position += 1
            let isNegated = consume("^")
            if peek == "]" { throw refusal("a class must not be empty; write \\] for a bracket") }
            var members: [ClosedRange<UInt32>] = []
            while !consume("]") {
                guard let scalar = peek else { throw refusal("this class has no end; write \\[ for a bracket", start) }
                if scalar == "[", position + 1 < scalars.count, scalars[position + 1] == ":" {
                    throw refusal("named classes are not supported; write ranges such as a-z")
                }
                let from = position
                let low = try readClassMember()
                guard peek == "-", position + 1 < scalars.count, scalars[position + 1] != "]" else {
                    members += low
                    continue
                }
                position += 1
                let high = try readClassMember()
                guard let first = Scalars.only(low), let last = Scalars.only(high) else {
                    throw refusal("a range must be between two single characters; write \\- for a dash", from)
                }
                guard first <= last else { throw refusal("the range ends before it begins", from) }
                members.append(first...last)
            }
            let accepted = isNegated ? Scalars.complement(of: members) : Scalars.merged(members)
            return scalar(of: accepted)
        }

        private mutating func readClassMember() throws(Refusal) -> [ClosedRange<UInt32>] {
            let scalar = scalars[position]
            if scalar == "\\" { return try readEscape() }
            position += 1
            return [scalar.value...scalar.value]
        }

        private mutating func scalar(of accepted: [ClosedRange<UInt32>]) -> Node {
            let start = ranges.count
            ranges += accepted
            return .scalar(start..<ranges.count)
        }

        private var peek: Unicode.Scalar? { position < scalars.count ? scalars[position] : nil }

        private mutating func consume(_ scalar: Unicode.Scalar) -> Bool {
            guard peek == scalar else { return false }
            position += 1
            return true
        }

        private func refusal(_ message: String, _ offset: Int? = nil) -> Refusal {
            Refusal(message: message, column: (offset ?? position) + 1)
        }
    }

    /// Sets of Unicode scalars as ranges.
    private enum Scalars {
        static let digits: [ClosedRange<UInt32>] = [0x30...0x39]
        static let wordScalars: [ClosedRange<UInt32>] = [0x30...0x39, 0x41...0x5A, 0x5F...0x5F, 0x61...0x7A]
        static let blanks: [ClosedRange<UInt32>] = [0x09...0x0A, 0x0C...0x0D, 0x20...0x20]

        static func only(_ ranges: [ClosedRange<UInt32>]) -> UInt32? {
            ranges.count == 1 && ranges[0].count == 1 ? ranges[0].lowerBound : nil
        }

        /// Sorted, none touching another.
        static func merged(_ ranges: [ClosedRange<UInt32>]) -> [ClosedRange<UInt32>] {
            var result: [ClosedRange<UInt32>] = []
            for range in ranges.sorted(by: { $0.lowerBound < $1.lowerBound }) {
                guard let last = result.last, range.lowerBound <= last.upperBound + 1 else {
                    result.append(range)
                    continue
                }
                result[result.count - 1] = last.lowerBound...max(last.upperBound, range.upperBound)
            }
            return result
        }

        static func complement(of ranges: [ClosedRange<UInt32>]) -> [ClosedRange<UInt32>] {
            var result: [ClosedRange<UInt32>] = []
            var next: UInt32 = 0
            for range in merged(ranges) {
                if range.lowerBound > next { result.append(next...(range.lowerBound - 1)) }
                next = range.upperBound + 1
            }
            if next <= 0x10FFFF { result.append(next...0x10FFFF) }
            return result
        }
    }
}
