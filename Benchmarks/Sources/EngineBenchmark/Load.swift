import Foundation
import JSON
import Logging
import Usage
import Workflows

/// Work for the engine.
struct Load: Sendable {
    let title: String
    let definition: WorkflowDefinition
    /// How many processes run it, and how many steps or elements each has.
    let processes: Int
    let stepsEach: Int

    static let all = [
        Load(title: "1,000 processes of 3 steps", definition: chain(3), processes: 1000, stepsEach: 3),
        Load(title: "a chain of 10,000 steps", definition: chain(10_000), processes: 1, stepsEach: 10_000),
        Load(title: "100 chains of 100 steps in one process", definition: chains, processes: 1, stepsEach: 10_000),
        Load(title: "a list of 2,000 elements, 50 at once", definition: list, processes: 1, stepsEach: 2000),
    ]

    private static func chain(_ count: Int) -> WorkflowDefinition {
        WorkflowDefinition(
            name: "chain",
            steps: (0..<count).map {
                StepDefinition("s\($0)", action: "nothing", needs: $0 > 0 ? ["s\($0 - 1)"] : nil)
            }
        )
    }

    private static let chains = WorkflowDefinition(
        name: "chains",
        steps: (0..<10_000).map {
            StepDefinition("s\($0)", action: "nothing", needs: $0 >= 100 ? ["s\($0 - 100)"] : nil)
        }
    )

    private static let list: WorkflowDefinition = {
        var step = StepDefinition("tile", action: "nothing", with: ["tile": "${{ item }}"])
        step.forEach = ForEach(.array((0..<2000).map { .int($0) }), parallelism: 50)
        return WorkflowDefinition(name: "list", steps: [step])
    }()

    /// Runs all processes to their end.
    func run(_ run: String, over store: TimedStore) async throws -> Reading {
        var configuration = EngineConfiguration()
        configuration.limits.stepParallelism = 50
        configuration.maxQueuedProcesses = processes
        let (ends, end) = AsyncStream<String>.makeStream()
        let engine = ProcessEngine(
            store: store,
            actions: ActionCatalog([NoAction()]),
            configuration: configuration,
            logger: Logger(label: "benchmark") { _ in SwiftLogNoOpLogHandler() },
            onChange: { end.yield($0.id) }
        )
        let cpu = ProcessUsage.ownCPUSeconds
        let start = ContinuousClock.now
        try await withThrowingTaskGroup(of: Void.self) { group in
            defer { group.cancelAll() }
            group.addTask { await engine.run() }
            for number in 0..<processes {
                let id = "\(run)-\(title.count)-\(number)"
                engine.submit(
                    ProcessRequest(id: id, name: id, definition: definition, timeout: .seconds(3600)),
                    mode: .begin
                )
            }
            var left = processes
            for await id in ends {
                guard let snapshot = engine.snapshot(of: id), case .ended(let how) = snapshot.activity else { continue }
                guard how == .finished, snapshot.state?.status == .completed else { throw Failure(how: "\(snapshot)") }
                engine.forget(id)
                guard engine.snapshot(of: id) == nil else { continue }
                left -= 1
                if left == 0 { break }
            }
        }
        let seconds = (ContinuousClock.now - start) / .seconds(1)
        let steps = Double(processes * stepsEach)
        return Reading(
            cpuPerStep: (ProcessUsage.ownCPUSeconds - cpu) * 1_000_000 / steps,
            stepsPerSecond: steps / seconds,
            commits: store.commits
        )
    }

    struct Failure: Error {
        let how: String
    }
}

/// Does nothing, at once.
struct NoAction: Action {
    let name = "nothing"
    let about = "Does nothing."
    let isIdempotent = true
    var inputSchema: JSONSchema { .anyObject }
    func perform(_ inputs: JSONValue, _ context: StepContext) async throws -> JSONValue { [:] }
}
