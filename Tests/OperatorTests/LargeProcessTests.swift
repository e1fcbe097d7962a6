import CRDs
import JSON
import KubeClient
import TestEnvironment
import Testing
import Workflows

/// Processes of a size that would not fit into a resource.
@Suite(.timeLimit(.minutes(10))) struct LargeProcessTests {
    @Test func `ten thousand steps complete, with a small resource, a small document and no large value in Redis`()
        async throws
    {
        let steps = (0..<10_000).map { number in
            // A hundred chains of a hundred steps each.
            StepDefinition(
                "s\(number)",
                action: "echo",
                with: ["message": .int(Int64(number))],
                needs: number >= 100 ? ["s\(number - 100)"] : nil
            )
        }
        try await runs(WorkflowDefinition(name: "large", steps: steps), input: nil) { process in
            // What is listed of so many are those at work and the latest.
            let listed = process.status?.steps?.count ?? 0
            #expect((1...100).contains(listed))
        }
    }

    @Test
    func
        `a list of two thousand elements completes, with a small resource, a small document and no large value in Redis`()
        async throws
    {
        var step = StepDefinition("tile", action: "echo", with: ["message": "tile ${{ item }} of ${{ input.region }}"])
        step.forEach = ForEach("${{ input.tiles }}", parallelism: 50)
        let definition = WorkflowDefinition(name: "large", steps: [step])
        let tiles = JSONValue.array((0..<2000).map { .int($0) })
        try await runs(definition, input: ["tiles": tiles, "region": "pacific"]) { process in
            #expect(process.status?.steps?.first?.message == "2000 of 2000 elements")
        }
    }

    /// The API server takes seconds of CPU time for ten thousand steps, and gives up after half a minute when the tests
    /// beside need theirs.
    private func create(_ template: HonuaProcessTemplate, _ fixture: OperatorFixture) async throws {
        let templates = fixture.client.resources(HonuaProcessTemplate.self, namespace: fixture.namespace)
        while true {
            do {
                _ = try await templates.create(template)
                return
            } catch let error as KubeError where error.code == .alreadyExists {
                return
            } catch let error as KubeError where error.isRetryable {
                continue
            }
        }
    }

    private func runs(
        _ definition: WorkflowDefinition,
        input: JSONValue?,
        _ check: (HonuaProcess) -> Void
    ) async throws {
        try await RedisServer.with { redis in
            try await OperatorFixture.with { fixture in
                try await create(
                    HonuaProcessTemplate(name: "large", namespace: fixture.namespace, definition: definition),
                    fixture
                )
                try await fixture.withOperator(
                    redis: redis.connectionString,
                    environment: ["ProcessFramework__ProcessStepParallelism": "50"]
                ) { _ in
                    var spec: JSONValue = ["templateRef": ["name": "large"]]
                    spec["input"] = input
                    try await fixture.create("large", spec)
                    let process = try await fixture.waitForEnd("large", within: .seconds(400))
                    #expect(process.condition("Ready") == .true, "\(process.message() ?? "")")
                    let bytes = process.json().serialized().count
                    #expect(bytes < 100_000, "the resource has \(bytes) bytes")
                    let state = try #require(try await redis.get("honua:process:\(process.metadata.uid)"))
                    #expect(state.count <= 64 << 10, "the document has \(state.count) bytes")
                    check(process)
                }
                // What Redis takes for a command follows from the size of what it is given.
                let largest = try await redis.largestValue()
                #expect(largest < 1 << 20, "\(largest) bytes")
            }
        }
    }
}
