import CEL
import JSON
import Testing

/// Ways to nest an expression: what opens a level, what stands inside, what closes a level.
private let nestings: [(open: String, core: String, close: String)] = [
    ("(", "1", ")"),
    ("[", "1", "]"),
    ("{1: ", "1", "}"),
    ("true ? ", "1", " : 2"),
    ("true ? 1 : ", "1", ""),
    ("(true || false) ? (", "1", ") : 2"),
    ("-", "x", ""),
    ("!", "x", ""),
    ("1 + (", "1", ")"),
    ("", "x", " + 1"),
    ("", "x", ".a"),
    ("", "x", "[0]"),
    ("", "x", "[?0]"),
    ("", "x", ".?a"),
    ("[x].map(y, ", "y", ")"),
    ("[x].all(y, ", "y", ")"),
    ("{1: x}.transformMap(k, v, ", "v", ")"),
    ("cel.bind(y, x, ", "y", ")"),
    ("optional.of(", "x", ").optMap(y, y)"),
    ("optional.none().or(", "x", ")"),
    ("size(", "x", ")"),
    ("x.replace('a', 'b', ", "1", ")"),
    ("has(", "x", ".a)"),
]

@Suite(.timeLimit(.minutes(1))) struct LimitTests {
    @Test(arguments: nestings.indices)
    func `deep nesting neither overflows a small stack nor is it accepted beyond the limit`(index: Int) {
        let (open, core, close) = nestings[index]
        onSmallStack {
            for depth in [32, 60, 78, 79, 80, 81, 1000, 5000] {
                let text = String(repeating: open, count: depth) + core + String(repeating: close, count: depth)
                guard let program = try? Program(compiling: text) else { continue }
                _ = try? program.evaluate(["x": .int(1)])
                _ = try? program.evaluate(["x": Value(["a": 1])])
            }
        }
    }
}
