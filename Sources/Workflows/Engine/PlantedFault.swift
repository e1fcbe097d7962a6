/// Faults that the simulation can plant into the engine, to show that it would find them. Never set in production.
package enum PlantedFault: String, Sendable, CaseIterable {
    /// Commits do not compare with what is stored, so a former owner overwrites the present one.
    case skippedFence
    /// Actions run before the state that says so is stored.
    case effectBeforeCommit
    /// Each attempt has a key of its own.
    case keyChangesOnRetry
    /// What undoes a step is not recorded.
    case lostCompensation
    /// Compensations run in the order of the steps.
    case compensationInOrder
    /// Locks are not given back, and nobody checks who claims them.
    case leakedLock
    /// Completed steps run again after a recovery.
    case completedRunsAgain
    /// A cancellation does not interrupt what runs, and waits for it for ever.
    case deafCancel
    /// Effects begin although the gate is shut.
    case ignoredGate
    /// A state that is missing is begun anew.
    case restartFromZero
    /// A hand edit is overwritten.
    case overwrittenEdit
    /// The remaining delay of a retry is forgotten at a recovery.
    case lostTimer
}
