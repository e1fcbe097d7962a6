import CEL
import JSON
import Testing

/// Ways to nest an expression: what opens a level, what stands inside, what closes a level.
private let nestings: [(open: String, core: String, close: String)] = [
    ("(", "1", ")"),
    ("[", "1", "]"),
    ("{1: ", "1", "}"),
    ("{?'a': ", "x", "}"),
    ("true ? 1 : ", "1", ""),
    ("(true || false) ? (", "1", ") : 2"),
    ("-", "x", ""),
    ("!", "x", ""),
    ("1 + (", "1", ")"),
    ("x || (", "x", ")"),
    ("x == (", "x", ")"),
    ("", "x", " + 1"),
    ("", "x", " && x"),
    ("", "x", ".a"),
    ("", "x", "[0]"),
    ("", "x", "[?0]"),
    ("", "x", ".?a"),
    ("x[", "x", "]"),
    ("[x].map(y, ", "y", ")"),
    ("[x].all(y, ", "y", ")"),
    ("[x].sortBy(y, ", "y", ")"),
    ("{1: x}.transformMap(k, v, ", "v", ")"),
    ("cel.bind(y, x, ", "y", ")"),
    ("optional.of(", "x", ").optMap(y, y)"),
    ("optional.of(x).optFlatMap(y, ", "y", ")"),
    ("optional.none().or(", "x", ")"),
    ("size(", "x", ")"),
    ("x.replace('a', 'b', ", "1", ")"),
    ("has(", "x", ".a)"),
    ("", "[[1]]", ".flatten()"),
]

@Suite(.timeLimit(.minutes(4))) struct LimitTests {
    @Test(arguments: nestings.indices)
    func `deep nesting overflows no small stack and ends at the limit`(index: Int) {
        let (open, core, close) = nestings[index]
        onSmallStack {
            for depth in [32, 60, 78, 79, 80, 81, 1000, 5000] {
                let text = String(repeating: open, count: depth) + core + String(repeating: close, count: depth)
                guard let program = try? Program(compiling: text) else { continue }
                _ = try? program.evaluate(["x": .int(1)]).typedJSON()
                _ = try? program.evaluate(["x": Value(["a": 1])]).json()
            }
        }
    }

    @Test func `what the specification asks for at least is possible`() throws {
        func repeated(_ text: String, _ count: Int = 32) -> String { String(repeating: text, count: count) }
        expectTrue([
            repeated("(") + "true" + repeated(")"), repeated("!") + "true", "1" + repeated(" + 1") + " == 33",
            "true" + repeated(" && true"), "false" + repeated(" || false") + " || true",
            "true ? true : " + repeated("true ? true : ") + "false", "size(" + repeated("[") + repeated("]") + ") == 1",
            "{'a': 1" + (0..<31).map { ", 'k\($0)': 1" }.joined() + "}.size() == 32",
        ])
    }

    @Test func `values that nest deeply are compared and passed on, but not written`() throws {
        onSmallStack {
            var deep: JSONValue = 1
            for _ in 0..<500 { deep = ["a": [deep]] }
            let other = deep
            do {
                #expect(try value(of: "x == y && [x] == [y]", ["x": Value(deep), "y": Value(other)]) == .bool(true))
                #expect(try value(of: "{'x': x}", ["x": Value(deep)]).json() == ["x": deep])
            } catch {
                Issue.record(error)
            }
            #expect(throws: CELError.self) { try value(of: "x", ["x": Value(deep)]).typedJSON() }
            #expect(throws: CELError.self) { try value(of: "'%s'.format([x])", ["x": Value(deep)]) }
        }
    }

    @Test(
        arguments: [
            "l.all(a, l.all(b, l.all(c, l.all(d, a + b + c + d >= 0))))",
            "l.map(a, l.map(b, l.map(c, a)))",
            "[0, 1]" + String(repeating: ".map(x, [0, 1])", count: 1) + ".all(x, l.all(y, l.all(z, 1 / 0 == y)))",
            "l.exists(a, l.exists(b, l.exists(c, nosuch.x)))",
            "lists.range(1000000000000)",
            "lists.range(9223372036854775807).size()",
            "l.map(a, s.replace('a', s)).size()",
            "l.map(a, [s, s].join(s)).size()",
            "l.all(a, l.all(b, s == t))",
            "l.all(a, l.all(b, s <= t))",
            "l.exists(a, l.exists(b, s.contains(u)))",
            "l.all(a, l.all(b, s in {t: 1}))",
            "l.all(a, l.all(b, m[s] == 1))",
            "l.all(a, l.all(b, s.split('').size() > 0))",
            "l.all(a, l.all(b, l.sort() == l))",
            "l.all(a, l.all(b, s.matches('(a|b)*c') || true))",
            "l.all(a, l.all(b, [l, l, l, l].flatten().distinct().size() > 0))",
            "l.all(a, l.all(b, ('%s' + s).format([l]).size() > 0))",
            "l.all(a, l.all(b, base64.encode(bytes(s)).size() > 0))",
            "true || l.all(a, l.all(b, l.all(c, true))) ? l.all(a, l.all(b, l.all(c, true))) : false",
        ]
    )
    func `no expression takes more than its cost limit`(text: String) throws {
        let text1 = String(repeating: "a", count: 100_000)
        let bindings: Bindings = [
            "l": Value(.array((0..<500).map { .int($0) })), "s": .string(text1), "t": .string(text1 + ""),
            "m": .map([text1: .int(1)]),
            "u": .string(String(repeating: "a", count: 50_000) + "b"),
        ]
        // A tenth of the default: the debug build is slow.
        let program = try Program(compiling: text, limits: Limits(cost: 100_000))
        let error = #expect(throws: CELError.self) { try program.evaluate(bindings) }
        #expect(error?.message == "the expression takes more than its cost limit allows")
    }

    @Test func `values that are small to compute and endless to write are not written`() throws {
        let text = "['foo']" + String(repeating: ".map(x, [x, x])", count: 70)
        let result = try value(of: text)
        #expect(throws: CELError.self) { try result.json(maximumSize: 10_000) }
        #expect(throws: CELError.self) { try result.typedJSON(maximumSize: 10_000) }
        #expect(failure(of: "'%s'.format([\(text)])")?.message.contains("cost limit") == true)
        #expect(failure(of: "\(text) == \(text)")?.message.contains("cost limit") == true)
        let wide = try value(
            of: "lists.range(1000).map(i, x)",
            ["x": Value([.string(String(repeating: "a", count: 100_000))])]
        )
        #expect(throws: CELError.self) { try wide.json() }
        #expect(try wide.json(maximumSize: 1 << 30).array?.count == 1000)
        #expect(result.description == "a value of type list")
    }

    @Test func `a cost limit that is reached is not absorbed`() throws {
        let program = try Program(compiling: "lists.range(n).all(x, x >= 0) || n > 0", limits: Limits(cost: 1000))
        #expect(try program.evaluate(["n": .int(100)]) == .bool(true))
        #expect(throws: CELError.self) { try program.evaluate(["n": .int(1_000_000)]) }
    }

    @Test func `constants are computed within bounds`() throws {
        let text = "lists.range(1000000).size() + [" + String(repeating: "1, ", count: 1000) + "2].size()"
        let program = try Program(compiling: text, limits: Limits(cost: 2_000_000))
        #expect(try program.evaluate([:]) == .int(1_001_001))
    }

    @Test func `long rows and lists are read in linear time`() throws {
        let terms = 6000
        let row = Array(repeating: "a", count: terms)
        #expect(try value(of: row.joined(separator: "||"), ["a": .bool(false)]) == .bool(false))
        #expect(try value(of: "[" + row.joined(separator: ",") + "].size()", ["a": .null]) == .int(Int64(terms)))
        #expect(
            try value(of: "{" + (0..<terms).map { "\($0):1" }.joined(separator: ",") + "}.size()") == .int(Int64(terms))
        )
        #expect(failure(of: row.joined(separator: "+"))?.message == "the expression nests deeper than 80 levels")
    }

    @Test func `the text of an expression is limited`() {
        #expect(failure(of: "'" + String(repeating: "x", count: 70_000) + "'")?.message.contains("65536 bytes") == true)
        #expect(throws: CELError.self) { try Program(compiling: "1 + 1", limits: Limits(sourceSize: 4)) }
        #expect(throws: CELError.self) { try Program(compiling: "[[[1]]]", limits: Limits(depth: 3)) }
    }
}
