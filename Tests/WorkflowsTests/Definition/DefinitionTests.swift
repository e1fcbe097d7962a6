import JSON
import Testing

@testable import Workflows

@Suite struct DefinitionTests {
    private func violations(_ steps: [StepDefinition], finally: [StepDefinition]? = nil) -> [String] {
        violations(workflow(steps, finally: finally))
    }

    private func violations(_ definition: WorkflowDefinition) -> [String] {
        definition.violations(actions: .planned).map(\.description)
    }

    // MARK: The graph

    @Test func `a cycle is named step by step`() {
        let found = violations([step("a(c)"), step("b(a)"), step("c(b)"), step("d")])
        #expect(found == ["steps: the steps need each other in a cycle: a -> c -> b -> a"])
    }

    @Test func `a step that needs itself is a cycle`() {
        #expect(violations([step("a(a)")]) == ["steps: the steps need each other in a cycle: a -> a"])
    }

    @Test func `a long chain of needs is no cycle and does not overflow the stack`() {
        let steps = (0..<5000).map { step($0 == 0 ? "s0" : "s\($0)(s\($0 - 1))") }
        #expect(violations(steps.reversed()) == [])
    }

    @Test func `references across a long chain are checked in reasonable time`() {
        let steps = (0..<3000).map { number in
            step(
                number == 0 ? "s0" : "s\(number)(s\(number - 1))",
                with: number == 0 ? nil : ["x": "${{ steps.s0.status }}"]
            )
        }
        let clock = ContinuousClock()
        let time = clock.measure { #expect(violations(steps) == []) }
        #expect(time < .seconds(60))
    }

    @Test func `unknown steps, unknown actions and bad inputs are found together`() {
        let found = violations([
            step("a(nope)"), step("b", action: "teleport"), step("c", action: "count", with: ["n": "many"]),
            step("d", action: "count"),
        ])
        #expect(found.count == 4)
        #expect(found[0] == "steps[0].needs[0]: there is no step \"nope\"")
        #expect(
            found[1]
                == "steps[1].action: there is no action \"teleport\"; there are: change, count, look, process, repeat, undo, work"
        )
        #expect(found[2].hasPrefix("steps[2].with.n: "))
        #expect(found[3] == "steps[3].with.n: is required")
    }

    @Test func `a name may be used once, among final steps as well`() {
        #expect(violations([step("a"), step("a")]) == ["steps[1]: the name a is used twice"])
        #expect(violations([step("a")], finally: [step("a")]) == ["finally[0]: the name a is used twice"])
    }

    @Test func `steps and final steps cannot need each other, and final steps are not undone`() {
        let found = violations([step("a(f)")], finally: [undoable("f"), step("g(a)")])
        #expect(
            found == [
                "steps[0].needs[0]: steps and final steps cannot need each other (\"f\")",
                "finally[1].needs[0]: steps and final steps cannot need each other (\"a\")",
                "finally[0].compensate: final steps are not undone",
            ]
        )
    }

    // MARK: Expressions

    @Test func `a step refers only to steps that it needs, directly or through others`() {
        let use: JSONValue = ["x": "${{ steps.a.outputs }}"]
        #expect(violations([step("a"), step("b(a)"), step("c(b)", with: use)]) == [])
        #expect(
            violations([step("a"), step("b", with: use)])
                == ["steps[1].with: refers to steps.a, which b does not need; add it to `needs`"]
        )
        #expect(violations([step("b", with: use)]) == ["steps[0].with: there is no step \"a\""])
        #expect(violations([step("a")], finally: [step("f", with: use)]) == [])
    }

    @Test func `every place where an expression may stand is checked, and named`() {
        let bad = "${{ steps.gone.outputs }}"
        let all = step("a") {
            $0.with = ["deep": ["er": [.string(bad)]]]
            $0.when = "steps.gone.outputs"
            $0.forEach = ForEach(.string(bad))
            $0.compensate = Compensation(action: "undo", with: ["x": .string(bad)])
            $0.compensate?.retry = RetryPolicy(limit: 1, delay: .zero)
            $0.compensate?.retry?.retryWhen = "steps.gone.outputs"
            $0.retry = RetryPolicy(limit: 1, delay: .zero)
            $0.retry?.retryWhen = "steps.gone.outputs"
            $0.locks = [LockReference("x-\(bad)")]
            $0.memoize = Memoization(key: bad)
        }
        let paths = Set(violations([all]).compactMap { $0.split(separator: ":").first.map(String.init) })
        #expect(
            paths == [
                "steps[0].with", "steps[0].when", "steps[0].forEach.items", "steps[0].compensate.with",
                "steps[0].compensate.retry.retryWhen", "steps[0].retry.retryWhen", "steps[0].locks",
                "steps[0].memoize.key",
            ]
        )
    }

    @Test func `names exist only where they mean something`() {
        #expect(violations([step("a", with: ["x": "${{ item }}"])]).count == 1)
        #expect(violations([list("a", [1], with: ["x": "${{ item }}", "y": "${{ index }}"])]) == [])
        #expect(violations([list("a", "${{ [item] }}")]).allSatisfy { $0.hasPrefix("steps[0].forEach.items: ") })
        #expect(violations([list("a", "${{ [item] }}")]) != [])
        #expect(violations([step("a", with: ["x": "${{ outputs }}"])]).count == 1)
        #expect(violations([undoable("a", undo: ["x": "${{ outputs }}"])]) == [])
        #expect(violations([step("a") { $0.when = "error.summary == ''" }]).count == 1)
    }

    @Test func `the conditions of the process's own policy, its outputs and its locks are checked`() {
        var definition = workflow("a")
        definition.retry = RetryPolicy(limit: 1, delay: .zero)
        definition.retry?.retryWhen = "1 +"
        definition.outputs = ["x": "${{ nope }}"]
        definition.locks = [LockReference("two words"), LockReference("${{ steps.a.outputs }}")]
        definition.parameters = ["type": "shape"]
        let paths = Set(violations(definition).compactMap { $0.split(separator: ":").first.map(String.init) })
        #expect(
            paths.sorted() == ["locks[0].name", "locks[1].name", "outputs.x", "parameters.type", "retry.retryWhen"]
        )
    }

    @Test func `a list must be one, and not too long`() {
        #expect(
            violations([list("a", "text")]) == [
                "steps[0].forEach.items: must be a list, or an expression that gives one"
            ]
        )
        #expect(violations([list("a", ["a": 1])]).count == 1)
        #expect(
            violations([list("a", .array(Array(repeating: 1, count: 10_001)))])
                == ["steps[0].forEach.items: has 10001 elements, at most 10000 are allowed"]
        )
    }

    @Test func `sub-processes are checked with the definition, under their names`() {
        var definition = workflow([step("a", action: "process", with: ["templateRef": ["name": "child"]])])
        definition.subprocesses = ["template/child": workflow("a(nope)").json(), "template/other": ["steps": 7]]
        let found = violations(definition)
        #expect(found.contains("subprocesses.template/child.steps[0].needs[0]: there is no step \"nope\""))
        #expect(found.contains { $0.hasPrefix("subprocesses.template/other.steps: ") })
        #expect(
            violations([step("a", action: "process", with: ["processType": "Test", "templateRef": ["name": "x"]])])
                .count == 1
        )
    }

    @Test func `the schema of a definition refuses what no engine can do`() {
        let cases: [(JSONValue, String)] = [
            (["steps": []], "steps"), ([:], "steps"), (["steps": [["name": "a"]]], "steps[0].action"),
            (["steps": [["name": "1a", "action": "x"]]], "steps[0].name"),
            (["steps": [["name": "a", "action": "x", "timeout": "soon"]]], "steps[0].timeout"),
            (["steps": [["name": "a", "action": "x", "retry": ["limit": -1]]]], "steps[0].retry.limit"),
            (
                ["steps": [["name": "a", "action": "x", "retry": ["backoff": ["jitter": 2]]]]],
                "steps[0].retry.backoff.jitter"
            ),
            (
                ["steps": [["name": "a", "action": "x", "forEach": ["items": [], "parallelism": 0]]]],
                "steps[0].forEach.parallelism"
            ),
            (
                ["steps": [["name": "a", "action": "x", "locks": [["name": "x", "limit": 0]]]]],
                "steps[0].locks[0].limit"
            ),
            (["steps": [["name": "a", "action": "x"]], "onFailure": "Shrug"], "onFailure"),
        ]
        let schema = WorkflowDefinition.schema(of: WorkflowDefinition.templateFields, about: "A template.")
        for (json, path) in cases {
            #expect(schema.violations(of: json).contains { $0.path == path }, "\(path)")
        }
    }

    // MARK: Built in

    @Test func `built-in types are known by both names`() {
        for name in ProcessType.shortNames {
            #expect(ProcessType.definition(named: name) == ProcessType.definition(named: name + "Process"))
        }
        #expect(ProcessType.definition(named: "Nope") == nil)
        #expect(ProcessType.longName("Deployment") == "DeploymentProcess")
    }

    @Test func `equal definitions have equal hashes, and any change another one`() {
        let one = workflow("a", "b(a)")
        #expect(one.hash == workflow("a", "b(a)").hash)
        #expect(one.hash != workflow("a", "b").hash)
        #expect(one.hash != workflow("b(a)", "a").hash)
        #expect(one.hash.count == 16)
    }
}
