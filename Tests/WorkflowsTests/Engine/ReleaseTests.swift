import JSON
import Synchronization
import Testing

@testable import Workflows

/// How a process goes to another replica without interrupting anything, or to another id.
@Suite(.timeLimit(.minutes(4))) struct ReleaseTests {
    @Test func `a released process is handed over when its step has ended, and before the next begins`() async throws {
        let store = InMemoryDocumentStore()
        let barrier = Barrier()
        let first = Probe(waitingFor: barrier)
        try await EngineDriver.with([first], store: store) { driver async throws in
            driver.engine.submit(.row(), mode: .begin)
            try await driver.wait { $0.state?.currentStep == "a" }
            driver.engine.release("p")
            barrier.open()
            let run = try await driver.end()
            #expect(run.activity == .ended(.released))
            #expect(run.state?.owner == nil)
            #expect(first.steps == ["a"])
        }
        let left = try await store.state(of: "p")
        #expect(left.owner == nil)
        #expect(left.steps.map(\.status) == [.completed, .pending])
        let second = Probe()
        try await EngineDriver.with([second], store: store) { driver async throws in
            driver.engine.submit(.row(), mode: .recover(knownEpoch: 1))
            #expect(try await driver.end().state?.status == .completed)
        }
        #expect(second.steps == ["b"])
        #expect(try await store.state(of: "p").steps.map(\.execution.interruptions) == [0, 0])
    }

    @Test func `a process that waits is handed over at once, and one whose last step ends is completed instead`()
        async throws
    {
        let store = InMemoryDocumentStore()
        let failing = Probe { _, _ in throw StepError(.transient, "busy") }
        var request = ProcessRequest.row("p", "a")
        request.retry = RetryPolicy(limit: 5, delay: .seconds(3600))
        try await EngineDriver.with([failing], store: store) { [request] driver async throws in
            driver.engine.submit(request, mode: .begin)
            try await driver.wait { $0.state?.waiting != nil }
            driver.engine.release("p")
            #expect(try await driver.end().activity == .ended(.released))
        }
        let barrier = Barrier()
        let last = Probe(waitingFor: barrier)
        try await EngineDriver.with([last]) { driver async throws in
            driver.engine.submit(.row("p", "a"), mode: .begin)
            try await driver.wait { $0.state?.currentStep == "a" }
            driver.engine.release("p")
            barrier.open()
            #expect(try await driver.end().activity == .ended(.finished))
        }
    }

    @Test func `a process of parallel steps is not held up by its release`() async throws {
        let barrier = Barrier()
        let probe = Probe { context, _ in
            if context.step == "long" { await barrier.wait() }
            return "done"
        }
        let definition = workflow([
            step("long", action: "probe"), step("x", action: "probe"), step("y(x)", action: "probe"),
            step("z(y)", action: "probe"),
        ])
        try await EngineDriver.with([probe]) { driver async throws in
            driver.engine.submit(.of(definition), mode: .begin)
            try await driver.wait { $0.state?.currentStep != nil }
            driver.engine.release("p")
            // z begins although the process is to be released: something runs anyway.
            try await driver.wait { $0.state?.completedSteps == 3 }
            barrier.open()
            #expect(try await driver.end().activity == .ended(.finished))
        }
    }

    @Test func `a process that was begun elsewhere meanwhile is left to its living owner`() async throws {
        let store = InMemoryDocumentStore()
        var process = MachineDriver(workflow([step("a", action: "repeat")]), id: "p")
        process.begin()
        _ = store.create(.state(processID: "p"), process.encode().document, timeToLive: .seconds(60))
        try await store.edit("p") { $0.owner = "other" }
        let probe = Probe()
        try await EngineDriver.with([probe], store: store, ownership: Others(alive: ["other"])) { driver async throws in
            driver.engine.submit(.row(), mode: .begin)
            #expect(try await driver.end().activity == .ended(.superseded))
            #expect(try await driver.engine.beginning(of: "p")?.livingOther == "other")
        }
        #expect(probe.steps == [])
        try await EngineDriver.with([probe], store: store, ownership: Others(alive: [])) { driver async throws in
            #expect(try await driver.engine.beginning(of: "p")?.livingOther == nil)
        }
    }

    @Test func `a command with an id is obeyed once, whoever runs the process`() async throws {
        let store = InMemoryDocumentStore()
        let probe = Probe { context, _ in
            if context.step == "b" { throw StepError(.permanent, "broken") }
            return "done"
        }
        try await EngineDriver.with([probe], store: store) { driver async throws in
            driver.engine.submit(.row(), mode: .begin)
            #expect(try await driver.end().state?.status == .failed)
            for _ in 0..<2 {
                driver.engine.forget("p")
                driver.engine.submit(.row(), mode: .reopen(.retry, id: "once", knownEpoch: 1))
                let run = try await driver.end()
                #expect(run.state?.status == .failed)
                #expect(run.state?.appliedCommands == ["once"])
            }
        }
        #expect(probe.steps == ["a", "b", "b"], "b is tried again by the first of the two alone")
    }

    @Test func `a process that is adopted keeps what is done and the keys of what has begun`() async throws {
        let store = InMemoryDocumentStore()
        let hanging = Probe("probe", isIdempotent: true) { context, _ in
            if context.step == "b" { try await context.time.sleep(for: .seconds(3600)) }
            return .string(String(repeating: "x", count: 10_000))
        }
        try await EngineDriver.with([hanging], store: store) { driver async throws in
            driver.engine.submit(.row("former", "a", "b", "c"), mode: .begin)
            try await driver.wait("former") { $0.state?.currentStep == "b" }
        }
        let key = try await store.state(of: "former").steps[1].execution.key
        #expect(key != nil)
        let probe = Probe("probe", isIdempotent: true)
        try await EngineDriver.with([probe], store: store) { driver async throws in
            #expect(try await driver.engine.adopt("nobody", as: "new", name: "n") == .missing)
            #expect(try await driver.engine.adopt("former", as: "new", name: "n") == .adopted)
            #expect(try await driver.engine.adopt("former", as: "new", name: "n") == .adopted, "it can be repeated")
            #expect(store.load(.state(processID: "former")) == nil)
            driver.engine.submit(.row("new", "a", "b", "c"), mode: .recover(knownEpoch: 0))
            let run = try await driver.end("new")
            #expect(run.state?.status == .completed)
        }
        #expect(probe.steps == ["b", "c"])
        #expect(probe.all.first?.key == key)
        let output = try await store.state(of: "new").steps[0].output
        #expect(output == .string(String(repeating: "x", count: 10_000)), "large outputs come along")
    }
}

/// Some replicas are alive, and everything is this one's.
private struct Others: Ownership {
    let alive: Set<String>
    var isLeaving: Bool { false }
    func standing(of processID: String, recordedOwner: String?, hasBegun: Bool) -> Standing { .ours }
    func isGone(_ replica: String) -> Bool { !alive.contains(replica) }
}
