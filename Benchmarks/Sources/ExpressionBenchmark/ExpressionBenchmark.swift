import ArgumentParser
import CEL
import JSON
import Usage

/// Measures what it costs to compile an expression and to evaluate it, and prints one row for each.
@main
struct ExpressionBenchmark: ParsableCommand {
    @Option(help: "How often each expression is compiled and evaluated in one reading.")
    var repetitions = 50_000

    @Option(help: "How many readings are taken; the medians are printed.")
    var runs = 3

    private static let expressions = [
        #"steps.a.outputs.status == 200 && input.region in ["x","y"]"#,
        "input.size > 3",
        "input.layers.filter(l, l.size > 10).map(l, l.name)",
        #""region-" + input.region"#,
    ]

    private static let input: JSONValue = [
        "region": "y", "size": 5,
        "layers": .array((0..<10).map { ["name": .string("layer\($0)"), "size": .int(Int64($0 * 4))] }),
    ]
    private static let steps: JSONValue = ["a": ["outputs": ["status": 200]]]

    func run() throws {
        print("| expression | compile us | evaluate us |")
        print("|-|-|-|")
        for source in Self.expressions {
            var compilations: [Double] = []
            var evaluations: [Double] = []
            for _ in 0..<max(1, runs) {
                compilations.append(try measure { _ = try compiled(source) })
                let program = try compiled(source)
                evaluations.append(try measure { try evaluate(program) })
            }
            print("| `\(source)` | \(median(compilations)) | \(median(evaluations)) |")
        }
    }

    private func compiled(_ source: String) throws -> Program {
        try Program(compiling: source, declaring: ["input", "steps", "process"])
    }

    /// With values that are looked up when they are needed, as the engine does.
    private func evaluate(_ program: Program) throws {
        _ = try program.evaluate(Bindings { name in name == "input" ? Self.input : name == "steps" ? Self.steps : nil })
    }

    /// CPU time of one repetition, in microseconds.
    private func measure(_ body: () throws -> Void) throws -> Double {
        let cpu = ProcessUsage.ownCPUSeconds
        for _ in 0..<repetitions { try body() }
        return (ProcessUsage.ownCPUSeconds - cpu) * 1_000_000 / Double(repetitions)
    }

    private func median(_ values: [Double]) -> Double { (values.sorted()[values.count / 2] * 100).rounded() / 100 }
}
