import JSON
import Workflows

/// What steps of the simulation do: requests to a target that take time, fail, hang, and arrive although nobody waits
/// for the answer any more.
struct SimulatedAction: Action {
    enum Kind: String, CaseIterable {
        /// The target recognises keys.
        case idempotent
        /// It does not, and cannot be asked.
        case plain
        /// It can be asked.
        case verifiable
        /// Undoes what another one has done; the target recognises keys.
        case undo
    }

    private let kind: Kind
    private let program: OperatorProgram

    static func all(_ program: OperatorProgram) -> [any Action] {
        Kind.allCases.map { SimulatedAction(kind: $0, program: program) }
    }

    var name: String { kind.rawValue }
    var about: String { "Has an effect on the simulation's target." }
    var isIdempotent: Bool { kind == .idempotent || kind == .undo }
    var canVerify: Bool { kind == .verifiable }

    var inputSchema: JSONSchema {
        var schema = JSONSchema(.object)
        schema.preservesUnknownFields = true
        return schema
    }

    private var world: World { program.world }

    func perform(_ inputs: JSONValue, _ context: StepContext) async throws -> JSONValue {
        guard !program.isDead else { throw CancellationError() }
        let behaviour = Behaviour(inputs)
        let effect = world.checks.begin(name, context, by: program)
        defer { world.checks.end(effect, by: program) }
        world.cover("action.\(name)")
        return try await withTaskCancellationHandler {
            do {
                return try await perform(behaviour, context)
            } catch is CancellationError {
                world.cover("action.interrupted")
                // Deaf for a while.
                if behaviour.deafness > .zero, !program.isDead {
                    world.cover("action.deaf")
                    await world.scheduler.waitRegardless(for: behaviour.deafness)
                }
                throw CancellationError()
            }
        } onCancel: {
            world.checks.isTold(effect)
        }
    }

    private func perform(_ behaviour: Behaviour, _ context: StepContext) async throws -> JSONValue {
        if behaviour.records { try await context.recordResource("Thing gis/\(context.step)") }
        let outcome = behaviour.outcome(world)
        let key = context.idempotencyKey
        world.note("\(program.name) \(context.processID) \(context.step) acts: \(outcome)")
        do {
            try await world.scheduler.wait(for: behaviour.time / 2)
        } catch {
            // The request may have been sent, and may arrive.
            if outcome.hasEffect, world.chance(50) {
                world.cover("action.lateEffect")
                let (target, recognises) = (world.target, kind != .plain)
                world.scheduler.after(world.milliseconds(1...3000)) {
                    target.receive(key, recognisesKeys: recognises)
                }
            }
            throw CancellationError()
        }
        guard !program.isDead else { throw CancellationError() }
        world.cover("outcome.\(outcome)")
        if outcome.hasEffect { world.target.receive(key, recognisesKeys: kind != .plain) }
        switch outcome {
        case .transientFailure, .transientFailureAfterEffect: throw StepError(.transient, "the target is busy")
        case .permanentFailure: throw StepError(.permanent, "the target refuses")
        case .hang, .hangAfterEffect: try await world.scheduler.wait(for: .seconds(24 * 3600))
        case .success: try await world.scheduler.wait(for: behaviour.time / 2)
        }
        return behaviour.output
    }

    func outcome(of inputs: JSONValue, _ context: StepContext) async throws -> StepOutcome {
        guard !program.isDead else { throw CancellationError() }
        try await world.scheduler.wait(for: world.milliseconds(1...200))
        if !world.isQuiet, world.chance(20) {
            world.cover("verify.failed")
            throw StepError(.transient, "the target does not answer")
        }
        if !world.isQuiet, world.chance(10) {
            world.cover("verify.unknown")
            return .unknown
        }
        let hasHappened = world.target.hasEffect(context.idempotencyKey)
        world.cover(hasHappened ? "verify.happened" : "verify.didNotHappen")
        return hasHappened ? .happened(output: Behaviour(inputs).output) : .didNotHappen
    }
}

/// How a step's action behaves: part of the step's inputs.
struct Behaviour {
    enum Outcome {
        case success
        case transientFailure
        case transientFailureAfterEffect
        case permanentFailure
        case hang
        case hangAfterEffect

        var hasEffect: Bool {
            switch self {
            case .success, .transientFailureAfterEffect, .hangAfterEffect: true
            case .transientFailure, .permanentFailure, .hang: false
            }
        }
    }

    var time: Duration
    /// Percent of the attempts.
    var failing: Int
    var refusing: Int
    var hanging: Int
    var deafness: Duration
    var records: Bool
    var size: Int

    init(_ inputs: JSONValue) {
        func number(_ name: String) -> Int { Int(inputs[name]?.int ?? 0) }
        time = .milliseconds(number("time"))
        failing = number("failing")
        refusing = number("refusing")
        hanging = number("hanging")
        deafness = .milliseconds(number("deafness"))
        records = inputs["records"] == true
        size = number("size")
    }

    func outcome(_ world: World) -> Outcome {
        let draw = world.scheduler.random.below(100)
        if draw < failing { return world.chance(50) ? .transientFailure : .transientFailureAfterEffect }
        if draw < failing + refusing { return .permanentFailure }
        if draw < failing + refusing + hanging { return world.chance(50) ? .hang : .hangAfterEffect }
        return .success
    }

    var output: JSONValue { ["value": .string(String(repeating: "x", count: size))] }
}
