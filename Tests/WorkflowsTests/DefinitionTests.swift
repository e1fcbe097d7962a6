import Actions
import HTTPTransport
import JSON
import Testing

@testable import Workflows

@Suite struct DefinitionTests {
    private let actions: ActionCatalog

    init() throws { actions = .builtIn(transport: try HTTPTransport()) }

    private func violations(_ steps: [StepDefinition]) -> [String] {
        WorkflowDefinition(name: "inline", steps: steps).violations(actions: actions).map(\.description)
    }

    private func echo(_ name: String, needs: [String]? = nil) -> StepDefinition {
        StepDefinition(name, action: "echo", with: ["message": "x"], needs: needs)
    }

    @Test func `a cycle is named step by step`() {
        let found = violations([echo("a", needs: ["c"]), echo("b", needs: ["a"]), echo("c", needs: ["b"]), echo("d")])
        #expect(found == ["steps: the steps need each other in a cycle: a -> c -> b -> a"])
    }

    @Test func `a step that needs itself is a cycle`() {
        #expect(violations([echo("a", needs: ["a"])]) == ["steps: the steps need each other in a cycle: a -> a"])
    }

    @Test func `a long chain of needs is no cycle and does not overflow the stack`() {
        let steps = (0..<5000).map { echo("s\($0)", needs: $0 == 0 ? nil : ["s\($0 - 1)"]) }
        #expect(violations(steps.reversed()) == [])
    }

    @Test func `unknown steps, unknown actions and bad inputs are found together`() {
        let steps = [
            echo("a", needs: ["nope"]), StepDefinition("b", action: "teleport"),
            StepDefinition("c", action: "delay", with: ["duration": "soon"]), StepDefinition("d", action: "http"),
        ]
        #expect(
            violations(steps) == [
                "steps[0].needs[0]: there is no step \"nope\"",
                "steps[1].action: there is no action \"teleport\"; there are: delay, echo, fail, http",
                "steps[2].with.duration: \"soon\" is not a duration such as 90s or 1h30m",
                "steps[3].with.url: is required",
            ]
        )
    }

    @Test func `what this version cannot do is refused, not ignored`() {
        var step = echo("a")
        step.when = "false"
        step.compensate = ["action": "echo"]
        step.with = ["message": ["deep": ["${{ input.x }}"]]]
        #expect(
            violations([step]) == [
                "steps[0].with.message.deep[0]: `${{ }}` expressions are not supported by this version",
                "steps[0].when: is not supported by this version",
                "steps[0].compensate: is not supported by this version",
            ]
        )
    }

    @Test func `built-in types are valid and known by both names`() {
        for name in ProcessType.shortNames {
            let definition = ProcessType.definition(named: name)
            #expect(definition == ProcessType.definition(named: name + "Process"))
            #expect(definition?.violations(actions: actions) == [])
        }
        #expect(ProcessType.definition(named: "Nope") == nil)
    }

    @Test(arguments: [(1, 2.0), (2, 4.0), (3, 8.0), (4, 10.0), (60, 10.0)])
    func `the delay before a retry grows up to its limit`(attempt: Int, seconds: Double) {
        var backoff = RetryBackoff()
        backoff.duration = "2s"
        backoff.factor = 2
        backoff.maxDuration = "10s"
        #expect(backoff.delay(afterAttempt: attempt) == .seconds(seconds))
    }
}
