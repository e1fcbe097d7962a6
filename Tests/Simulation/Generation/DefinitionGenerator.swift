import JSON
import Workflows

/// Makes definitions by chance.
struct DefinitionGenerator {
    private unowned let world: World
    /// Of each lock, how many may hold it.
    private let lockLimits: [String: Int]
    private let deafness: Bool
    private let hasShortTimeouts: Bool

    init(_ world: World) {
        self.world = world
        lockLimits = ["l0": world.chance(60) ? 1 : 2, "l1": 1, "p0": world.chance(50) ? 1 : 2]
        deafness = world.chance(40)
        hasShortTimeouts = world.chance(20)
    }

    private func int(_ range: ClosedRange<Int>) -> Int { world.scheduler.random.int(range) }
    private func chance(_ percent: Int) -> Bool { world.chance(percent) }
    private func pick<Element>(_ elements: [Element]) -> Element { world.scheduler.random.pick(elements) }

    func resource(_ number: Int) -> Resource {
        Resource(
            id: "process-\(number)",
            definition: definition("Generated", steps: 3...12, isTop: true),
            input: ["x": 7, "yes": true, "no": false, "lock": "l0"],
            timeout: hasShortTimeouts && chance(50) ? .seconds(int(10...60)) : .seconds(3600),
            onFailure: pick(FailurePolicy.allCases),
            changePolicy: pick([.pin, .restart, .migrate])
        )
    }

    func definition(_ name: String, steps range: ClosedRange<Int>, isTop: Bool) -> WorkflowDefinition {
        var definition = WorkflowDefinition(name: name, steps: [])
        let count = min(int(range), int(range))
        for index in 0..<count {
            definition.steps.append(step("s\(index)", after: definition.steps.map(\.name), isTop: isTop))
        }
        if chance(30) {
            definition.finally = (0..<int(1...2)).map { index in
                var step = plainStep("f\(index)")
                if index == 1, chance(50) { step.needs = ["f0"] }
                return step
            }
        }
        if isTop, chance(15) { definition.locks = [lock("p0")] }
        if definition.steps.contains(where: { $0.action == "process" }) {
            let child = self.definition("Child", steps: 1...3, isTop: false)
            definition.subprocesses = .object(["template/child": child.json()])
            world.cover("feature.subprocess")
        }
        return definition
    }

    private func plainStep(_ name: String) -> StepDefinition {
        var step = StepDefinition(name, action: pick(["idempotent", "idempotent", "plain", "verifiable"]))
        var with: [String: JSONValue] = ["time": .int(Int64(pick([int(1...50), int(50...2000), int(1...300)])))]
        if chance(35) { with["failing"] = .int(Int64(pick([10, 30, 70]))) }
        if chance(8) { with["refusing"] = .int(Int64(pick([20, 100]))) }
        if chance(8) { with["time"] = .int(Int64(int(5000...40_000))) }
        if chance(3) { with["time"] = .int(Int64(int(100_000...250_000))) }
        if deafness, chance(20) { with["deafness"] = .int(Int64(int(500...40_000))) }
        if chance(10) { with["records"] = true }
        if chance(5) { with["size"] = .int(5000) }
        if chance(15) {
            step.timeout = "\(int(1...10))s"
            if chance(50) { with["hanging"] = .int(Int64(pick([30, 60]))) }
            world.cover("feature.stepTimeout")
        }
        step.with = .object(with)
        if chance(50) {
            var retry = RetryPolicy(limit: int(0...3), delay: .milliseconds(int(200...6000)))
            if chance(30) { retry.backoff?.jitter = 0.5 }
            if chance(30) { retry.backoff?.factor = 2 }
            if chance(10) { retry.retryWhen = pick(["true", "false"]) }
            step.retry = retry
            world.cover("feature.retry")
        }
        return step
    }

    private func step(_ name: String, after others: [String], isTop: Bool) -> StepDefinition {
        var step = plainStep(name)
        let needs = others.filter { _ in chance(others.count > 4 ? 20 : 40) }
        if !needs.isEmpty { step.needs = needs }
        if let first = needs.first, chance(30) { step.with?["from"] = .string("${{ steps.\(first).outputs }}") }
        if chance(20) { step.with?["x"] = "${{ input.x }}" }
        if chance(12) {
            step.when = pick(["true", "false", "input.yes", "input.no"])
            world.cover("feature.when")
        }
        if isTop, chance(8) { return subprocess(step) }
        if chance(20) {
            let count = int(0...5)
            let items = JSONValue.array((0..<count).map { .int(Int64($0)) })
            step.forEach = ForEach(items, parallelism: chance(50) ? int(1...3) : nil)
            step.with?["item"] = "${{ item }}"
            world.cover("feature.forEach")
        }
        if chance(55) {
            step.compensate = compensation()
            world.cover("feature.compensate")
        }
        if chance(25) {
            step.locks = chance(20) ? [lock("l1"), lock("l0")] : [lock(pick(["l0", "l0", "${{ input.lock }}", "l1"]))]
            if chance(10) { step.pendingTimeout = "\(int(1...20))s" }
            world.cover("feature.locks")
        }
        if chance(8), step.action == "idempotent" {
            step.memoize = Memoization(key: pick(["m0", "m1"]), timeToLive: "30s")
            world.cover("feature.memoize")
        }
        if chance(10) { step.onUnknown = pick(UnknownOutcomePolicy.allCases) }
        return step
    }

    private func subprocess(_ former: StepDefinition) -> StepDefinition {
        var step = StepDefinition(
            former.name,
            action: "process",
            with: ["templateRef": ["name": "child"], "input": ["yes": true, "no": false, "lock": "l0", "x": 1]],
            needs: former.needs
        )
        step.when = former.when
        step.retry = former.retry
        if chance(30) { step.timeout = "\(int(5...40))s" }
        return step
    }

    private func compensation() -> Compensation {
        var with: JSONValue = ["time": .int(Int64(int(1...3000)))]
        if chance(20) { with["failing"] = 30 }
        if chance(30) { with["undone"] = "${{ outputs }}" }
        return Compensation(action: "undo", with: with)
    }

    private func lock(_ name: String) -> LockReference {
        LockReference(name, limit: lockLimits[name] ?? lockLimits["l0"])
    }

    /// A definition that somebody has edited while it runs.
    func edited(_ definition: WorkflowDefinition) -> WorkflowDefinition {
        var definition = definition
        switch int(0...2) {
        case 0:
            definition.steps.append(
                step("added\(definition.steps.count)", after: definition.steps.map(\.name), isTop: false)
            )
        case 1:
            let index = int(0...(definition.steps.count - 1))
            definition.steps[index].with?["edited"] = true
        default:
            if definition.steps.count > 1 { definition.steps.removeLast() }
        }
        return definition
    }
}
