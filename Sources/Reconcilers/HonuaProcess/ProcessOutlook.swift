internal import CRDs
internal import JSON

/// What a process looks like from outside, and the conditions that say so.
///
/// The conditions follow one table, so that `kubectl wait`, kstatus (Flux, Helm, kpt) and Argo CD agree on what they
/// see: exactly one of Reconciling and Stalled while there is something to do or to mend, none of them when all is
/// well.
enum ProcessOutlook: Sendable, Hashable {
    /// The operator is at work, or waits for something that will come.
    case working(HonuaProcessReason, message: String)
    /// It did what it was asked.
    case succeeded(message: String)
    /// It will not run before somebody changes the spec.
    case refused(message: String)
    /// It ended without doing what it was asked.
    case failed(HonuaProcessReason, message: String)

    /// What is told besides.
    struct Marks: Sendable, Hashable {
        var isSuspended = false
        var isDefinitionChanged = false
        /// What a decision is waited for.
        var waitsForApproval: String?
        var isRolledBack = false
    }

    /// The conditions of this outlook. `lastTransitionTime` is that of `previous` where the status is the same.
    func conditions(
        previous: [Condition],
        _ marks: Marks,
        generation: Int?,
        now: Timestamp
    ) -> [Condition] {
        var conditions = main
        if marks.isSuspended {
            conditions.append(
                Condition(HonuaProcessCondition.suspended, .true, reason(.suspended), "spec.suspend is true")
            )
        }
        if let message = marks.waitsForApproval {
            let type = HonuaProcessCondition.waitingForApproval
            conditions.append(Condition(type, .true, reason(.waitingForApproval), message))
        }
        if marks.isRolledBack {
            let message = "what was done has been undone, as far as it could be"
            conditions.append(Condition(HonuaProcessCondition.rolledBack, .true, reason(.rolledBack), message))
        }
        if marks.isDefinitionChanged {
            let message =
                "the spec changed after the run began; the run keeps what it began with. "
                + "Set spec.rerunToken to run the new one"
            conditions.append(Condition(HonuaProcessCondition.definitionChanged, .true, reason(.specChanged), message))
        }
        let foreign = previous.filter { !HonuaProcessCondition.all.contains($0.type) }
        return conditions.map { condition in
            var condition = condition
            let before = previous.first { $0.type == condition.type }
            condition.lastTransitionTime = before?.status == condition.status ? before?.lastTransitionTime : now
            condition.lastTransitionTime = condition.lastTransitionTime ?? now
            condition.observedGeneration = generation
            return condition
        } + foreign
    }

    /// The reason of the Ready condition.
    var reason: HonuaProcessReason {
        switch self {
        case .working(let reason, _), .failed(let reason, _): reason
        case .succeeded: .succeeded
        case .refused: .invalidSpec
        }
    }

    private func reason(_ reason: HonuaProcessReason) -> String { reason.rawValue }

    private var main: [Condition] {
        switch self {
        case .working(let why, let message):
            [
                Condition(HonuaProcessCondition.ready, .unknown, reason(why), message),
                Condition(HonuaProcessCondition.reconciling, .true, reason(why), message),
                Condition(HonuaProcessCondition.succeeded, .unknown, reason(why), message),
                Condition(HonuaProcessCondition.completed, .false, reason(why), message),
            ]
        case .succeeded(let message):
            [
                Condition(HonuaProcessCondition.ready, .true, reason(.succeeded), message),
                Condition(HonuaProcessCondition.succeeded, .true, reason(.succeeded), message),
                Condition(HonuaProcessCondition.completed, .true, reason(.succeeded), message),
            ]
        case .refused(let message):
            stalled(.invalidSpec, message, completed: .false)
        case .failed(let why, let message):
            stalled(why, message, completed: why == .definitionIncompatible ? .false : .true)
        }
    }

    private func stalled(
        _ why: HonuaProcessReason,
        _ message: String,
        completed: Condition.Value
    ) -> [Condition] {
        [
            Condition(HonuaProcessCondition.ready, .false, reason(why), message),
            Condition(HonuaProcessCondition.stalled, .true, reason(why), message),
            Condition(HonuaProcessCondition.succeeded, .false, reason(why), message),
            Condition(HonuaProcessCondition.completed, completed, reason(why), message),
        ]
    }
}
