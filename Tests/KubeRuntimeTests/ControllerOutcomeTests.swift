import FaultServer
import InMemoryTracing
import JSON
import KubeClient
import Metrics
import MetricsTestKit
import Synchronization
import TestEnvironment
import Testing
import Tracing

@testable import KubeRuntime

/// What follows from how a reconcile ends, and which runs when.
@Suite(.timeLimit(.minutes(4))) struct ControllerOutcomeTests {
    private let server: FaultyAPIServer
    private let client: KubeClient
    private let journal = Journal()
    private let metrics = TestMetrics()
    private let tracer = InMemoryTracer()

    init() throws {
        server = try FaultyAPIServer()
        client = try server.client()
    }

    private func controller(_ change: (inout ControllerOptions) -> Void = { _ in }) -> Controller<ServedMap> {
        var options = ControllerOptions()
        options.backoff = Backoff(initial: .milliseconds(1), maximum: .milliseconds(1), jitter: 0)
        options.tracer = tracer
        change(&options)
        return Controller(
            ServedMap.self,
            name: "maps",
            client: client,
            options: options,
            logger: .quiet,
            metrics: metrics
        )
    }

    private struct Failure: Error {}

    @Test func `every object is reconciled again on each resync, though nothing changes`() async throws {
        let names = ["a", "b", "c"]
        for name in names { server.put(name) }
        let controller = controller { $0.resync = .milliseconds(50) }
        try await running([
            {
                await controller.run { [journal] key in
                    journal.note(key.name)
                    return .awaitChange
                }
            }
        ]) {
            await journal.wait { entries in
                names.allSatisfy { name in entries.count { $0 == name } >= 3 }
            }
        }
        #expect(server.requests.count == 1)
    }

    @Test func `a key comes again after the delay it asked for, and otherwise after a change`() async throws {
        server.put("a", ["v": "1"])
        let controller = controller()
        try await running([
            {
                await controller.run { [journal] key in
                    let times = journal.count(key.name)
                    journal.note(key.name)
                    return times == 0 ? .after(.milliseconds(20)) : .awaitChange
                }
            }
        ]) {
            await journal.wait(for: "a", times: 2)
            server.put("a", ["v": "2"])
            await journal.wait(for: "a", times: 3)
            // Had the first change led to more than asked for, it would have come before this.
            server.put("b")
            await journal.wait(for: "b", times: 2)
        }
        #expect(journal.count("a") == 3)
        #expect(
            try metrics.expectCounter(
                "controller_runtime_reconcile_total",
                [("controller", "maps"), ("result", "requeue_after")]
            ).totalValue == 2
        )
        #expect(
            try metrics.expectCounter(
                "controller_runtime_reconcile_total",
                [("controller", "maps"), ("result", "success")]
            ).totalValue == 3
        )
    }

    @Test func `a terminal error waits for a change, other errors are tried again, and neither touches another key`()
        async throws
    {
        for name in ["bad", "good", "hopeless"] { server.put(name) }
        let controller = controller { $0.workers = 1 }
        try await running([
            {
                await controller.run { [journal] key in
                    journal.note(key.name)
                    switch key.name {
                    case "bad": throw Failure()
                    case "hopeless": throw TerminalError("no")
                    default: return .after(.milliseconds(1))
                    }
                }
            }
        ]) {
            await journal.wait { entries in
                ["bad", "good"].allSatisfy { name in entries.count { $0 == name } >= 20 }
            }
            #expect(journal.count("hopeless") == 1)
            #expect(controller.queue.failures(of: .served("hopeless")) == 0)
            server.put("hopeless", ["v": "2"])
            await journal.wait(for: "hopeless", times: 2)
        }
        let labels = [("controller", "maps")]
        #expect(try metrics.expectCounter("controller_runtime_terminal_reconcile_errors_total", labels).totalValue == 2)
        #expect(
            try metrics.expectCounter("controller_runtime_reconcile_errors_total", labels).totalValue
                == Int64(journal.count("bad") + 2)
        )
    }

    @Test func `a key that backs off stays there whatever happens to others`() async throws {
        server.put("bad")
        server.put("good")
        let controller = controller {
            $0.backoff = Backoff(initial: .seconds(3600), maximum: .seconds(3600), jitter: 0)
            $0.workers = 1
        }
        try await running([
            {
                await controller.run { [journal] key in
                    journal.note(key.name)
                    if key.name == "bad" { throw Failure() }
                    return .awaitChange
                }
            }
        ]) {
            await journal.wait { $0.contains("bad") && $0.contains("good") }
            for value in 2...5 {
                server.put("bad", ["v": "\(value)"])
                server.put("good", ["v": "\(value)"])
                await journal.wait(for: "good", times: value)
            }
        }
        #expect(journal.count("bad") == 1)
        #expect(controller.queue.failures(of: .served("bad")) == 1)
    }

    @Test func `a reconcile that takes too long is cancelled, counts as failed, and is tried again`() async throws {
        server.put("a")
        let controller = controller { $0.reconcileTimeout = .milliseconds(20) }
        try await running([
            {
                await controller.run { [journal] key in
                    journal.note(key.name)
                    guard journal.count(key.name) == 1 else { return .awaitChange }
                    // Until it is cancelled.
                    for await _ in AsyncStream<Void>.makeStream().stream {}
                    journal.note("cancelled \(Task.isCancelled)")
                    throw CancellationError()
                }
            }
        ]) {
            await journal.wait(for: "a", times: 2)
        }
        #expect(journal.entries.prefix(3) == ["a", "cancelled true", "a"])
        let labels = [("controller", "maps")]
        let timeouts = try metrics.expectCounter("controller_runtime_reconcile_timeouts_total", labels).totalValue
        // The second may take too long, too, on a machine that stands still just then.
        #expect(timeouts >= 1)
        #expect(try metrics.expectCounter("controller_runtime_reconcile_errors_total", labels).totalValue == timeouts)
    }

    @Test func `no more keys at once than there are workers, and never one twice`() async throws {
        let names = (0..<12).map { "m\($0)" }
        for name in names { server.put(name) }
        let controller = controller { $0.workers = 3 }
        let state = Mutex<(running: [String: Int], most: Int, mostOfOne: Int)>(([:], 0, 0))
        let gate = ElectionSignal()
        try await running([
            {
                await controller.run { [journal] key in
                    state.withLock { state in
                        state.running[key.name, default: 0] += 1
                        state.most = max(state.most, state.running.values.reduce(0, +))
                        state.mostOfOne = max(state.mostOfOne, state.running[key.name] ?? 0)
                    }
                    journal.note("began")
                    await gate.wait()
                    state.withLock { $0.running[key.name, default: 0] -= 1 }
                    journal.note(key.name)
                    return .awaitChange
                }
            }
        ]) { () async throws in
            await journal.wait(for: "began", times: 3)
            let labels = [("controller", "maps")]
            #expect(try metrics.expectMeter("controller_runtime_active_workers", labels).lastValue == 3)
            #expect(try metrics.expectMeter("controller_runtime_max_concurrent_reconciles", labels).lastValue == 3)
            // Those in progress are wanted once more.
            for name in names { server.put(name, ["v": "3"]) }
            let last = server.version
            try await eventually {
                controller.store.objects.map { UInt64($0.metadata.resourceVersion) ?? 0 }.max() == last
            }
            #expect(journal.count("began") == 3)
            gate.happen()
            // Twelve, and once more those three that were in progress when they changed.
            await journal.wait(for: "began", times: 15)
        }
        #expect(state.withLock { $0.most } == 3)
        #expect(state.withLock { $0.mostOfOne } == 1)
    }

    @Test func `what is new comes before what the first list brought`() async throws {
        for index in 0..<5 { server.put("old\(index)") }
        let controller = controller { $0.workers = 1 }
        let gate = ElectionSignal()
        try await running([
            {
                await controller.run { [journal] key in
                    journal.note(key.name)
                    await gate.wait()
                    return .awaitChange
                }
            }
        ]) {
            await journal.wait { $0.count == 1 }
            server.put("fresh")
            try await eventually { controller.store.get(.served("fresh")) != nil }
            gate.happen()
            await journal.wait { $0.count == 6 }
        }
        #expect(journal.entries[1] == "fresh")
    }

    @Test func `a span for each reconcile names its trigger and is linked to the span that asked for it`() async throws
    {
        server.put("a")
        let controller = controller()
        try await running([
            {
                await controller.run { [journal] key in
                    journal.note(key.name)
                    if key.name == "b" { throw TerminalError("no") }
                    return .awaitChange
                }
            }
        ]) {
            await journal.wait(for: "a")
            // Somebody who shares the store writes, in a span of their own; a watch could be faster than the answer.
            server.silenceWatches()
            let store = controller.store
            let maps = client.resources(ServedMap.self, namespace: "default").observingWrites { object, _ in
                store.record(object)
            }
            try await tracer.withSpan("other") { _ in
                _ = try await maps.create(ServedMap(metadata: ObjectMeta(name: "b")))
            }
            await journal.wait(for: "b")
            controller.stop()
            try await eventually { tracer.finishedSpans.count >= 3 }
        }
        let spans = tracer.finishedSpans.filter { $0.operationName == "reconcile maps" }
        let first = try #require(spans.first { $0.attributes.text("k8s.object") == "default/a" })
        let second = try #require(spans.first { $0.attributes.text("k8s.object") == "default/b" })
        let other = try #require(tracer.finishedSpans.first { $0.operationName == "other" })
        #expect(first.attributes.text("reconcile.trigger") == "listed")
        #expect(first.links.isEmpty && first.errors.isEmpty)
        #expect(second.attributes.text("reconcile.trigger")?.contains("added") == true)
        #expect(second.links.contains { $0.context.inMemorySpanContext?.spanID == other.spanID })
        #expect(second.errors.count == 1)
    }
}

extension SpanAttributes {
    fileprivate func text(_ name: String) -> String? {
        guard case .string(let value) = self.get(name) else { return nil }
        return value
    }
}
