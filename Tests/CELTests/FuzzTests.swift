import JSON
import Testing

@testable import CEL

@Suite(.timeLimit(.minutes(4))) struct FuzzTests {
    private static var bindings: Bindings {
        [
            "a": .int(3), "b": .string("x"), "c": Value(["d": [1, 2.5, "x", .null], "e": ["f": true]]),
            "l": .list([.int(1), .uint(2)]),
        ]
    }

    /// Compiles and evaluates; what comes out does not matter, that it does is the point.
    private static func run(_ text: String) {
        guard let program = try? Program(compiling: text, limits: Limits(cost: 10_000), deferringChecks: true) else {
            return
        }
        _ = try? program.evaluate(bindings).typedJSON()
    }

    @Test(arguments: 0..<4) func `random bytes crash nothing`(seed: UInt64) {
        onSmallStack {
            var dice = Dice(state: seed)
            for _ in 0..<3000 {
                let bytes = (0..<Int.random(in: 0..<40, using: &dice)).map { _ in
                    UInt8.random(in: 0...255, using: &dice)
                }
                Self.run(String(decoding: bytes, as: UTF8.self))
            }
        }
    }

    private static let words = [
        "a", "b", "c", "l", "d", "e", ".", ".?", "(", ")", "[", "]", "[?", "{", "}", ",", ":", "?", "+", "-", "*", "/",
        "%", "!", "&&",
        "||", "==", "!=", "<", ">=", " in ", "1", "2u", "0.5", "-9223372036854775808", "'x'", "b'y'", "r'\\d+'", "true",
        "null", "has(",
        ".map(x, ", ".all(x, ", ".filter(i, v, ", "x", "size(", ".size()", "cel.bind(x, ", "optional.of(", ".orValue(",
        "int", "type(",
        "timestamp(", "duration('1h')", ".matches('(a|b)*')", ".format(", ".split('')", "math.greatest(",
        "quantity('1')", ".`a`", "//",
    ]

    @Test(arguments: 10..<14) func `random words crash nothing`(seed: UInt64) {
        onSmallStack {
            var dice = Dice(state: seed)
            for _ in 0..<3000 {
                let count = Int.random(in: 0..<20, using: &dice)
                Self.run((0..<count).map { _ in Self.words.randomElement(using: &dice) ?? "" }.joined())
            }
        }
    }

    @Test(arguments: 20..<24) func `valid expressions with one byte changed crash nothing`(seed: UInt64) {
        onSmallStack {
            var dice = Dice(state: seed)
            for _ in 0..<500 {
                var trees = Trees(dice: dice)
                var bytes = Array(Unparser.text(trees.tree(depth: 4)).utf8)
                dice = trees.dice
                guard let index = bytes.indices.randomElement(using: &dice) else { continue }
                bytes[index] = UInt8.random(in: 0x20...0x7F, using: &dice)
                Self.run(String(decoding: bytes, as: UTF8.self))
            }
        }
    }

    @Test(arguments: 30..<34) func `random trees are printed, read again and have the same value`(seed: UInt64) throws {
        var trees = Trees(dice: Dice(state: seed))
        var values = 0
        for _ in 0..<500 {
            let text = Unparser.text(trees.tree(depth: 5))
            let program = try Program(compiling: text, deferringChecks: true)
            let printed = Unparser.text(program.syntax)
            let again = try Program(compiling: printed, deferringChecks: true)
            #expect(Unparser.text(again.syntax) == printed)
            let first = Result { () throws(CELError) in try program.evaluate(Self.bindings) }
            let second = Result { () throws(CELError) in try again.evaluate(Self.bindings) }
            switch (first, second) {
            case (.success(let first), .success(let second)):
                values += 1
                #expect(first == second, "\(text)")
            case (.failure(let first), .failure(let second)): #expect(first.message == second.message, "\(text)")
            default: Issue.record("\(text) and \(printed) differ: \(first), \(second)")
            }
        }
        // Trees that only fail would show little.
        #expect(values > 50)
    }

    @Test(arguments: 40..<42) func `random regular expressions crash nothing and end`(seed: UInt64) {
        let parts = [
            "a", "b", ".", "*", "+", "?", "{2}", "{1,3}", "(", ")", "|", "[", "]", "^", "$", "-", "\\", "\\d", "\\b",
            "(?i)", "(?:", "\u{E9}",
        ]
        onSmallStack {
            var dice = Dice(state: seed)
            for _ in 0..<2000 {
                let pattern = (0..<Int.random(in: 1..<12, using: &dice)).map { _ in
                    parts.randomElement(using: &dice) ?? ""
                }.joined()
                var budget = Budget(100_000)
                guard let expression = try? RegularExpression(pattern, &budget) else { continue }
                _ = try? expression.matches(in: Array("abaab\u{E9}b".unicodeScalars), limit: .max, &budget)
            }
        }
    }

    /// A random tree printed without parentheses that are not needed must be read as the same tree.
    @Test func `operators of every pair of levels keep their grouping`() throws {
        let operators: [BinaryOperator] = [.or, .and, .less, .in, .add, .subtract, .multiply, .remainder]
        let span = Span(0, 0)
        let names = ["a", "b", "c"].map { Syntax(.identifier($0, isAbsolute: false), span) }
        for first in operators {
            for second in operators {
                let inner = Syntax(.operation(second, [names[1], names[2]]), span)
                for outer in [[names[0], inner], [inner, names[0]]] {
                    let tree = Syntax(.operation(first, outer), span)
                    let text = Unparser.text(tree)
                    #expect(Unparser.text(try Program(compiling: text).syntax) == text)
                }
            }
        }
    }
}

/// A small generator with a seed (splitmix64), so that a failure can be repeated.
private struct Dice: RandomNumberGenerator, Sendable {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var bits = state
        bits = (bits ^ (bits >> 30)) &* 0xBF58_476D_1CE4_E5B9
        bits = (bits ^ (bits >> 27)) &* 0x94D0_49BB_1331_11EB
        return bits ^ (bits >> 31)
    }
}

/// Makes random syntax trees, most of which have a value.
private struct Trees {
    var dice: Dice
    /// Variables of macros around.
    private var locals: [String] = []

    init(dice: Dice) { self.dice = dice }

    private mutating func pick<Element>(_ elements: [Element]) -> Element {
        elements[Int.random(in: 0..<elements.count, using: &dice)]
    }

    private func node(_ kind: Syntax.Kind) -> Syntax { Syntax(kind, Span(0, 0)) }

    mutating func tree(depth: Int) -> Syntax {
        guard depth > 1 else { return leaf() }
        switch Int.random(in: 0..<22, using: &dice) {
        case 0...1: return leaf()
        case 2...4:
            return node(.operation(pick([.add, .subtract, .multiply, .divide, .remainder]), two(depth)))
        case 5...6: return node(.operation(pick([.equal, .notEqual, .less, .greaterOrEqual, .in]), two(depth)))
        case 7...8:
            return node(
                .operation(pick([.and, .or]), two(depth) + (Bool.random(using: &dice) ? [tree(depth: depth - 1)] : []))
            )
        case 9: return node(.not(tree(depth: depth - 1)))
        case 10: return node(.negation(tree(depth: depth - 1)))
        case 11: return node(.conditional(tree(depth: depth - 1), tree(depth: depth - 1), tree(depth: depth - 1)))
        case 12...13:
            return node(
                .list(
                    two(depth).map { Syntax.Element(value: $0, isOptional: Int.random(in: 0..<9, using: &dice) == 0) }
                )
            )
        case 14:
            let key = node(.literal(.string(pick(["k", "a b", "\"", "\\", "\u{E9}\n"]))))
            return node(.map([Syntax.Entry(key: key, value: tree(depth: depth - 1), isOptional: false)]))
        case 15:
            return node(.index(tree(depth: depth - 1), tree(depth: depth - 1), isOptional: Bool.random(using: &dice)))
        case 16:
            return node(
                .select(
                    tree(depth: depth - 1),
                    field: pick(["k", "d", "a-b", "in"]),
                    isOptional: Bool.random(using: &dice)
                )
            )
        case 17: return node(.call(pick(["size", "string", "dyn", "type", "optional.of"]), [tree(depth: depth - 1)]))
        case 18:
            return node(
                .method(
                    tree(depth: depth - 1),
                    name: pick(["size", "orValue", "startsWith"]),
                    [tree(depth: depth - 1)]
                )
            )
        case 19...20: return comprehension(depth)
        default: return node(.bind("v", tree(depth: depth - 1), withLocals(["v"]) { $0.tree(depth: depth - 1) }))
        }
    }

    private mutating func two(_ depth: Int) -> [Syntax] { [tree(depth: depth - 1), tree(depth: depth - 1)] }

    private mutating func withLocals(_ names: [String], _ make: (inout Trees) -> Syntax) -> Syntax {
        locals += names
        defer { locals.removeLast(names.count) }
        return make(&self)
    }

    private mutating func comprehension(_ depth: Int) -> Syntax {
        let range = tree(depth: depth - 1)
        let macro = pick([Macro.all, .exists, .existsOne, .map, .filter, .transformList, .transformMap, .sortBy])
        let names = [Macro.transformList, .transformMap].contains(macro) ? ["i", "e"] : ["e"]
        let body = withLocals(names) { $0.tree(depth: depth - 1) }
        return node(.comprehension(macro, range, variables: names, bodies: [body]))
    }

    private mutating func leaf() -> Syntax {
        switch Int.random(in: 0..<12, using: &dice) {
        case 0...2: return node(.literal(.int(pick([0, 1, 2, -1, 7, .max, .min]))))
        case 3: return node(.literal(.uint(pick([0, 1, .max]))))
        case 4: return node(.literal(.double(pick([0, -0.0, 1.5, -2.25, 1e300, 5e-300, 1e21]))))
        case 5...6: return node(.literal(.string(pick(["", "x", "a\"b", "\u{1F600}\u{7}\r", "\u{0}"]))))
        case 7: return node(.literal(.bytes(pick([[], [0, 255], [0x41]]))))
        case 8: return node(.literal(pick([.null, .bool(true), .bool(false)])))
        default:
            let name = locals.isEmpty ? pick(["a", "b", "c", "l"]) : pick(locals)
            return node(.identifier(name, isAbsolute: false))
        }
    }
}
