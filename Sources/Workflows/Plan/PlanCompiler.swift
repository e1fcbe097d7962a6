internal import JSON

/// Resolves and compiles a definition, and collects everything that is wrong with it, with paths such as
/// `steps[2].needs[0]`.
struct PlanCompiler {
    let definition: WorkflowDefinition
    let environment: MachineEnvironment
    private(set) var index: [String: Int] = [:]
    private(set) var violations: [JSONSchema.Violation] = []
    private var needs: [[Int]] = []

    /// What expressions outside a step may use.
    static let processNames: Set<String> = ["input", "steps", "process"]
    /// What `retryWhen` may use, wherever it stands.
    static let retryNames = processNames.union(["item", "index", "error"])
    private static let itemNames = processNames.union(["item", "index"])

    init(_ definition: WorkflowDefinition, _ environment: MachineEnvironment) {
        self.definition = definition
        self.environment = environment
        let all = definition.allSteps
        for (position, step) in all.enumerated() {
            if index.updateValue(position, forKey: step.name) != nil {
                violations.append(.init(path: path(position), "the name \(step.name) is used twice"))
            }
        }
        needs = all.enumerated().map { position, step in
            (step.needs ?? []).enumerated().compactMap { need(named: $1, at: $0, of: position) }
        }
        if violations.isEmpty, let cycle = firstCycle() {
            let names = cycle.map { all[$0].name }.joined(separator: " -> ")
            violations.append(.init(path: "steps", "the steps need each other in a cycle: \(names)"))
        }
    }

    private func path(_ position: Int) -> String {
        let main = definition.steps.count
        return position < main ? "steps[\(position)]" : "finally[\(position - main)]"
    }

    private mutating func need(named name: String, at place: Int, of position: Int) -> Int? {
        let path = "\(path(position)).needs[\(place)]"
        let main = definition.steps.count
        guard let need = index[name] else {
            violations.append(.init(path: path, "there is no step \"\(name)\""))
            return nil
        }
        guard (need < main) == (position < main) else {
            violations.append(.init(path: path, "steps and final steps cannot need each other (\"\(name)\")"))
            return nil
        }
        return need
    }

    // MARK: Steps

    mutating func compileSteps() -> [PlannedStep] {
        let all = definition.allSteps
        var planned: [PlannedStep] = []
        planned.reserveCapacity(all.count)
        for (position, step) in all.enumerated() {
            let before = violations.count
            var compiled = compile(step, position)
            compiled.fault = violations.count > before ? violations[before].description : nil
            planned.append(compiled)
        }
        for (position, step) in planned.enumerated() {
            for need in step.needs { planned[need].dependents.append(position) }
        }
        return planned
    }

    private mutating func compile(_ step: StepDefinition, _ position: Int) -> PlannedStep {
        let path = path(position)
        let names = step.forEach == nil ? Self.processNames : Self.itemNames
        let inputs = template(step.with ?? [:], "\(path).with", names) ?? .empty
        checkAction(step.action, step.with ?? [:], inputs, path)
        checkReferences(inputs.references, position, "\(path).with")
        let items = template(step.forEach?.items, "\(path).forEach.items", Self.processNames)
        checkItems(step.forEach, items, position, path)
        if step.compensate != nil, position >= definition.steps.count {
            violations.append(.init(path: "\(path).compensate", "final steps are not undone"))
        }
        let compensation = step.compensate
        let compensationInputs = compensation.flatMap {
            template($0.with ?? [:], "\(path).compensate.with", names.union(["outputs"]))
        }
        if let compensation, let compensationInputs {
            checkAction(compensation.action, compensation.with ?? [:], compensationInputs, "\(path).compensate")
            checkReferences(compensationInputs.references, position, "\(path).compensate.with")
        }
        let when = expression(step.when, "\(path).when", names, position)
        let retryNames = names.union(["error"])
        _ = expression(step.retry?.retryWhen, "\(path).retry.retryWhen", retryNames, position)
        _ = expression(step.compensate?.retry?.retryWhen, "\(path).compensate.retry.retryWhen", retryNames, position)
        let memo = template(step.memoize.map { .string($0.key) }, "\(path).memoize.key", names)
        if let memo { checkReferences(memo.references, position, "\(path).memoize.key") }
        let locks = lockNames(step.locks, "\(path).locks", names)
        for lock in locks { checkReferences(lock.references, position, "\(path).locks") }
        return PlannedStep(
            definition: step,
            needs: needs[position],
            when: when,
            inputs: inputs,
            items: items,
            compensationInputs: compensationInputs,
            lockNames: locks,
            memoKey: memo,
            onUnknown: step.onUnknown ?? policy(step.action),
            compensationOnUnknown: policy(compensation?.action ?? environment.actions[step.action]?.undoneBy ?? "")
        )
    }

    private func policy(_ action: String) -> UnknownOutcomePolicy {
        environment.actions[action]?.defaultUnknownOutcomePolicy ?? .askHuman
    }

    private mutating func checkAction(
        _ name: String,
        _ inputs: JSONValue,
        _ template: ValueTemplate,
        _ path: String
    ) {
        guard !name.isEmpty else { return }
        guard let schema = environment.actions.inputSchema(of: name) else {
            let known = environment.actions.names.joined(separator: ", ")
            violations.append(.init(path: "\(path).action", "there is no action \"\(name)\"; there are: \(known)"))
            return
        }
        if let refusal = environment.actions[name]?.refusal {
            violations.append(.init(path: "\(path).action", refusal))
            return
        }
        // With expressions in it, the input is checked when it is evaluated.
        guard template.isConstant else { return }
        violations += schema.violations(of: inputs).map { $0.inside("\(path).with") }
    }

    private mutating func checkItems(
        _ forEach: ForEach?,
        _ items: ValueTemplate?,
        _ position: Int,
        _ path: String
    ) {
        guard let forEach, let items else { return }
        checkReferences(items.references, position, "\(path).forEach.items")
        let path = "\(path).forEach.items"
        switch forEach.items {
        case .array(let elements) where elements.count > ForEach.maximumItems:
            let limit = ForEach.maximumItems
            violations.append(.init(path: path, "has \(elements.count) elements, at most \(limit) are allowed"))
        case .array: break
        case .string where !items.isConstant: break
        default: violations.append(.init(path: path, "must be a list, or an expression that gives one"))
        }
    }

    // MARK: Expressions

    mutating func template(_ value: JSONValue?, _ path: String, _ names: Set<String>) -> ValueTemplate? {
        guard let value else { return nil }
        return ValueTemplate(
            value,
            at: path,
            names: names,
            language: environment.language,
            violations: &violations
        )
    }

    mutating func lockNames(_ locks: [LockReference]?, _ path: String, _ names: Set<String>) -> [ValueTemplate] {
        (locks ?? []).enumerated().compactMap { position, lock in
            let path = "\(path)[\(position)].name"
            guard let template = template(.string(lock.name), path, names) else { return nil }
            if template.isConstant, !LockReference.namePattern.matches(lock.name) {
                violations.append(.init(path: path, "\"\(lock.name)\" is not \(LockReference.namePattern.meaning)"))
            }
            return template
        }
    }

    private mutating func expression(
        _ source: String?,
        _ path: String,
        _ names: Set<String>,
        _ position: Int
    ) -> (any Expression)? {
        guard let source else { return nil }
        do {
            let expression = try environment.language.compile(source, names: names)
            checkReferences(expression.references, position, path)
            return expression
        } catch {
            violations.append(.init(path: path, error.description))
            return nil
        }
    }

    /// A step may refer only to steps that are over when it starts: those it needs, directly or through others. The
    /// result would depend on chance otherwise. Final steps may refer to all others.
    private mutating func checkReferences(_ references: [[String]], _ position: Int, _ path: String) {
        for reference in references where reference.first == "steps" && reference.count > 1 {
            guard let target = index[reference[1]] else {
                violations.append(.init(path: path, "there is no step \"\(reference[1])\""))
                continue
            }
            if position >= definition.steps.count, target < definition.steps.count { continue }
            guard !isNeeded(target, by: position) else { continue }
            let name = definition.allSteps[position].name
            violations.append(
                .init(
                    path: path,
                    "refers to steps.\(reference[1]), which \(name) does not need; add it to `needs`"
                )
            )
        }
    }

    private func isNeeded(_ target: Int, by position: Int) -> Bool {
        var seen: Set<Int> = []
        var open = needs[position]
        if open.contains(target) { return true }
        while let next = open.popLast() {
            guard seen.insert(next).inserted else { continue }
            if next == target { return true }
            open += needs[next]
        }
        return false
    }

    // MARK: The whole

    mutating func checkSubprocesses() {
        guard let subprocesses = definition.subprocesses else { return }
        for (name, json) in (subprocesses.object ?? [:]).sorted(by: { $0.key < $1.key }) {
            let path = "subprocesses.\(name)"
            do {
                let plan = Plan(try WorkflowDefinition(json: json), environment: environment)
                violations += plan.violations.map { $0.inside(path) }
            } catch {
                violations.append(error.inside(path))
            }
        }
    }

    /// The condition of all steps can refer to none of them.
    mutating func checkRetry() {
        guard let source = definition.retry?.retryWhen else { return }
        do {
            _ = try environment.language.compile(source, names: ["input", "process", "error"])
        } catch {
            violations.append(.init(path: "retry.retryWhen", error.description))
        }
    }

    mutating func checkParameters() {
        guard let parameters = definition.parameters else { return }
        do { _ = try JSONSchema(json: parameters) } catch { violations.append(error.inside("parameters")) }
    }

    /// Steps that need each other in a circle, the first repeated at the end; nil when there are none.
    private func firstCycle() -> [Int]? {
        enum Mark {
            case open
            case done
        }
        var marks = [Mark?](repeating: nil, count: needs.count)
        // Depth first with a stack of our own: a chain of needs may be longer than the thread's stack allows.
        for root in needs.indices where marks[root] == nil {
            var path: [(step: Int, next: Int)] = [(root, 0)]
            marks[root] = .open
            while let (step, next) = path.last {
                guard next < needs[step].count else {
                    marks[step] = .done
                    path.removeLast()
                    continue
                }
                let need = needs[step][next]
                path[path.count - 1].next += 1
                if marks[need] == .open {
                    let start = path.firstIndex { $0.step == need } ?? 0
                    return path[start...].map(\.step) + [need]
                }
                if marks[need] == nil {
                    marks[need] = .open
                    path.append((need, 0))
                }
            }
        }
        return nil
    }
}
