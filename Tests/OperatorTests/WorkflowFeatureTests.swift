import CRDs
import JSON
import KubeClient
import TestEnvironment
import Testing
import Workflows

/// What a definition can say, as its users meet it: a real program, a real API server, real effects.
@Suite(.timeLimit(.minutes(6))) struct WorkflowFeatureTests {
    @Test func `conditions, lists, expressions, sub-processes and final steps make up one process`() async throws {
        try await OperatorFixture.with { fixture in
            try await fixture.withOperator { _ in
                try await fixture.create(
                    "all",
                    [
                        "input": ["tiles": [1, 2, 3], "region": "pacific"],
                        "parameters": [
                            "type": "object", "required": ["region"],
                            "properties": [
                                "region": ["type": "string"], "zoom": ["type": "integer", "default": 7],
                                "tiles": ["type": "array", "items": ["type": "integer"]],
                            ],
                        ],
                        "steps": [
                            ["name": "zoom", "action": "echo", "with": ["message": "zoom ${{ input.zoom }}"]],
                            [
                                "name": "tile", "action": "echo", "needs": ["zoom"],
                                "forEach": ["items": "${{ input.tiles }}", "parallelism": 2],
                                "with": ["message": "${{ item * 10 }}"],
                            ],
                            [
                                "name": "elsewhere", "action": "fail", "needs": ["zoom"],
                                "when": "input.region == 'atlantic'", "with": ["message": "not here"],
                            ],
                            ["name": "child", "action": "process", "needs": ["tile"], "with": ["processType": "Test"]],
                        ],
                        "finally": [
                            ["name": "goodbye", "action": "echo", "with": ["message": "${{ process.status }}"]]
                        ],
                        "outputs": ["tiles": "${{ steps.tile.outputs.map(o, o.message) }}"],
                    ]
                )
                let process = try await fixture.waitForEnd("all")
                #expect(process.condition("Ready") == .true, "\(process.message() ?? "")")
                let steps = process.status?.steps ?? []
                #expect(steps.map(\.phase) == [.completed, .completed, .skipped, .completed, .completed])
                #expect(steps.first { $0.name == "tile" }?.message == "3 of 3 elements")
                #expect(process.status?.completionPercentage == 100)
            }
        }
    }

    @Test func `what is done is undone in reverse when a step gives up, and final steps run after that`() async throws {
        try await EffectServer.with { server in
            server.answer("c", with: [400])
            let step = { (name: String, needs: [JSONValue]) -> JSONValue in
                [
                    "name": .string(name), "action": "http", "needs": .array(needs),
                    "with": ["method": "POST", "url": .string(server.url(name))],
                    "compensate": [
                        "action": "http", "with": ["method": "POST", "url": .string(server.url("undo-\(name)"))],
                    ],
                ]
            }
            try await OperatorFixture.with { fixture in
                try await fixture.withOperator { _ in
                    try await fixture.create(
                        "undo",
                        [
                            "onFailure": "Rollback", "steps": [step("a", []), step("b", ["a"]), step("c", ["b"])],
                            "finally": [
                                [
                                    "name": "last", "action": "http",
                                    "with": ["method": "POST", "url": .string(server.url("last"))],
                                ]
                            ],
                        ]
                    )
                    let process = try await fixture.waitForEnd("undo")
                    #expect(server.effects.map(\.name) == ["a", "b", "c", "undo-b", "undo-a", "last"])
                    #expect(Set(server.effects.map(\.key)).count == 6)
                    #expect(process.status?.phase == .failed)
                    #expect(process.reason() == "RolledBack")
                    #expect(process.condition("RolledBack") == .true)
                    #expect(process.status?.errorMessage == "step c: 400 Bad Request")
                    #expect(process.status?.steps?.prefix(2).map(\.compensation) == [.completed, .completed])
                }
            }
        }
    }

    @Test func `a template gives the steps; a process that came before it starts when it is there`() async throws {
        try await OperatorFixture.with { fixture in
            let templates = fixture.client.resources(HonuaProcessTemplate.self, namespace: fixture.namespace)
            try await fixture.withOperator { _ in
                try await fixture.create("early", ["templateRef": ["name": "greet"], "input": ["who": "lani"]])
                let refused = try await fixture.processes.wait(for: "early", within: .seconds(60)) {
                    $0.condition("Stalled") == .true
                }
                #expect(refused.message()?.contains("spec.templateRef.name: there is no HonuaProcessTemplate") == true)
                let definition = WorkflowDefinition(
                    name: "greet",
                    steps: [StepDefinition("hello", action: "echo", with: ["message": "${{ input.who }}"])]
                )
                _ = try await templates.create(
                    HonuaProcessTemplate(name: "greet", namespace: fixture.namespace, definition: definition)
                )
                let process = try await fixture.waitForEnd("early")
                #expect(process.condition("Ready") == .true)
                #expect(process.status?.definition?.name == "greet")
            }
        }
    }

    @Test func `a run keeps its template when that changes or goes, begins anew, or goes on, as its policy says`()
        async throws
    {
        try await EffectServer.with { server in
            try await OperatorFixture.with { fixture in
                let templates = fixture.client.resources(HonuaProcessTemplate.self, namespace: fixture.namespace)
                let definition = { (second: String) -> WorkflowDefinition in
                    WorkflowDefinition(
                        name: "t",
                        steps: [
                            StepDefinition(
                                "first",
                                action: "http",
                                with: ["method": "POST", "url": "${{ input.url }}"]
                            ),
                            StepDefinition(
                                "second",
                                action: "echo",
                                with: ["message": .string(second)],
                                needs: ["first"]
                            ),
                        ]
                    )
                }
                try await fixture.withOperator { _ in
                    let name = "t"
                    _ = try await templates.create(
                        HonuaProcessTemplate(name: name, namespace: fixture.namespace, definition: definition("old"))
                    )
                    for policy in ["Pin", "Restart", "Migrate"] {
                        server.hold(policy)
                        try await fixture.create(
                            policy.lowercased(),
                            [
                                "templateRef": ["name": .string(name)], "definitionPolicy": .string(policy),
                                "input": ["url": .string(server.url(policy))],
                            ]
                        )
                    }
                    for policy in ["Pin", "Restart", "Migrate"] { await server.received(policy) }
                    let steps = definition("new").json()["steps"] ?? []
                    _ = try await templates.patch(name, .merge(["spec": ["steps": steps]]))
                    // Only the one that begins anew calls a second time.
                    await server.received("Restart", count: 2)
                    // The other goes on with the new one before its step is over.
                    let changed = definition("new").hash
                    _ = try await fixture.processes.wait(for: "migrate", within: .seconds(120)) {
                        $0.status?.definition?.hash == changed
                    }
                    for policy in ["Pin", "Restart", "Migrate"] { server.release(policy) }
                    try await templates.delete(name)
                    var hashes: [String] = []
                    for policy in ["pin", "restart", "migrate"] {
                        let process = try await fixture.waitForEnd(policy)
                        #expect(process.condition("Ready") == .true, "\(policy): \(process.message() ?? "")")
                        #expect(process.status?.rerun == (policy == "restart" ? 1 : 0))
                        hashes.append(process.status?.definition?.hash ?? "")
                    }
                    #expect(hashes == [definition("old").hash, changed, changed])
                    #expect(server.keys(of: "Migrate").count == 1)
                    #expect(Set(server.keys(of: "Restart")).count == 2)
                }
            }
        }
    }

    @Test func `of two processes that want one lock the second waits, also over a kill of the operator`() async throws {
        try await RedisServer.with { redis in
            try await EffectServer.with { server in
                server.hold("one")
                try await OperatorFixture.with { fixture in
                    let spec = { (name: String) -> JSONValue in
                        [
                            "steps": [
                                [
                                    "name": "s", "action": "http", "locks": [["name": "database"]],
                                    "with": ["method": "POST", "url": .string(server.url(name)), "timeout": "5m"],
                                ]
                            ]
                        ]
                    }
                    let first = try await fixture.start(redis: redis.connectionString)
                    try await fixture.create("one", spec("one"))
                    await server.received("one")
                    try await fixture.create("two", spec("two"))
                    _ = try await fixture.processes.wait(for: "two", within: .seconds(60)) {
                        $0.status?.steps?.first?.phase == .blocked
                    }
                    await first.kill()
                    try await fixture.withOperator(redis: redis.connectionString) { _ in
                        await server.received("one", count: 2)
                        #expect(server.keys(of: "two").isEmpty)
                        server.release("one")
                        for name in ["one", "two"] {
                            let process = try await fixture.waitForEnd(name)
                            #expect(process.condition("Ready") == .true, "\(name): \(process.message() ?? "")")
                        }
                        #expect(server.effects.map(\.name) == ["one", "one", "two"])
                        #expect(Set(server.keys(of: "one")).count == 1)
                    }
                }
            }
        }
    }

    @Test func `a queue that is full leaves a process Pending with its reason, and it starts when there is room`()
        async throws
    {
        try await EffectServer.with { server in
            server.hold("slow")
            try await OperatorFixture.with { fixture in
                let limits = [
                    "ProcessFramework__MaxConcurrentProcesses": "1", "ProcessFramework__ProcessQueue__MaxSize": "1",
                ]
                try await fixture.withOperator(environment: limits) { _ in
                    let slow: JSONValue = [
                        "steps": [
                            [
                                "name": "s", "action": "http",
                                "with": ["method": "POST", "url": .string(server.url("slow")), "timeout": "5m"],
                            ]
                        ]
                    ]
                    try await fixture.create("running", slow)
                    await server.received("slow")
                    for number in 1...3 { try await fixture.create("waiting\(number)", ["processType": "Test"]) }
                    try await fixture.create(
                        "impatient",
                        ["processType": "Test", "pendingTimeout": "3s"]
                    )
                    let impatient = try await fixture.waitForEnd("impatient")
                    #expect(impatient.reason() == "DeadlineExceeded")
                    var reasons: [String] = []
                    for number in 1...3 {
                        let process = try await fixture.processes.wait(for: "waiting\(number)", within: .seconds(60)) {
                            $0.reason() == "QueueFull" || $0.message()?.contains("waits for capacity") == true
                        }
                        #expect(process.status?.phase == .pending)
                        reasons.append(process.reason() ?? "")
                    }
                    #expect(reasons.filter { $0 == "QueueFull" }.count >= 1)
                    server.release("slow")
                    for number in 1...3 {
                        let process = try await fixture.waitForEnd("waiting\(number)")
                        #expect(process.condition("Ready") == .true)
                    }
                }
            }
        }
    }

    @Test func `bad definitions name the field, and nothing of them runs`() async throws {
        let faults: [(String, JSONValue, String)] = [
            (
                "cycle", ["steps": [echo("a", needs: ["b"]), echo("b", needs: ["a"])]],
                "spec.steps: the steps need each other"
            ),
            ("unknown", ["steps": [echo("a", needs: ["x"])]], "spec.steps[0].needs[0]: there is no step \"x\""),
            (
                "syntax", ["steps": [["name": "a", "action": "echo", "when": "1 +", "with": ["message": 1]]]],
                "spec.steps[0].when"
            ),
            (
                "reference", ["steps": [echo("a"), echo("b", message: "${{ steps.a.outputs.message }}")]],
                "spec.steps[1].with: refers to steps.a, which b does not need"
            ),
            (
                "input",
                [
                    "steps": [echo("a")], "input": ["n": "x"],
                    "parameters": ["type": "object", "properties": ["n": ["type": "integer"]]],
                ],
                "spec.input.n: expected an integer"
            ),
            (
                "schema", ["steps": [echo("a")], "parameters": ["type": "object", "propertys": [:]]],
                "spec.parameters"
            ),
            (
                "list",
                [
                    "steps": [
                        ["name": "a", "action": "echo", "forEach": ["items": 3], "with": ["message": 1]] as JSONValue
                    ]
                ],
                "spec.steps[0].forEach.items: must be a list"
            ),
            (
                "template", ["templateRef": ["name": "nowhere"]],
                "spec.templateRef.name: there is no HonuaProcessTemplate \"nowhere\""
            ),
        ]
        try await OperatorFixture.with { fixture in
            try await fixture.withOperator { _ in
                for (name, spec, message) in faults {
                    try await fixture.create(name, spec)
                    let process = try await fixture.processes.wait(for: name, within: .seconds(60)) {
                        $0.condition("Stalled") == .true
                    }
                    #expect(process.message()?.contains(message) == true, "\(name): \(process.message() ?? "")")
                    #expect(process.reason() == "InvalidSpec")
                    #expect(process.status?.state == nil)
                }
            }
        }
    }

    private func echo(_ name: String, needs: [JSONValue] = [], message: JSONValue = 1) -> JSONValue {
        ["name": .string(name), "action": "echo", "needs": .array(needs), "with": ["message": message]]
    }
}
