import FaultServer
import KubeClient
import Synchronization
import Testing

@testable import KubeRuntime

@Suite(.timeLimit(.minutes(4))) struct ControllerStopTests {
    private let server: FaultyAPIServer
    private let client: KubeClient
    private let journal = Journal()

    init() throws {
        server = try FaultyAPIServer()
        client = try server.client()
    }

    private func controller() -> Controller<ServedMap> {
        var options = ControllerOptions()
        options.workers = 2
        return Controller(ServedMap.self, client: client, options: options, logger: .quiet)
    }

    @Test func `stopping lets work in progress end, and takes no new keys`() async throws {
        for index in 0..<5 { server.put("m\(index)") }
        let controller = controller()
        let gate = ElectionSignal()
        let run = Task {
            await controller.run { [journal] _ in
                journal.note("began")
                await gate.wait()
                journal.note(Task.isCancelled ? "cancelled" : "done")
                return .awaitChange
            }
            journal.note("returned")
        }
        await journal.wait(for: "began", times: 2)
        controller.stop()
        controller.queue.add(.served("late"))
        #expect(!journal.entries.contains("returned"))
        gate.happen()
        await run.value
        #expect(journal.entries == ["began", "began", "done", "done", "returned"])
    }

    @Test func `stopping ends the wait for first lists`() async throws {
        server.plan(.swallow, for: .any, times: 100)
        let controller = controller()
        let run = Task { await controller.run { _ in .awaitChange } }
        await server.await(1, .any)
        controller.stop()
        await run.value
    }

    @Test func `stopped before it runs, it returns at once`() async throws {
        let controller = controller()
        controller.stop()
        await controller.run { _ in .awaitChange }
    }

    @Test func `cancelling cancels the work in progress, which does not count as failed`() async throws {
        server.put("a")
        let controller = controller()
        let run = Task {
            await controller.run { [journal] _ in
                journal.note("began")
                try await Task.sleep(for: .seconds(3600))
                return .awaitChange
            }
        }
        await journal.wait(for: "began")
        run.cancel()
        await run.value
        #expect(controller.queue.failures(of: .served("a")) == 0)
    }
}
