import JSON
import Testing

@Suite(.timeLimit(.minutes(4))) struct LinearPatternTests {
    @Test(
        arguments: [
            ("abc", ["abc", "xabcx"], ["", "ab", "aBc"]),
            ("^abc$", ["abc"], ["xabc", "abcx", "abc\n"]),
            ("", ["", "x"], []),
            ("^$", [""], ["x", "\n"]),
            ("a|b", ["a", "xb"], ["", "c"]),
            ("^(a|b|)$", ["a", "b", ""], ["ab"]),
            ("^a*$", ["", "aaa"], ["ab"]),
            ("^a+$", ["a", "aaa"], ["", "ab"]),
            ("^ab?$", ["a", "ab"], ["abb"]),
            ("^a{2}$", ["aa"], ["a", "aaa"]),
            ("^a{2,}$", ["aa", "aaaaa"], ["a"]),
            ("^a{0,2}$", ["", "a", "aa"], ["aaa"]),
            ("^a{0}$", [""], ["a"]),
            ("^a{1,3}b$", ["ab", "aaab"], ["b", "aaaab"]),
            ("^(?:ab){2}$", ["abab"], ["ab", "ababab"]),
            ("^(a*)*$", ["", "aaa"], ["b"]),
            ("^(a|b+){2}c$", ["abbc", "aac", "bbc"], ["ac", "bc", "abac"]),
            ("^[a-c_]+$", ["abc_"], ["d", ""]),
            ("^[^a-c]$", ["d", "\n", "é"], ["a", "b", "c", "dd"]),
            ("^[-a]$", ["-", "a"], ["b"]),
            ("^[a-]$", ["-", "a"], ["b"]),
            ("^[a^]$", ["a", "^"], ["b"]),
            ("^[\\]\\\\.]$", ["]", "\\", "."], ["x"]),
            ("^[\\d.-]+$", ["1.2-3"], ["a"]),
            ("^[^\\d\\s]$", ["x"], ["1", " "]),
            ("^\\w\\W\\d\\D\\s\\S$", ["a-1x x"], ["aa1x x", "a-1xxx", "ä-1x x"]),
            ("^.$", ["x", "é", "😀", "\r"], ["", "xx", "\n"]),
            ("^[α-ω]{2}$", ["λμ"], ["ab"]),
            ("\\.\\*\\+\\?\\(\\)\\[\\]\\{\\}\\^\\$\\|\\/", [".*+?()[]{}^$|/"], ["x"]),
            ("^\\t\\n\\v\\f\\r$", ["\t\n\u{0B}\u{0C}\r"], ["tnvfr"]),
            ("a^b|b$", ["b", "ab"], ["a^b.", ""]),
            ("^}]$", ["}]"], []),
        ] as [(String, [String], [String])]
    )
    func `a pattern matches what it says`(expression: String, matching: [String], others: [String]) throws {
        let pattern = try LinearPattern(expression)
        for text in matching { #expect(pattern.matches(text), "\(text.debugDescription)") }
        for text in others { #expect(!pattern.matches(text), "\(text.debugDescription)") }
    }

    @Test(
        arguments: [
            ("a)", "column 2: there is no group that this ) could end"),
            ("(a", "column 1: this group has no end; write \\( for a parenthesis"),
            ("x[ab", "column 2: this class has no end; write \\[ for a bracket"),
            ("[]a]", "column 2: a class must not be empty; write \\] for a bracket"),
            ("[[:alpha:]]", "column 2: named classes are not supported; write ranges such as a-z"),
            ("[z-a]", "column 2: the range ends before it begins"),
            ("[\\d-z]", "column 2: a range must be between two single characters; write \\- for a dash"),
            ("*a", "column 1: there is nothing to repeat before *"),
            ("a|+", "column 3: there is nothing to repeat before +"),
            ("{2}", "column 1: there is nothing to repeat before {; write \\{ for a brace"),
            ("^*", "column 2: ^ cannot be repeated"),
            (
                "a*?",
                "column 3: lazy, possessive and double repeats are not supported; use a group to repeat a repeat"
            ),
            ("a{,3}", "column 2: write {m}, {m,} or {m,n}, or \\{ for a brace"),
            ("a{x", "column 2: write {m}, {m,} or {m,n}, or \\{ for a brace"),
            ("a{3,1}", "column 2: the repeat ends before it begins"),
            ("a{99999999999999999999}", "column 2: repeats go up to 1000"),
            ("(?=a)", "column 1: of the groups that begin with (? only (?:…) is supported"),
            ("(?i)a", "column 1: of the groups that begin with (? only (?:…) is supported"),
            ("(a)\\1", "column 4: \\1 is not supported"),
            ("\\bword", "column 1: \\b is not supported"),
            ("\\p{L}", "column 1: \\p is not supported"),
            ("a\\", "column 2: there is nothing after the backslash"),
            ("\\é", "column 1: a backslash may stand before ASCII letters and punctuation only"),
        ]
    )
    func `what is not supported is refused with its place`(expression: String, message: String) {
        let refusal = #expect(throws: LinearPattern.Refusal.self) { try LinearPattern(expression) }
        #expect(refusal?.description == message)
    }

    @Test func `a pattern that would grow too large is refused at once`() {
        let expressions = [
            "(((a{1000}){1000}){1000}){1000}", "((((){1000}){1000}){1000}){1000}",
            "(" + String(repeating: "()", count: 5000) + "){0,1000}",
            String(repeating: "(", count: 100_000), String(repeating: "a|", count: 100_000),
            String(repeating: "(", count: 51) + String(repeating: ")", count: 51),
            String(repeating: "(", count: 40) + "a" + String(repeating: "){2,}", count: 40),
        ]
        for (index, expression) in expressions.enumerated() {
            #expect(throws: LinearPattern.Refusal.self, "\(index)") { try LinearPattern(expression) }
        }
    }

    @Test(arguments: ["^(a+)+$", "^(a|aa)*$", "^(a*)*b$", "(x+x+)+y", "^(a?){200}a{200}$"])
    func `an expression that takes others exponential time takes none here`(expression: String) throws {
        let pattern = try LinearPattern(expression)
        #expect(!pattern.matches(String(repeating: "a", count: 5000) + "!"))
        #expect(!pattern.matches(String(repeating: "x", count: 5000)))
    }

    @Test func `random patterns match what the regular expressions of the standard library match`() throws {
        var random = Sequencer(state: 0x9E37_79B9_7F4A_7C15)
        let texts = (0..<60).map { _ in
            String(
                (0..<Int.random(in: 0...6, using: &random)).map { _ in
                    "abc".randomElement(using: &random) ?? "a"
                }
            )
        }
        for _ in 0..<300 {
            let expression = Self.randomExpression(depth: 3, using: &random)
            let pattern = try LinearPattern(expression)
            let regex = try Regex(expression).matchingSemantics(.unicodeScalar)
            for text in texts {
                let expected = text.firstMatch(of: regex) != nil
                #expect(pattern.matches(text) == expected, "\(text) and \(expression)")
            }
        }
    }

    private static func randomExpression(depth: Int, using random: inout Sequencer) -> String {
        let atoms = ["a", "b", "c", ".", "[ab]", "[^a]", "^", "$"]
        guard depth > 0 else { return atoms.prefix(6).randomElement(using: &random) ?? "a" }
        let one = randomExpression(depth: depth - 1, using: &random)
        switch Int.random(in: 0..<6, using: &random) {
        case 0: return atoms.randomElement(using: &random) ?? "a"
        case 1: return "(\(one)|\(randomExpression(depth: depth - 1, using: &random)))"
        case 2: return "(?:\(one))\(["*", "+", "?", "{2}", "{1,}", "{0,2}"].randomElement(using: &random) ?? "*")"
        default: return one + randomExpression(depth: depth - 1, using: &random)
        }
    }

    /// The same numbers in every run.
    private struct Sequencer: RandomNumberGenerator {
        var state: UInt64

        mutating func next() -> UInt64 {
            // splitmix64 (Steele, Lea, Flood, 2014).
            state &+= 0x9E37_79B9_7F4A_7C15
            var mixed = (state ^ (state >> 30)) &* 0xBF58_476D_1CE4_E5B9
            mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
            return mixed ^ (mixed >> 31)
        }
    }
}
