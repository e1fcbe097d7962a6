internal import JSON

/// A definition made ready to run: names resolved to positions, expressions compiled. Made once for each definition and
/// shared.
final class Plan: Sendable {
    let definition: WorkflowDefinition
    let hash: String
    /// The definition for the document.
    let json: JSONValue
    /// Whether it is stored apart from the document.
    let isLarge: Bool
    /// The steps, then those at the end.
    let steps: [PlannedStep]
    /// How many of them are not at the end.
    let mainCount: Int
    let index: [String: Int]
    let outputs: ValueTemplate?
    let lockNames: [ValueTemplate]
    /// Everything wrong with the definition.
    let violations: [JSONSchema.Violation]
    /// Those of them for which no step could be run as it says: names used twice, needs that are not there, circles.
    let structuralViolations: [JSONSchema.Violation]

    /// Whether any step waits for a sub-process.
    let hasSubprocesses: Bool

    var finalIndices: Range<Int> { mainCount..<steps.count }
    func isFinal(_ step: Int) -> Bool { step >= mainCount }

    init(_ definition: WorkflowDefinition, environment: MachineEnvironment) {
        var compiler = PlanCompiler(definition, environment)
        structuralViolations = compiler.violations
        steps = compiler.compileSteps()
        hasSubprocesses = steps.contains { $0.definition.action == SubprocessAction.actionName }
        outputs = compiler.template(definition.outputs, "outputs", PlanCompiler.processNames)
        lockNames = compiler.lockNames(definition.locks, "locks", ["input", "process"])
        compiler.checkSubprocesses()
        compiler.checkRetry()
        compiler.checkParameters()
        violations = compiler.violations
        self.definition = definition
        json = definition.json()
        let bytes = json.serialized()
        isLarge = bytes.count > ProcessMachine.inlineBytes
        hash = WorkflowDefinition.hash(of: bytes)
        mainCount = definition.steps.count
        index = compiler.index
    }
}

/// One step of a plan.
struct PlannedStep: Sendable {
    let definition: StepDefinition
    let needs: [Int]
    var dependents: [Int] = []
    let when: (any Expression)?
    let inputs: ValueTemplate
    let items: ValueTemplate?
    let compensationInputs: ValueTemplate?
    let lockNames: [ValueTemplate]
    let memoKey: ValueTemplate?
    let onUnknown: UnknownOutcomePolicy
    let compensationOnUnknown: UnknownOutcomePolicy
    /// Why the step cannot be run; nil for a sound one. Steps that were pinned by a release with other actions may have a
    /// fault and fail when their turn comes.
    var fault: String?
}

/// What machines are made with besides a state: the same for all processes of an engine.
struct MachineEnvironment: Sendable {
    let actions: ActionCatalog
    let language: any ExpressionLanguage
    let limits: ProcessLimits
    var fault: PlantedFault?
}

/// Limits of the engine that decide how many steps start and how long they may take to stop.
public struct ProcessLimits: Sendable, Hashable {
    /// How many steps of one process run at once.
    public var stepParallelism = 4
    /// How long a graceful cancellation may take in all. Half of it is for running steps, if there is anything to undo
    /// or to run at the end.
    public var cancellation: Duration = .seconds(60)
    /// What the outputs of a process may measure as JSON, all together.
    public var outputBytes = 16 << 20
    /// What the state document may measure before compression. A process whose document grows beyond it fails.
    public var documentBytes = 16 << 20

    /// The defaults.
    public init() {}
}
