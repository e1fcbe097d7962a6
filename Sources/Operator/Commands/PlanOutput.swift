internal import Workflows

/// A plan as people read it on a terminal.
enum PlanOutput {
    static func print(_ plan: ProcessPlan) {
        for line in plan.lines { Swift.print(line) }
        Swift.print("digest: \(plan.digest)")
    }
}
