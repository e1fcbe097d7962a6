import CEL
import JSON
import Synchronization
import Testing

private let steps: JSONValue = ["a": ["outputs": ["status": 200, "body": ["items": [1, 2.5, "x", .null, true]]]]]

@Suite struct ProgramTests {
    @Test func `an expression is compiled once and evaluated with bindings`() throws {
        let program = try Program(compiling: #"steps.a.outputs.status == 200 && input.region in ["x", "y"]"#)
        #expect(try program.evaluate(["steps": Value(steps), "input": Value(["region": "y"])]) == .bool(true))
        #expect(try program.evaluate(["steps": Value(steps), "input": Value(["region": "z"])]) == .bool(false))
    }

    @Test(
        arguments: [
            (#"steps.a.outputs.x == input["r"]"#, [["steps", "a", "outputs", "x"], ["input", "r"]]),
            ("input.items.map(i, i.name + input.suffix)", [["input", "items"], ["input", "suffix"]]),
            ("has(input.a.b) && input[0].c", [["input", "a", "b"], ["input"]]),
            ("item.all(item, item > process.n)", [["item"], ["process", "n"]]),
            ("cel.bind(x, input.a, x.b + input.b)", [["input", "a"], ["input", "b"]]),
            ("input[input.key].more", [["input"], ["input", "key"]]),
            ("steps.a.?outputs.status", [["steps", "a"]]),
            ("type(1) == int && size('x') == 1", []),
        ]
    )
    func `references are the chains of constant members of free variables`(text: String, expected: [[String]]) throws {
        #expect(try Program(compiling: text).references == expected)
    }

    @Test func `unknown variables are found when names are declared`() throws {
        let error = #expect(throws: CELError.self) {
            try Program(compiling: "input.a +\n  stps.b", declaring: ["input", "steps"])
        }
        #expect(
            error?.description
                == "line 2, column 3: undeclared reference to \"stps\"; known here: input, steps (in \"stps\")"
        )
        #expect(throws: Never.self) { try Program(compiling: "[1].map(stps, stps)", declaring: []) }
    }

    @Test(arguments: ["nosuch(1)", "'a'.nosuch()", "size()", "size(1, 2)", "'a'.startsWith()", "math.nosuch(1)"])
    func `unknown functions and wrong numbers of arguments are found at compile time`(text: String) {
        #expect(throws: CELError.self) { try Program(compiling: text, declaring: ["math"]) }
    }

    @Test func `checks can wait for the evaluation`() throws {
        let program = try Program(compiling: "nosuch(1) || true", deferringChecks: true)
        #expect(try program.evaluate([:]) == .bool(true))
        let failing = try Program(compiling: "nosuch(1)", deferringChecks: true)
        #expect(throws: CELError.self) { try failing.evaluate([:]) }
    }

    @Test func `a lookup is asked once for each variable that is needed`() throws {
        let asked = Mutex<[String]>([])
        let bindings = Bindings { name in
            asked.withLock { $0.append(name) }
            return name == "steps" ? steps : nil
        }
        let program = try Program(compiling: "steps.a.outputs.status == 200 && has(steps.a) || input.x")
        #expect(try program.evaluate(bindings) == .bool(true))
        #expect(asked.withLock { $0 } == ["steps"])
    }

    @Test func `JSON integers are ints, other numbers doubles, and lists and maps stay JSON`() throws {
        let items = try Program(compiling: "steps.a.outputs.body.items").evaluate(["steps": Value(steps)])
        #expect(items == .list([.int(1), .double(2.5), .string("x"), .null, .bool(true)]))
        #expect(try items.json() == [1, 2.5, "x", .null, true])
        #expect(
            try value(of: "steps.map(k, k)", ["steps": Value(["b": 1, "a": 2])]) == .list([.string("a"), .string("b")])
        )
    }

    @Test func `qualified names win over selections, the innermost container first`() throws {
        let bindings: Bindings = [
            "a": Value(["b": ["c": "selected"]]), "a.b": Value(["c": "from a.b"]), "x.y.v": .int(1), "x.v": .int(2),
            "v": .int(3),
        ]
        #expect(try value(of: "a.b.c", bindings) == .string("from a.b"))
        #expect(try Program(compiling: "v", container: "x.y").evaluate(bindings) == .int(1))
        #expect(try Program(compiling: "v", container: "x.z").evaluate(bindings) == .int(2))
        #expect(try Program(compiling: ".v", container: "x.y").evaluate(bindings) == .int(3))
        #expect(try Program(compiling: "[7].map(v, v)[0]", container: "x").evaluate(bindings) == .int(7))
        #expect(try Program(compiling: "[7].map(v, .v)[0]", container: "x").evaluate(bindings) == .int(3))
    }
}
