/// How one reconcile ended.
enum ReconcileOutcome {
    case done(Requeue)
    /// Tried again, with a growing delay.
    case failed(any Error)
    /// Not tried again before a change.
    case terminal(TerminalError)
    /// The controller is being stopped; the next start reconciles everything.
    case cancelled
}
