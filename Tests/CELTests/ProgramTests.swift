import CEL
import JSON
import Testing

@Suite struct ProgramTests {
    @Test func `an expression is compiled once and evaluated with bindings`() throws {
        let program = try Program(compiling: #"steps.a.outputs.status == 200 && input.region in ["x", "y"]"#)
        let steps: JSONValue = ["a": ["outputs": ["status": 200]]]
        #expect(try program.evaluate(["steps": Value(steps), "input": Value(["region": "y"])]) == .bool(true))
        #expect(program.references == [["steps", "a", "outputs", "status"], ["input", "region"]])
    }
}
