import JSON
import Synchronization
import TestClock
import Testing

@testable import Workflows

@Suite(.timeLimit(.minutes(4))) struct MemoTests {
    private func request(
        _ id: String,
        key: String,
        namespace: String = "gis",
        timeToLive: String? = nil
    ) -> ProcessRequest {
        let step = step("a", action: "probe") { $0.memoize = Memoization(key: key, timeToLive: timeToLive) }
        var request = ProcessRequest.of(workflow([step], outputs: ["a": "${{ steps.a.outputs }}"]), id: id)
        request.namespace = namespace
        request.input = ["city": "Ulm"]
        return request
    }

    private func counting() -> Probe {
        let count = Mutex(0)
        return Probe { _, _ in
            .int(
                Int64(
                    count.withLock {
                        $0 += 1
                        return $0
                    }
                )
            )
        }
    }

    @Test func `a step reuses the output of another process's step with the same key`() async throws {
        let probe = counting()
        try await EngineDriver.with([probe]) { driver async throws in
            for id in ["p", "q"] {
                driver.engine.submit(request(id, key: "tiles/${{ input.city }}"), mode: .begin)
                #expect(try await driver.end(id).state?.outputs == ["a": 1])
            }
            #expect(probe.all.map(\.process) == ["p"])
        }
    }

    @Test func `another key, or another namespace, is another output`() async throws {
        let probe = counting()
        try await EngineDriver.with([probe]) { driver async throws in
            let requests = [
                request("p", key: "one"), request("q", key: "two"), request("r", key: "one", namespace: "other"),
            ]
            for request in requests {
                driver.engine.submit(request, mode: .begin)
                try await driver.end(request.id)
            }
            #expect(probe.steps.count == 3)
        }
    }

    @Test func `an output is reused for its time to live`() async throws {
        let clock = ManualClock()
        let store = InMemoryDocumentStore(time: TimeSource(clock))
        let probe = counting()
        try await EngineDriver.with([probe], store: store) { driver async throws in
            for (id, count) in [("p", 1), ("q", 1), ("r", 2)] {
                driver.engine.submit(request(id, key: "one", timeToLive: "60s"), mode: .begin)
                #expect(try await driver.end(id).state?.outputs == ["a": .int(Int64(count))])
                clock.advance(by: .seconds(31))
            }
        }
    }

    @Test func `a failure is not reused`() async throws {
        let probe = Probe { context, _ in
            if context.attempt == 1 { throw StepError(.transient, "not yet") }
            return "done"
        }
        try await EngineDriver.with([probe]) { driver async throws in
            driver.engine.submit(request("p", key: "one"), mode: .begin)
            #expect(try await driver.end("p").state?.outputs == ["a": "done"])
        }
    }
}
