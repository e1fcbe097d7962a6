import JSON
import Synchronization

@testable import Workflows

/// Every effect of all replicas, as the targets see them.
final class EffectLedger: Sendable {
    struct Effect: Sendable, Hashable {
        let replica: String
        let process: String
        let step: String
        let key: String
    }

    private let recorded = Mutex<[Effect]>([])

    var effects: [Effect] { recorded.withLock { $0 } }

    func record(_ effect: Effect) { recorded.withLock { $0.append(effect) } }

    /// How often each effect was asked for, by its key.
    var timesByKey: [String: Int] { effects.reduce(into: [:]) { $0[$1.key, default: 0] += 1 } }
}

/// Has an effect, which the ledger notes.
struct LedgerAction: Action {
    let name = "effect"
    let about = "For tests."
    /// A retry after an interruption has the same key.
    let isIdempotent = true
    let replica: String
    let ledger: EffectLedger
    /// Waited for after the effect, before the step's result.
    let afterEffect: @Sendable (EffectLedger.Effect) async -> Void
    var inputSchema: JSONSchema { .anyObject }

    func perform(_ inputs: JSONValue, _ context: StepContext) async throws -> JSONValue {
        let effect = EffectLedger.Effect(
            replica: replica,
            process: context.processID,
            step: context.step,
            key: context.idempotencyKey
        )
        ledger.record(effect)
        await afterEffect(effect)
        try Task.checkCancellation()
        // Large enough to lie beside the state.
        return .string("\(context.step) of \(context.processID) " + String(repeating: "x", count: 5_000))
    }
}

extension ProcessRequest {
    /// A process of five steps in a row, `s0` to `s4`, each with an effect.
    static func effects(_ id: String) -> ProcessRequest {
        let steps = (0..<5).map {
            StepDefinition("s\($0)", action: "effect", needs: $0 > 0 ? ["s\($0 - 1)"] : nil)
        }
        return ProcessRequest(
            id: id,
            name: id,
            definition: WorkflowDefinition(name: "inline", steps: steps),
            timeout: .seconds(3600),
            retry: RetryPolicy(limit: 0, delay: .zero)
        )
    }
}
