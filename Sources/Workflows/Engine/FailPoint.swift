/// Named instants at which a test can make the operator die.
///
/// Each lies on one side of a boundary that durability depends on. In production nothing is armed and reaching one
/// costs a nil check.
public enum FailPoint: String, Sendable, CaseIterable {
    /// The step is about to be recorded as started.
    case beforeStarted = "before-started"
    /// The step is recorded as started; its action has not begun.
    case afterStarted = "after-started"
    /// The action has had its effect; nothing about that is recorded.
    case afterEffect = "after-effect"
    /// The result is about to be recorded.
    case beforeCompleted = "before-completed"
    /// The result is recorded; nothing has followed from it.
    case afterCompleted = "after-completed"
    /// Locks are held; nothing about that is recorded.
    case afterLock = "after-lock"
    /// The step is recorded as settled; its locks are about to be given back.
    case beforeRelease = "before-release"
    /// A large output is stored apart; nothing refers to it.
    case afterPart = "after-part"
    /// What undoes the step, or what it is about to make, is recorded; nothing of it has happened.
    case afterRecord = "after-record"
}

/// Called at every fail point that is reached, with the execution: `deploy`, `resize[17]`, `deploy/compensate`.
public typealias FailPointHandler = @Sendable (FailPoint, _ step: String) -> Void
