/// What a client asks of an API server at most, and what it lets the server answer at most.
///
/// API servers protect themselves (API Priority and Fairness, 429 with `Retry-After`, which is honoured), so there is no
/// rate limit unless one is set.
public struct RequestLimits: Sendable {
    /// A sustained rate with bursts, as a token bucket.
    public struct Rate: Sendable, Hashable {
        /// Requests per second in the long run; 0.001 at least.
        public let perSecond: Double
        /// How many may come at once after a pause; one at least, a million at most.
        public let burst: Int

        /// A rate. client-go's classic values are 5 per second with a burst of 10 (`rest/config.go`).
        public init(perSecond: Double, burst: Int) {
            self.perSecond = perSecond
            self.burst = burst
        }
    }

    /// How fast requests are sent, retries and the opening of watches included. Default nil: as fast as they come.
    public var rate: Rate?
    /// How many requests are under way at once; more wait for their turn, in order. Watches, logs and lists without pages
    /// are not counted: they are read as they arrive, on connections of their own. Default 100: what one HTTP/2 connection to an API server carries.
    public var maximumInFlight: Int
    /// How long one attempt of a request may take, watches and streams excepted. Default 30 s: a loaded API server
    /// answers within its own limit of 60 s (kube-apiserver `--request-timeout`); half of that leaves a caller time to act.
    public var requestTimeout: Duration
    /// The longest answer accepted, in bytes after decompression, one page of a list included. Default 64 MiB. Lists have
    /// no limit as a whole, nor has a list without pages.
    public var maximumResponseBytes: Int
    /// How often one request is sent again, see `KubeClient`. Default 10 (client-go `rest/request.go`).
    public var maximumRetries: Int

    /// Limits; see the properties for defaults.
    public init(
        rate: Rate? = nil,
        maximumInFlight: Int = 100,
        requestTimeout: Duration = .seconds(30),
        maximumResponseBytes: Int = 64 << 20,
        maximumRetries: Int = 10
    ) {
        self.rate = rate
        self.maximumInFlight = maximumInFlight
        self.requestTimeout = requestTimeout
        self.maximumResponseBytes = maximumResponseBytes
        self.maximumRetries = maximumRetries
    }

    func validate() throws {
        if let rate, !(rate.perSecond >= 0.001 && rate.perSecond.isFinite && (1...1_000_000).contains(rate.burst)) {
            throw ConfigurationError(
                "limits.rate must have perSecond of 0.001 or more and burst of 1 or more, not \(rate)"
            )
        }
        guard maximumInFlight > 0 else { throw ConfigurationError("limits.maximumInFlight must be 1 or more") }
        guard requestTimeout > .zero else { throw ConfigurationError("limits.requestTimeout must be above zero") }
        guard maximumResponseBytes > 0 else { throw ConfigurationError("limits.maximumResponseBytes must be above 0") }
        guard maximumRetries >= 0 else { throw ConfigurationError("limits.maximumRetries must not be negative") }
    }
}
