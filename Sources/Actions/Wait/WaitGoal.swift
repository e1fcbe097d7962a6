internal import CEL
internal import JSON
internal import KubeClient
internal import Workflows

/// What a `wait` step waits for.
enum WaitGoal: Sendable {
    /// By the rules of `Readiness`.
    case ready
    /// That there is no such object, or another one of the same name.
    case deleted
    /// Type and status of a condition.
    case condition(String, is: String)
    /// An expression over `object`, and its text.
    case test(Program, String)

    /// What `for` may look like.
    static let form = "^(Ready|Deleted|condition=[^=]+(=[^=]+)?)$"

    /// What the inputs ask for.
    /// - Throws: a permanent `StepError` that says what is wrong with the expression.
    init(_ inputs: JSONValue) throws(StepError) {
        if let source = inputs["test"]?.string {
            do {
                self = .test(try Self.compile(source), source)
            } catch {
                throw StepError(.permanent, StepError.invalidConfiguration, detail: "with.test: \(error)")
            }
            return
        }
        guard let goal = Self.named(inputs["for"]?.string ?? "") else {
            throw StepError(
                .permanent,
                StepError.invalidConfiguration,
                detail: "with.for must be Ready, Deleted, condition=TYPE or condition=TYPE=STATUS"
            )
        }
        self = goal
    }

    /// What a value of `for` asks for; nil when it is none.
    static func named(_ text: String) -> WaitGoal? {
        switch text {
        case "Ready": return .ready
        case "Deleted": return .deleted
        default:
            let parts = text.split(separator: "=", omittingEmptySubsequences: false).map(String.init)
            guard parts.first == "condition", (2...3).contains(parts.count), parts.allSatisfy({ !$0.isEmpty }) else {
                return nil
            }
            return .condition(parts[1], is: parts.count > 2 ? parts[2] : "True")
        }
    }

    /// An expression over `object`.
    static func compile(_ source: String) throws(CELError) -> Program {
        try Program(compiling: source, declaring: ["object"])
    }

    /// `Ready`, `gone`, `Available=False`, or the expression.
    var description: String {
        switch self {
        case .ready: "Ready"
        case .deleted: "gone"
        case .condition(let type, let status): "\(type)=\(status)"
        case .test(_, let source): source
        }
    }

    /// Whether an object is as wanted.
    /// - Parameters:
    ///   - object: nil when there is none.
    ///   - first: the uid of the object that was there first.
    /// - Throws: a permanent `StepError` when it never will be.
    func verdict(of object: DynamicObject?, _ reference: ObjectReference, first: String?) throws -> Verdict {
        guard let object else {
            if case .deleted = self { return .met }
            return .notYet("there is no such object")
        }
        switch self {
        case .ready:
            switch Readiness(of: object.content) {
            case .ready: return .met
            case .inProgress(let why): return .notYet(why)
            case .failed(let why): throw StepError.failedObject(reference, why)
            case .terminating: return .notYet("it is being deleted")
            }
        case .deleted:
            // Deleted and made again, faster than anyone has looked.
            if object.metadata.uid != first { return .met }
            return .notYet(Self.hold(on: object.metadata))
        case .condition(let type, let status): return Self.verdict(of: object.content, type, status)
        case .test(let program, _): return try Self.verdict(of: object.content, program, reference)
        }
    }

    private static func hold(on metadata: ObjectMeta) -> String {
        guard metadata.deletionTimestamp != nil else { return "nobody has deleted it" }
        let finalizers = metadata.finalizers ?? []
        return finalizers.isEmpty
            ? "it is being deleted" : "it is being deleted, held by \(finalizers.joined(separator: ", "))"
    }

    /// As `kubectl wait` has it: in small or capital letters, and only when the status tells of the present spec.
    private static func verdict(of object: JSONValue, _ type: String, _ status: String) -> Verdict {
        let found = object.conditions.first { $0["type"]?.string?.lowercased() == type.lowercased() }
        guard let found else {
            let known = object.conditions.compactMap { $0["type"]?.string }
            let others = known.isEmpty ? "it has none" : "it has \(known.joined(separator: ", "))"
            return .notYet("there is no condition \(type); \(others)")
        }
        let generation = object[path: "metadata", "generation"]?.int ?? 0
        let observed = found["observedGeneration"]?.int ?? object[path: "status", "observedGeneration"]?.int
        if let observed, observed < generation {
            return .notYet("its status is of generation \(observed) and not yet of \(generation)")
        }
        return found["status"]?.string?.lowercased() == status.lowercased() ? .met : .notYet(found.words)
    }

    /// An expression that cannot be evaluated is not true yet: often the status it looks at has still to come.
    private static func verdict(
        of object: JSONValue,
        _ program: Program,
        _ reference: ObjectReference
    ) throws -> Verdict {
        do {
            switch try program.evaluate(["object": Value(object)]) {
            case .bool(true): return .met
            case .bool(false): return .notYet("the test is false")
            case let other:
                throw StepError(
                    .permanent,
                    StepError.invalidConfiguration,
                    detail: "with.test must be true or false for \(reference), and is of type \(other.type)"
                )
            }
        } catch let error as CELError {
            return .notYet("the test cannot be evaluated: \(error)")
        }
    }
}
