import CEL
import JSON
import Testing

@Suite struct ErrorTests {
    private let bindings: Bindings = [
        "steps": Value(["a": ["outputs": ["status": 200, "list": [1, 2]]]]), "key": .string("nope"),
    ]

    @Test(
        arguments: [
            ("steps.a.outputs.state == 1", "no such key: steps.a.outputs.state", "steps.a.outputs.state"),
            ("steps.b.outputs.state", "no such key: steps.b", "steps.b"),
            (#"steps["a"]["my-key"]"#, #"no such key: steps.a["my-key"]"#, #"steps["a"]["my-key"]"#),
            ("steps.a.outputs.list[0].x", "a value of type int has no field \"x\"", "steps.a.outputs.list[0].x"),
            ("steps.a.outputs.status.code", "a value of type int has no field \"code\"", "steps.a.outputs.status.code"),
            ("steps.a.outputs.list[7]", "index 7 is out of range; the list has 2 elements", "steps.a.outputs.list[7]"),
            ("steps[key]", "no such key: \"nope\"", "steps[key]"),
            ("1 + 'a'", "no such overload: int + string", "1 + 'a'"),
            ("-'a'", "no such overload: -string", "-'a'"),
            ("size(1)", "no such overload: size(int)", "size(1)"),
            ("true && 1", "no such overload: && needs booleans", "1"),
            ("[1].all(x, x)", "the condition of a macro must be a boolean", "x"),
            ("7 / 0", "division by zero", "7 / 0"),
            ("missing.x", "undeclared reference to \"missing\"", "missing"),
            ("{1: 2, 1: 3}", "the key 1 is repeated", "1: 3"),
        ]
    )
    func `an error names what is to blame`(text: String, message: String, part: String) {
        let error = failure(of: text, bindings)
        #expect(error?.message == message)
        #expect(error?.text == part)
    }

    @Test func `lines and columns are counted in code points`() {
        let error = failure(of: "'ä' == 'ö' ||\n 'üü' == string(1 / 0)")
        #expect(error?.line == 2)
        #expect(error?.column == 17)
        #expect(error?.description == "line 2, column 17: division by zero (in \"1 / 0\")")
    }

    @Test(
        arguments: [
            ("1 +", "line 1, column 4: syntax error: the expression ends"),
            ("(1", "line 1, column 3: expected \")\", but the expression ends"),
            ("a b", "line 1, column 3: syntax error: found \"b\" (in \"b\")"),
            ("a.1", "line 1, column 2: syntax error: found \".1\" (in \".1\")"),
            ("'abc", "line 1, column 1: this text is not closed (in \"'abc\")"),
            ("'\\q'", "line 1, column 2: unknown escape (in \"\\q\")"),
            ("#", "line 1, column 1: unexpected character (in \"#\")"),
            ("9223372036854775808", "line 1, column 1: this integer does not fit 64 bits (in \"9223372036854775808\")"),
            ("for", "line 1, column 1: \"for\" is a reserved word (in \"for\")"),
            ("a ? b ? c : d : e", "line 1, column 7: \"?:\" inside \"?:\" needs parentheses here (in \"?\")"),
            ("has(a)", "line 1, column 1: has() takes one selection of a field: has(a.b) (in \"has(a)\")"),
            ("x.map(1, 2)", "line 1, column 7: expected the name of a variable (in \"1\")"),
            (
                "Message{a: 1}",
                "line 1, column 1: messages are not supported; a map is written {\"key\": value} (in \"Message\")"
            ),
        ]
    )
    func `syntax errors say what was expected and found`(text: String, description: String) {
        #expect(failure(of: text)?.description == description)
    }

    @Test func `a long offending text is cut`() {
        let text = "1 + '" + String(repeating: "x", count: 200) + "'"
        #expect(failure(of: text)?.text.count == 61)
    }
}
