import Workflows

extension ExecutionID {
    /// Reads `resize`, `resize[17]` and `resize[17]/compensate`.
    init?(_ text: String) {
        var rest = Substring(text)
        let isCompensation = rest.hasSuffix("/compensate")
        if isCompensation { rest = rest.dropLast("/compensate".count) }
        guard let bracket = rest.firstIndex(of: "[") else {
            self.init(String(rest), item: nil, isCompensation: isCompensation)
            return
        }
        let item = Int(rest[rest.index(after: bracket)...].dropLast())
        self.init(String(rest[..<bracket]), item: item, isCompensation: isCompensation)
    }
}

extension ProcessState {
    /// The record of a step or an element.
    func step(_ id: ExecutionID) -> StepState? {
        guard let step = steps.first(where: { $0.name == id.step }) else { return nil }
        guard let item = id.item else { return step }
        var element = step.items?.states.first { $0.item == item }
        // A step that is run anew evaluates its list anew: its elements are others than before.
        element?.rerun += step.rerun
        return element
    }

    func record(_ id: ExecutionID) -> Execution? {
        id.isCompensation ? step(id)?.compensation?.execution : step(id)?.execution
    }

    /// Everything that can be executed.
    var executions: [(ExecutionID, Execution)] {
        var found: [(ExecutionID, Execution)] = []
        for step in steps {
            for record in step.items?.states ?? [step] {
                found.append((ExecutionID(step.name, item: record.item), record.execution))
                guard let compensation = record.compensation else { continue }
                found.append(
                    (ExecutionID(step.name, item: record.item, isCompensation: true), compensation.execution)
                )
            }
        }
        return found
    }

    func claims(of id: ExecutionID) -> [LockClaim] {
        id.isCompensation ? [] : locks.filter { $0.step == id.step && $0.item == id.item }
    }
}

extension StepState {
    /// Whether it has had an effect, or may have had one.
    var hasHappened: Bool { status == .completed || hasUnknownEffect }

    private var records: [StepState] { items?.states ?? [self] }

    /// The latest start among what can be undone.
    var lastStart: Int? { records.filter { $0.hasHappened && $0.compensation != nil }.map(\.execution.start).max() }

    /// The same, if something of it has still to be undone.
    var openStart: Int? {
        let isOpen = records.contains {
            $0.hasHappened && $0.compensation.map { !$0.execution.status.isSettled } ?? false
        }
        return isOpen ? lastStart : nil
    }

    /// For the trace.
    var outline: String {
        var text = "\(name)=\(status.rawValue)"
        if execution.attempt > 1 { text += "#\(execution.attempt)" }
        if rerun > 0 { text += "r\(rerun)" }
        if let items = items?.states { text += "[" + items.map { "\($0.status.rawValue.first ?? "?")" }.joined() + "]" }
        if let undo = compensation, undo.execution.status != .pending { text += "/\(undo.execution.status.rawValue)" }
        return text
    }
}
