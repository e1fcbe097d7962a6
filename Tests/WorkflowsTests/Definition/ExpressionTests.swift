import JSON
import Testing

@testable import Workflows

@Suite struct ExpressionTests {
    private func template(
        _ value: JSONValue,
        names: Set<String> = ["input", "steps"]
    ) -> (ValueTemplate, [JSONSchema.Violation]) {
        var violations: [JSONSchema.Violation] = []
        let template = ValueTemplate(
            value,
            at: "with",
            names: names,
            language: CELExpressions(),
            violations: &violations
        )
        return (template, violations)
    }

    private func evaluate(
        _ value: JSONValue,
        _ input: JSONValue = ["n": 3, "s": "x", "l": [1, 2]]
    ) throws -> JSONValue {
        let (template, violations) = template(value)
        #expect(violations == [])
        return try template.evaluate { $0 == "input" ? input : nil }
    }

    @Test func `a string that is one expression becomes its value, whatever its type`() throws {
        #expect(try evaluate("${{ input.n }}") == 3)
        #expect(try evaluate("${{input.l}}") == [1, 2])
        #expect(try evaluate("${{ input.n > 2 }}") == true)
        #expect(try evaluate("${{ {'a': input.s} }}") == ["a": "x"])
        #expect(try evaluate("${{ null }}") == .null)
    }

    @Test func `within other text each expression becomes text`() throws {
        #expect(try evaluate("n=${{ input.n }}, s=${{ input.s }}") == "n=3, s=x")
        #expect(try evaluate("${{ input.n }}${{ input.n }}") == "33")
        #expect(try evaluate(" ${{ input.l }}") == " [1,2]")
    }

    @Test func `expressions are found at any depth, and everything else stays as it is`() throws {
        let value: JSONValue = ["a": ["b": [1, "${{ input.s }}", .null, ["c": 1.5]]], "d": "plain $ { {{ }} text"]
        #expect(try evaluate(value) == ["a": ["b": [1, "x", .null, ["c": 1.5]]], "d": "plain $ { {{ }} text"])
        #expect(template(["a": [1, "x"]]).0.isConstant)
        #expect(!template(["a": [1, "${{ 1 }}"]]).0.isConstant)
    }

    @Test(arguments: [
        ("plain", ["plain"]), ("", [""]), ("a${{ b }}c", ["a", "< b >", "c"]),
        ("${{ '}}' }}", ["< '}}' >"]), ("${{ \"a\\\"}}\" }}", ["< \"a\\\"}}\" >"]),
        ("${{ {'a': {'b': 1}} }}", ["< {'a': {'b': 1}} >"]), ("${{{'a': 1}}}", ["<{'a': 1}>"]),
        ("${{ a }}${{ b }}", ["< a >", "< b >"]), ("$ {{ a }}", ["$ {{ a }}"]),
    ])
    func `a text is cut where its expressions begin and end`(text: String, pieces: [String]) {
        let found = ExpressionText.split(text)?.map { piece in
            switch piece {
            case .literal(let literal): literal
            case .expression(let source): "<\(source)>"
            }
        }
        #expect(found == pieces)
    }

    @Test(arguments: ["${{", "${{ a", "a ${{ b } }", "${{ 'a }}", "${{ {'a': 1 }}", "${{ \"\\", "${{ a }} ${{"])
    func `an expression without an end is a fault, not text`(text: String) {
        #expect(ExpressionText.split(text) == nil)
        let (_, violations) = template(["x": [.string(text)]])
        #expect(violations.map(\.path) == ["with.x[0]"])
    }

    @Test func `what cannot be compiled is found with its path`() {
        let (_, violations) = template(["a": "${{ 1 + }}", "b": ["ok", "${{ nope.x }}"], "c": "${{ }}"])
        #expect(violations.map(\.path) == ["with.a", "with.b[1]", "with.c"])
        #expect(violations[1].description.contains("nope"))
    }

    @Test func `what cannot be evaluated says why`() {
        for source in ["${{ input.nope }}", "${{ input.n / 0 }}", "${{ input.l[7] }}", "${{ input.s + 1 }}"] {
            #expect(throws: ExpressionError.self) { try evaluate(.string(source)) }
        }
    }

    @Test func `references are everything the expressions select`() {
        let (template, _) = template(["a": "${{ input.x.y }}", "b": ["-${{ steps.one.outputs['z'] }}"]])
        #expect(Set(template.references) == [["input", "x", "y"], ["steps", "one", "outputs", "z"]])
    }

    @Test func `an expression asks only for the names it needs`() throws {
        let (template, _) = template("${{ input.n > 2 || steps.a.outputs }}")
        let value = try template.evaluate { name in
            #expect(name == "input")
            return ["n": 3]
        }
        #expect(value == true)
    }
}
