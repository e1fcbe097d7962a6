import JSON
import Workflows

/// A step, written as `name` or `name(needs,…)`.
func step(
    _ text: String,
    action: String = "work",
    with: JSONValue? = nil,
    _ change: (inout StepDefinition) -> Void = { _ in }
) -> StepDefinition {
    let parts = text.split(separator: "(")
    let needs = parts.count > 1 ? parts[1].dropLast().split(separator: ",").map(String.init) : nil
    var step = StepDefinition(String(parts[0]), action: action, with: with, needs: needs)
    change(&step)
    return step
}

/// A step with a list.
func list(
    _ text: String,
    _ items: JSONValue,
    parallelism: Int? = nil,
    action: String = "work",
    with: JSONValue? = nil,
    _ change: (inout StepDefinition) -> Void = { _ in }
) -> StepDefinition {
    step(text, action: action, with: with) {
        $0.forEach = ForEach(items, parallelism: parallelism)
        change(&$0)
    }
}

/// A step that can be undone.
func undoable(
    _ text: String,
    action: String = "work",
    undo: JSONValue? = nil,
    _ change: (inout StepDefinition) -> Void = { _ in }
) -> StepDefinition {
    step(text, action: action) {
        $0.compensate = Compensation(action: "undo", with: undo)
        change(&$0)
    }
}

func workflow(
    _ steps: [StepDefinition],
    finally: [StepDefinition]? = nil,
    outputs: JSONValue? = nil,
    locks: [LockReference]? = nil
) -> WorkflowDefinition {
    var definition = WorkflowDefinition(name: "inline", steps: steps, finally: finally)
    definition.outputs = outputs
    definition.locks = locks
    return definition
}

/// Steps, each written as `name` or `name(needs,…)`.
func workflow(_ steps: String...) -> WorkflowDefinition { workflow(steps.map { step($0) }) }
