internal import Tracing

/// How a controller works.
public struct ControllerOptions: Sendable {
    /// How many keys are reconciled at once. Default 4.
    public var workers = 4
    /// A reconcile that takes longer is cancelled and counts as failed. Default nil: no limit.
    public var reconcileTimeout: Duration?
    /// How long to wait until each first list is complete or has failed once, before work begins with those that are
    /// complete. A key of a namespace whose list is missing waits in any case. Default 2 min (controller-runtime,
    /// `CacheSyncTimeout`).
    public var syncTimeout: Duration = .seconds(120)
    /// How often every object is reconciled although nothing has changed, at low priority, each time within 10 % of this.
    /// Default 10 h (controller-runtime, `SyncPeriod`); nil: never.
    public var resync: Duration? = .seconds(36000)
    /// Between the attempts of a key that keeps failing. Default `Backoff.workQueue`.
    public var backoff = Backoff.workQueue
    /// Makes the spans; nil for that of `InstrumentationSystem`.
    var tracer: (any Tracer)?

    /// The defaults.
    public init() {}
}
