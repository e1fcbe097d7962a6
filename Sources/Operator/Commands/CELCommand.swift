internal import ArgumentParser
internal import CEL
internal import JSON
internal import KubeClient

struct CELCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cel",
        abstract: "Evaluates a CEL expression and prints its value as typed JSON.",
        discussion: """
            Prints {"int64":"3"}, {"list":[…]} and so on, or {"error":"…"} with exit status 1. A bindings file maps \
            names to values of the same form.
            """
    )

    @Argument(help: "The expression; - reads it from standard input.")
    var expression: String

    @Option(help: "A JSON file with the values of variables.")
    var bindings: String?

    @Option(help: "The namespace in which names are looked up first.")
    var container = ""

    func run() throws {
        do {
            print(try value().description)
        } catch {
            print((["error": .string("\(error)")] as JSONValue).description)
            throw ExitCode.failure
        }
    }

    private func value() throws -> JSONValue {
        let source =
            expression == "-"
            ? String(decoding: try FileContents.read("/dev/stdin"), as: UTF8.self) : expression
        let bindings =
            try bindings.map { try Bindings(typed: JSONValue(parsing: FileContents.read($0))) } ?? Bindings()
        // Checks are left to the evaluation, where `||` can absorb an error, as the specification has it.
        let program = try Program(compiling: source, container: container, deferringChecks: true)
        return try program.evaluate(bindings).typedJSON()
    }
}
