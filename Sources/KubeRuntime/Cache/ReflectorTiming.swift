/// How a reflector waits. The defaults are client-go's (`tools/cache/reflector.go`) unless they say otherwise.
public struct ReflectorTiming: Sendable {
    /// Between the attempts of a server that keeps failing: 800 ms doubling to 30 s, jitter 1.0.
    public var backoff: Backoff
    /// After so long without a failure the backoff starts anew: 2 min.
    public var backoffReset: Duration
    /// How long one watch lasts, in seconds: a random time in this range, so that watches do not all end together.
    /// 300 to 600.
    public var watchSeconds: ClosedRange<Int64>
    /// A watch that ends sooner than this without news of an object counts as a failure of the server, or of what lies
    /// between: 1 s.
    public var shortestWatch: Duration
    /// A watch without a byte for so long is dead. 90 s: half as much again as the time between bookmarks.
    public var watchSilence: Duration
    /// A watch for initial events that is silent for so long is worth a warning: 10 s.
    public var initialEventsWarning: Duration

    /// The defaults.
    public init() {
        backoff = .reflector
        backoffReset = .seconds(120)
        watchSeconds = 300...600
        shortestWatch = .seconds(1)
        watchSilence = .seconds(90)
        initialEventsWarning = .seconds(10)
    }
}
