import JSON
import Testing

@testable import Workflows

/// Random definitions under random events. `MachineDriver` checks after each that what the machine keeps beside the state
/// follows from it; here is what holds over time.
@Suite(.timeLimit(.minutes(4))) struct MachinePropertyTests {
    /// What a run would know: which actions run, and what was asked for.
    private struct World {
        var process: MachineDriver
        var random: SplitMix
        let first: WorkflowDefinition
        var running: [ExecutionID: Int] = [:]
        var verifying: [ExecutionID: Int] = [:]
        var interrupted: Set<ExecutionID> = []
        var acquiring: Set<ExecutionID?> = []
        /// The starts that this owner was asked to run.
        var started: Set<[String]> = []
        var completedKeys: Set<String> = []
        /// When the process's clock shows this, a cancellation is over.
        var cancelledBy: Int?
        var log: [String] = []

        init(seed: UInt64) {
            let random = RandomDefinition(seed: seed)
            first = random.definition
            process = MachineDriver(
                random.definition,
                input: ["list": .array((0..<Int64(seed % 4)).map { .int($0) })],
                timeout: .seconds(600),
                retry: random.retry,
                onFailure: random.onFailure,
                limits: .parallel(random.parallelism)
            )
            self.random = SplitMix(state: seed &* 31)
        }

        mutating func apply(_ event: ProcessEvent, after elapsed: Duration = .zero) {
            log.append("\(event)")
            perform(process.apply(event, after: elapsed))
            // As a run does: what a document holds depends on the documents before.
            _ = process.encode()
            check()
        }

        private mutating func perform(_ effects: [ProcessEffect]) {
            for effect in effects {
                switch effect {
                case .run(let run):
                    let name = [run.id.description, "\(run.start)", "\(process.state.rerun)"]
                    if !started.insert(name).inserted { fault("\(run.id) was run twice as start \(run.start)") }
                    if completedKeys.contains(run.key) { fault("\(run.id) ran again under a key that is completed") }
                    verifying[run.id] = nil
                    interrupted.remove(run.id)
                    running[run.id] = run.start
                case .verify(let run): verifying[run.id] = run.start
                case .interrupt(let id): interrupted.insert(id)
                case .acquire(let holder, _): acquiring.insert(holder)
                case .release(let claims):
                    for claim in claims {
                        acquiring.remove(claim.step.isEmpty ? nil : ExecutionID(claim.step, item: claim.item))
                    }
                }
            }
        }

        func fault(_ text: String) {
            Issue.record("\(text)\n\(String(decoding: first.json().serialized(), as: UTF8.self))\n\(log.suffix(40))")
        }

        private mutating func check() {
            let state = process.state
            for (id, execution) in executions where execution.status == .completed {
                if let key = execution.key { completedKeys.insert(key) }
                if !id.isCompensation, process.machine[id].output == nil {
                    fault("\(id) is completed without an output")
                }
            }
            for claim in state.locks where !claim.step.isEmpty {
                let id = ExecutionID(claim.step, item: claim.item)
                let phase = process.machine.execution(id).status
                if phase.isSettled || phase == .pending { fault("\(id) is \(phase) and has a claim") }
            }
            if state.status.isFinished {
                if !state.locks.isEmpty { fault("a finished process holds locks") }
                for (id, execution) in executions where !execution.status.isSettled && execution.status != .pending {
                    fault("\(id) is \(execution.status) in a finished process")
                }
                (running, verifying, acquiring, cancelledBy) = ([:], [:], [], nil)
            }
            if let limit = cancelledBy, state.clockMilliseconds >= limit { fault("the cancellation is late") }
            if ProcessState.schema.violations(of: state.json()) != [] { fault("the schema does not hold") }
        }

        private var executions: [(ExecutionID, Execution)] {
            process.state.steps.flatMap { step -> [(ExecutionID, Execution)] in
                let ids =
                    step.items?.states.indices.map { ExecutionID(step.name, item: $0) } ?? [ExecutionID(step.name)]
                return ids.flatMap { [($0, process.machine.execution($0))] + undoing($0) }
            }
        }

        private func undoing(_ id: ExecutionID) -> [(ExecutionID, Execution)] {
            process.machine[id].compensation.map { [(id.compensation, $0.execution)] } ?? []
        }

        // MARK: Chance

        mutating func step() async throws {
            switch Int.random(in: 0..<20, using: &random) {
            case 0: try await crash()
            case 1, 2: command()
            case 3: late()
            case 4, 5: apply(.tick, after: .seconds(Int.random(in: 0...20, using: &random)))
            case 6, 7:
                guard let holder = random.pick(from: acquiring) else { return }
                acquiring.remove(holder)
                apply(.acquired(holder))
            case 8:
                guard let id = random.pick(from: Set(verifying.keys)), let start = verifying[id] else { return }
                verifying[id] = nil
                let outcome = random.pick([.happened(output: 7), .didNotHappen], or: StepOutcome.unknown)
                apply(.verified(id, start: start, random.oneIn(4) ? .unknown : outcome))
            default: result()
            }
        }

        private mutating func result() {
            guard let id = random.pick(from: Set(running.keys)), let start = running[id] else { return }
            running[id] = nil
            if interrupted.remove(id) != nil, random.oneIn(2) {
                // Whether anybody still knows of the wish or not, the action may have to run once more.
                started.remove([id.description, "\(start)", "\(process.state.rerun)"])
                return apply(.interrupted(id, start: start))
            }
            switch Int.random(in: 0..<8, using: &random) {
            case 0: apply(.failed(id, start: start, .hiccup))
            case 1: apply(.failed(id, start: start, random.oneIn(2) ? .broken : .timeoutExceeded))
            default: apply(.succeeded(id, start: start, output: .int(Int64(start))))
            }
        }

        /// Results of starts that are over, and of what never was.
        private mutating func late() {
            let step = random.pick(process.state.steps.map(\.name), or: "s0")
            let id = ExecutionID(step, item: random.oneIn(2) ? 1 : nil, isCompensation: random.oneIn(3))
            let start = Int.random(in: 0...9, using: &random)
            guard running[id] != start, verifying[id] != start else { return }
            apply(.succeeded(id, start: start, output: "late"))
            apply(.failed(id, start: start, .hiccup))
        }

        private mutating func command() {
            let candidates: [ProcessCommand] = [
                .pause, .resume, .resume, .retry, .retry, .retryCurrentStep, .rollBack, .markCleanedUp,
                .decide(nil, .retry), .decide(nil, .complete(output: "by hand")), .decide(nil, .fail), .migrate(first),
            ]
            var command = random.pick(candidates, or: .resume)
            if random.oneIn(20) { command = .cancel(random.oneIn(3) ? .force : .graceful) }
            if random.oneIn(30) { command = .restart(restart) }
            if case .cancel(.graceful) = command, !process.status.isFinished, cancelledBy == nil,
                process.status != .cancelling
            {
                cancelledBy = process.state.clockMilliseconds + 60_000
            }
            apply(.command(command))
        }

        private var restart: RestartRequest {
            var request = RestartRequest()
            request.definition = first
            request.input = process.state.input
            request.timeoutMilliseconds = 600_000
            request.onFailure = process.state.onFailure
            return request
        }

        private mutating func crash() async throws {
            guard !process.status.isFinished else { return }
            (running, verifying, interrupted, acquiring, started) = ([:], [:], [], [], [])
            log.append("crash")
            perform(try await process.crash())
            check()
        }

        // MARK: To the end

        /// Everything answers from now on: the process has to come to an end.
        mutating func finish() {
            for _ in 0..<400 where !process.status.isFinished {
                if process.status == .paused { apply(.command(.resume)) }
                if let holder = random.pick(from: acquiring) {
                    acquiring.remove(holder)
                    apply(.acquired(holder))
                } else if let id = random.pick(from: Set(running.keys)), let start = running.removeValue(forKey: id) {
                    apply(
                        interrupted.contains(id)
                            ? .interrupted(id, start: start) : .succeeded(id, start: start, output: 1)
                    )
                } else if let id = random.pick(from: Set(verifying.keys)), let start = verifying.removeValue(forKey: id)
                {
                    apply(.verified(id, start: start, .happened(output: 1)))
                } else if let id = random.pick(from: process.machine.undecided) {
                    apply(.command(.decide(id, .complete(output: 1))))
                } else {
                    apply(.tick, after: process.machine.nextDue ?? .zero)
                }
            }
            if !process.status.isFinished { fault("the process is stuck") }
        }
    }

    @Test(arguments: 0..<10) func `any sequence of events keeps the laws of the machine`(block: UInt64) async throws {
        for seed in block * 25..<(block + 1) * 25 {
            var world = World(seed: seed)
            world.apply(.begin)
            for _ in 0..<120 { try await world.step() }
            world.finish()
            await Task.yield()
        }
    }
}
