import CEL
import Testing

@Suite(.timeLimit(.minutes(4))) struct RegularExpressionTests {
    @Test(
        arguments: [
            ("a.c", "xabcx", true), ("a.c", "a\\nc", false), ("(?s)a.c", "a\\nc", true), ("^a$", "a", true),
            ("^a$", "ab", false),
            ("(?m)^b$", "a\\nb\\nc", true), ("^b$", "a\\nb\\nc", false), ("[a-c]+x", "abcx", true),
            ("[^a-c]", "abc", false),
            ("[]a]", "]", true), ("[a\\\\-z]", "-", true), ("\\\\d{2,3}$", "x1234", true),
            ("^\\\\d{2,3}$", "1234", false),
            ("^a{2}$", "aaa", false), ("^(ab|cd)*$", "abcdab", true), ("^a+?b??$", "aab", true),
            ("(?i)straSSE", "STRASSE", true),
            ("(?i)\u{E9}", "\u{C9}", true), ("\\\\bfoo\\\\b", "a foo b", true), ("\\\\bfoo\\\\b", "afoo", false),
            ("\\\\Bo", "foo", true),
            ("^\\\\w+$", "a_1", true), ("^\\\\W$", "\u{E9}", true), ("^\\\\s$", "\\t", true),
            ("^\\\\pL+$", "a\u{E9}\u{3B1}", true),
            ("^\\\\p{Lu}$", "\u{C9}", true), ("^\\\\p{Greek}+$", "\u{3B1}\u{3B2}", true), ("^\\\\PN$", "1", false),
            ("^[[:alpha:]]+$", "abc", true),
            ("[[:^digit:]]", "12", false), ("\\\\x41\\\\x{1F600}", "A\u{1F600}", true),
            ("^\\\\Qa.b\\\\E$", "axb", false), ("a{,2}", "a{,2}", true),
            ("(?P<n>a)(?:b)", "ab", true), ("x*", "", true), ("(|a)b", "b", true), ("\\\\Aa\\\\z", "a", true),
            ("^.$", "\u{1F600}", true),
            ("(?i:a)b", "Ab", true), ("(?i:a)b", "AB", false), ("(?i)[^a]", "A", false), ("\\\\.", "a", false),
            ("^(a?){3}$", "aa", true),
        ]
    )
    func `a text matches when some part of it does`(pattern: String, text: String, matches: Bool) throws {
        #expect(try value(of: "'\(text)'.matches('\(pattern)')") == .bool(matches))
        #expect(try value(of: "matches(t, '\(pattern)')", ["t": value(of: "'\(text)'")]) == .bool(matches))
    }

    @Test func `wrong patterns are errors`() {
        expectFailures(
            [
                "(", ")", "[", "a**", "*", "a{2,1}", "a{1001}", "\\\\1", "(?=a)", "[z-a]", "\\\\q", "(?P<1",
                "[[:nope:]]", "\\\\pX", "\\\\", "(?P<a>x)(?P<a>y)",
            ]
            .map { "'a'.matches('\($0)')" }
        )
    }

    @Test func `parts are found, extracted and replaced`() {
        expectSame([
            ("'abc 123 d45'.find('[0-9]+')", "'123'"), ("'abc'.find('x')", "''"),
            ("'abc 123 d45'.findAll('[0-9]+')", "['123', '45']"),
            ("'a1b2'.findAll('[0-9]', 1)", "['1']"), ("'abab'.findAll('')", "['', '', '', '', '']"),
            ("'baac'.findAll('a*')", "['', 'aa', '']"),
            ("'aab'.find('a|aa')", "'a'"), ("'aab'.find('a*?b')", "'aab'"), ("'<a><b>'.find('<.*?>')", "'<a>'"),
            ("regex.replace('hello', 'l', 'L')", "'heLLo'"), ("regex.replace('hello', 'l', 'L', 1)", "'heLlo'"),
            (#"regex.replace('john smith', '(\\w+) (\\w+)', r'\2 \1')"#, "'smith john'"),
            ("regex.replace('abc', 'x*', '-')", "'-a-b-c-'"),
            (#"regex.extract('id: 42', 'id: (\\d+)')"#, "optional.of('42')"),
            ("regex.extract('x', 'y')", "optional.none()"),
            (#"regex.extractAll('a1 b2', '[a-z](\\d)')"#, "['1', '2']"),
            ("regex.extract('foo', 'o+')", "optional.of('oo')"),
        ])
        expectFailures([
            "regex.extract('ab', '(a)(b)')", #"regex.replace('a', 'a', r'\1')"#, "regex.replace('a', '(', 'b')",
        ])
    }

    @Test func `patterns that make others hang take linear time`() throws {
        let text = String(repeating: "a", count: 2000)
        for pattern in ["(a*)*b", "(a|a)*b", "(a+)+$b", "(.*)(.*)(.*)(.*)(.*)b", "(a?){50}b"] {
            #expect(try value(of: "t.matches('\(pattern)')", ["t": .string(text)]) == .bool(false))
        }
        #expect(failure(of: "'a'.matches('((a{100}){100}){100}')")?.message.contains("too large") == true)
    }

    @Test func `a long match of a large pattern runs into the cost limit`() throws {
        let text = String(repeating: "ab", count: 10_000)
        let program = try Program(compiling: "t.matches('(a|b|ab|ba|[a-c]|.){40}c')", limits: Limits(cost: 50_000))
        let error = #expect(throws: CELError.self) { try program.evaluate(["t": .string(text)]) }
        #expect(error?.message.contains("cost limit") == true)
    }
}
