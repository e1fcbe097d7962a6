public import JSON

/// What happens to a process when one of its steps has given up.
public enum FailurePolicy: String, Sendable, Hashable, CaseIterable, SchemaRepresentable {
    /// The other running steps are interrupted and the process fails; what is done stays done.
    case stop = "Stop"
    /// The same, and then what is done is undone, the last step first.
    case rollback = "Rollback"
    /// Steps that do not need the failed one go on; the process fails when nothing is left to run.
    case `continue` = "Continue"
}

/// What happens when nobody knows whether a step's effect has happened, because its owner died in between.
public enum UnknownOutcomePolicy: String, Sendable, Hashable, CaseIterable, SchemaRepresentable {
    /// The action looks at its target by the step's key.
    case verify = "Verify"
    /// The action runs again under the same key.
    case retryIfIdempotent = "RetryIfIdempotent"
    /// The step waits until somebody decides.
    case askHuman = "AskHuman"
}
