public import JSON

extension WorkflowDefinition {
    /// Everything wrong with the definition beyond its schema, with paths such as `steps[2].needs[0]`.
    ///
    /// What the schema admits but this version cannot do is a violation too: a condition that is ignored, or a
    /// rollback that does not happen, would be worse than a refusal.
    public func violations(actions: ActionCatalog) -> [JSONSchema.Violation] {
        var found: [JSONSchema.Violation] = []
        for (index, step) in steps.enumerated() {
            let inStep = violations(of: step, actions: actions)
            found.append(contentsOf: inStep.map { $0.inside("steps[\(index)]") })
        }
        if found.isEmpty, let cycle = firstCycle() {
            found.append(
                .init(path: "steps", "the steps need each other in a cycle: \(cycle.joined(separator: " -> "))")
            )
        }
        return found
    }

    private func violations(of step: StepDefinition, actions: ActionCatalog) -> [JSONSchema.Violation] {
        var found: [JSONSchema.Violation] = []
        if let action = actions[step.action] {
            let inputs = step.with ?? [:]
            found += action.inputSchema.violations(of: inputs).map { $0.inside("with") }
            if let path = Self.firstExpression(in: inputs, at: "with") {
                found.append(.init(path: path, "`${{ }}` expressions are not supported by this version"))
            }
        } else if !step.action.isEmpty {
            let known = actions.names.joined(separator: ", ")
            found.append(.init(path: "action", "there is no action \"\(step.action)\"; there are: \(known)"))
        }
        for (index, need) in (step.needs ?? []).enumerated() where self.step(named: need) == nil {
            found.append(.init(path: "needs[\(index)]", "there is no step \"\(need)\""))
        }
        let unsupported: [(String, Bool)] = [
            ("when", step.when != nil), ("forEach", step.forEach != nil), ("compensate", step.compensate != nil),
            ("onUnknown", step.onUnknown != nil), ("retry.retryWhen", step.retry?.retryWhen != nil),
        ]
        for (path, isUsed) in unsupported where isUsed {
            found.append(.init(path: path, "is not supported by this version"))
        }
        return found
    }

    private static func firstExpression(in value: JSONValue, at path: String) -> String? {
        switch value {
        case .string(let text): text.contains("${{") ? path : nil
        case .array(let elements):
            elements.enumerated().lazy.compactMap { firstExpression(in: $1, at: "\(path)[\($0)]") }.first
        case .object(let members):
            members.sorted { $0.key < $1.key }.lazy.compactMap { firstExpression(in: $1, at: "\(path).\($0)") }.first
        default: nil
        }
    }

    /// The names of steps that need each other in a circle, the first repeated at the end; nil when there is none.
    private func firstCycle() -> [String]? {
        enum Mark {
            case open
            case done
        }
        let needs = Dictionary(steps.map { ($0.name, $0.needs ?? []) }, uniquingKeysWith: { first, _ in first })
        var marks: [String: Mark] = [:]
        // Depth first with a stack of our own: a chain of needs may be longer than the thread's stack allows.
        for root in steps.map(\.name) where marks[root] == nil {
            var path: [(name: String, next: Int)] = [(root, 0)]
            marks[root] = .open
            while let (name, next) = path.last {
                guard let need = needs[name].flatMap({ next < $0.count ? $0[next] : nil }) else {
                    marks[name] = .done
                    path.removeLast()
                    continue
                }
                path[path.count - 1].next += 1
                if marks[need] == .open {
                    let start = path.firstIndex { $0.name == need } ?? 0
                    return path[start...].map(\.name) + [need]
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
