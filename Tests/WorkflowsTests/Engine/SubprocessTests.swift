import JSON
import Synchronization
import Testing

@testable import Workflows

@Suite(.timeLimit(.minutes(4))) struct SubprocessTests {
    /// A parent whose step `call` runs a child of two steps.
    private func request(_ change: (inout WorkflowDefinition) -> Void = { _ in }) -> ProcessRequest {
        var child = workflow(
            [step("one", action: "probe"), step("two(one)", action: "probe", with: ["size": "${{ input.size }}"])],
            outputs: ["made": "${{ steps.two.outputs }}"]
        )
        child.name = "child"
        child.parameters = ["type": "object", "required": ["size"], "properties": ["size": ["type": "integer"]]]
        let call = step(
            "call",
            action: "process",
            with: ["templateRef": ["name": "child"], "input": ["size": "${{ input.size }}"]]
        )
        var definition = workflow(
            [call, step("after(call)", action: "probe")],
            outputs: ["all": "${{ steps.call.outputs }}"]
        )
        definition.subprocesses = ["template/child": child.json()]
        change(&definition)
        var request = ProcessRequest.of(definition, retries: 0)
        request.input = ["size": 3]
        return request
    }

    private func child(_ store: InMemoryDocumentStore) async throws -> String {
        try #require(try await store.state(of: "p").steps[0].execution.key)
    }

    @Test func `a sub-process runs as a step and gives back its outputs`() async throws {
        let store = InMemoryDocumentStore()
        let probe = Probe { context, inputs in inputs["size"] ?? .string(context.step) }
        try await EngineDriver.with([probe], store: store) { driver async throws in
            driver.engine.submit(request(), mode: .begin)
            let end = try await driver.end()
            #expect(end.state?.status == .completed)
            #expect(end.state?.outputs == ["all": ["made": 3]])
            #expect(probe.steps == ["one", "two", "after"])
            let id = try await child(store)
            #expect(probe.all.map(\.process) == [id, id, "p"])
            #expect(try await store.state(of: id).parent == "p")
            #expect(driver.engine.snapshot(of: id) == nil, "it is forgotten")
            try await driver.engine.removeState(of: "p")
            #expect(store.load(.state(processID: id)) == nil)
        }
    }

    @Test func `its failure is the step's, and an input that it refuses as well`() async throws {
        let probe = Probe { context, _ in
            if context.step == "two" { throw StepError(.permanent, "no room") }
            return "done"
        }
        try await EngineDriver.with([probe]) { driver async throws in
            driver.engine.submit(request(), mode: .begin)
            #expect(try await driver.end().state?.errorMessage == "step call: step two: no room")
            driver.engine.forget("p")
            var wrong = request()
            wrong.id = "q"
            wrong.input = ["size": "many"]
            driver.engine.submit(wrong, mode: .begin)
            let end = try await driver.end("q")
            #expect(end.state?.errorMessage == "step call: Invalid configuration")
            #expect(end.state?.steps[0].execution.message?.contains("input.size") == true)
        }
    }

    @Test func `a definition that was not pinned is refused by name`() async throws {
        try await EngineDriver.with([Probe()]) { driver async throws in
            driver.engine.submit(request { $0.subprocesses = [:] }, mode: .begin)
            let end = try await driver.end()
            #expect(end.state?.errorMessage == "step call: Invalid configuration")
        }
    }

    @Test func `sub-processes take no slots, so that parents never wait for their own`() async throws {
        var configuration = EngineConfiguration.quiet
        configuration.maxConcurrentProcesses = 1
        try await EngineDriver.with([Probe()], configuration: configuration) { driver async throws in
            driver.engine.submit(request(), mode: .begin)
            #expect(try await driver.end().state?.status == .completed)
        }
    }

    @Test func `a cancel reaches the sub-process and waits for its end`() async throws {
        let store = InMemoryDocumentStore()
        let begun = Barrier()
        let probe = Probe { context, _ in
            begun.open()
            try await context.time.sleep(for: .seconds(3600))
            return "never"
        }
        try await EngineDriver.with([probe], store: store) { driver async throws in
            driver.engine.submit(request(), mode: .begin)
            await begun.wait()
            driver.engine.send(.cancel(.graceful), to: "p")
            #expect(try await driver.end().state?.status == .cancelled)
            let id = try await child(store)
            #expect(try await store.state(of: id).status == .cancelled)
        }
    }

    @Test func `an engine that stops does not cancel it, and the next one finds it again`() async throws {
        let store = InMemoryDocumentStore()
        let begun = Barrier()
        let hanging = Probe("probe", isIdempotent: true) { context, _ in
            guard context.step == "two" else { return "done" }
            begun.open()
            try await context.time.sleep(for: .seconds(3600))
            return "never"
        }
        try await EngineDriver.with([hanging], store: store) { driver async throws in
            driver.engine.submit(request(), mode: .begin)
            await begun.wait()
        }
        let id = try await child(store)
        #expect(try await store.state(of: id).status == .running)
        #expect(try await store.state(of: id).steps.map(\.status) == [.completed, .started])
        let probe = Probe("probe", isIdempotent: true)
        try await EngineDriver.with([probe], store: store) { driver async throws in
            driver.engine.submit(request(), mode: .recover(knownEpoch: 1))
            #expect(try await driver.end().state?.status == .completed)
        }
        #expect(probe.steps == ["two", "after"])
        #expect(probe.all.first?.process == id)
    }

    @Test func `another attempt goes on where the sub-process failed`() async throws {
        let isBroken = Mutex(true)
        let probe = Probe { context, _ in
            let fails =
                context.step == "two"
                && isBroken.withLock { broken in
                    defer { broken = false }
                    return broken
                }
            if fails { throw StepError(.permanent, "no") }
            return "done"
        }
        let request = request {
            $0.steps[0].retry = RetryPolicy(limit: 1, delay: .zero)
            $0.steps[0].retry?.on = [.permanent]
        }
        try await EngineDriver.with([probe]) { driver async throws in
            driver.engine.submit(request, mode: .begin)
            #expect(try await driver.end().state?.status == .completed)
            #expect(probe.steps == ["one", "two", "two", "after"])
        }
    }

    @Test func `a retry of the parent by hand goes on where the sub-process failed`() async throws {
        let isBroken = Mutex(true)
        let probe = Probe { context, _ in
            if context.step == "two", isBroken.withLock({ $0 }) { throw StepError(.permanent, "no") }
            return "done"
        }
        try await EngineDriver.with([probe]) { driver async throws in
            driver.engine.submit(request(), mode: .begin)
            #expect(try await driver.end().state?.status == .failed)
            driver.engine.forget("p")
            isBroken.withLock { $0 = false }
            driver.engine.submit(request(), mode: .reopen(.retry, knownEpoch: 1))
            #expect(try await driver.end().state?.status == .completed)
            #expect(probe.steps == ["one", "two", "two", "after"])
        }
    }

    @Test func `starting the current step again goes on with the sub-process`() async throws {
        let begun = Barrier()
        let calls = Mutex(0)
        let probe = Probe { context, _ in
            guard context.step == "two" else { return "done" }
            let isFirst = calls.withLock { calls in
                calls += 1
                return calls == 1
            }
            guard isFirst else { return "done" }
            begun.open()
            try await context.time.sleep(for: .seconds(3600))
            return "never"
        }
        try await EngineDriver.with([probe]) { driver async throws in
            driver.engine.submit(request(), mode: .begin)
            await begun.wait()
            driver.engine.send(.retryCurrentStep, to: "p")
            #expect(try await driver.end().state?.status == .completed)
            #expect(probe.steps == ["one", "two", "two", "after"])
        }
    }

    @Test func `a sub-process whose state is lost between attempts is not begun at zero`() async throws {
        let store = InMemoryDocumentStore()
        let probe = Probe { context, _ in
            guard context.step == "two" else { return "done" }
            throw StepError(.permanent, "no")
        }
        let request = request {
            $0.steps[0].retry = RetryPolicy(limit: 1, delay: .seconds(3600))
            $0.steps[0].retry?.on = [.permanent]
        }
        try await EngineDriver.with([probe], store: store) { driver async throws in
            driver.engine.submit(request, mode: .begin)
            try await driver.wait { $0.state?.waiting != nil }
            store.delete([.state(processID: try await child(store))])
            driver.engine.send(.retryCurrentStep, to: "p")
            #expect(try await driver.end().state?.errorMessage == "step call: the state of sub-process p/call is gone")
            #expect(probe.steps == ["one", "two"])
        }
    }
}
