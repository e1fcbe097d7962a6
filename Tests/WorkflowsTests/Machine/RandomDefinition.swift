import JSON
import Workflows

/// Definitions of every kind, by chance.
struct RandomDefinition {
    private var random: SplitMix
    let definition: WorkflowDefinition
    let onFailure: FailurePolicy
    let parallelism: Int
    let retry: RetryPolicy

    init(seed: UInt64) {
        var random = SplitMix(state: seed)
        var steps: [StepDefinition] = []
        for number in 0..<Int.random(in: 1...7, using: &random) {
            steps.append(Self.step("s\(number)", after: steps, isFinal: false, &random))
        }
        var finals: [StepDefinition] = []
        for number in 0..<Int.random(in: 0...2, using: &random) {
            finals.append(Self.step("f\(number)", after: finals, isFinal: true, &random))
        }
        // The order in the document is of no importance.
        definition = workflow(
            random.oneIn(2) ? steps : steps.reversed(),
            finally: finals.isEmpty ? nil : finals,
            outputs: random.oneIn(3) ? ["s0": "${{ steps.s0.status }}"] : nil,
            locks: random.oneIn(5) ? [LockReference("whole")] : nil
        )
        onFailure = random.pick(FailurePolicy.allCases, or: .stop)
        parallelism = Int.random(in: 1...4, using: &random)
        retry = RetryPolicy(limit: Int.random(in: 0...2, using: &random), delay: .seconds(5))
        self.random = random
    }

    private static func step(
        _ name: String,
        after others: [StepDefinition],
        isFinal: Bool,
        _ random: inout SplitMix
    ) -> StepDefinition {
        var step = StepDefinition(name, action: random.pick(["work", "repeat", "look"], or: "work"))
        let needs = others.map(\.name).filter { _ in random.oneIn(3) }
        if !needs.isEmpty { step.needs = needs }
        if random.oneIn(3) {
            let items: JSONValue = random.oneIn(2) ? [1, 2, 3, 4] : "${{ input.list }}"
            step.forEach = ForEach(items, parallelism: random.oneIn(2) ? 2 : nil)
            if random.oneIn(3) { step.when = "index != 1" }
        } else if random.oneIn(6) {
            step.when = random.oneIn(2) ? "false" : "input.list.size() > 1"
        }
        if let need = needs.first, random.oneIn(2) { step.with = ["before": .string("${{ steps.\(need).status }}")] }
        if !isFinal, random.oneIn(2) {
            step.compensate = Compensation(
                action: random.pick(["undo", "work"], or: "undo"),
                with: random.oneIn(3) ? ["was": "${{ outputs }}"] : nil
            )
        }
        if random.oneIn(4) {
            step.locks = [LockReference(random.pick(["x", "y"], or: "x"))]
            if random.oneIn(2) { step.pendingTimeout = "20s" }
        }
        return step
    }
}
