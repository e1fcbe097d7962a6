/// The three durations of a leader election, known to fit together.
///
/// The defaults are those of Kubernetes' own controllers (component-base `config/v1alpha1/defaults.go`): with them a
/// leader that dies is replaced after 15 to 20 s, and each candidate makes a request about every 3 s.
public struct ElectionTiming: Sendable, Hashable {
    /// How long candidates wait for a silent leader, from when they last saw its lease change. Default 15 s. Others are
    /// told whole seconds, rounded up.
    public let leaseDuration: Duration
    /// How long a leader that cannot renew goes on, from when it sent the last renewal that succeeded. Default 10 s.
    /// What is left of the lease then is the time its last writes have to arrive.
    public let renewDeadline: Duration
    /// The pause between renewals. Default 2 s. Candidates pause between once and 2.2 times as long.
    public let retryPeriod: Duration

    /// Lease 15 s, renew deadline 10 s, retry period 2 s.
    public static let `default` = ElectionTiming(
        unchecked: (lease: .seconds(15), renew: .seconds(10), retry: .seconds(2))
    )

    /// How much longer than the retry period a candidate pauses at most (client-go `leaderelection.go`, JitterFactor).
    static let jitter = 1.2

    /// Durations that hold `leaseDuration` > `renewDeadline` > 1.2 × `retryPeriod` > 0, as client-go demands
    /// (`leaderelection.go`, NewLeaderElector).
    /// - Throws: `InvalidElectionTiming`.
    public init(
        leaseDuration: Duration,
        renewDeadline: Duration,
        retryPeriod: Duration
    ) throws(InvalidElectionTiming) {
        self.init(unchecked: (leaseDuration, renewDeadline, retryPeriod))
        guard retryPeriod > .zero else { throw InvalidElectionTiming(self, "the retry period must be above zero") }
        guard renewDeadline > retryPeriod * Self.jitter else {
            throw InvalidElectionTiming(
                self,
                "the renew deadline must be longer than 1.2 times the retry period, or one failure ends a term"
            )
        }
        guard leaseDuration > renewDeadline else {
            throw InvalidElectionTiming(
                self,
                "the lease must last longer than the renew deadline, or two may lead at once"
            )
        }
    }

    private init(unchecked durations: (lease: Duration, renew: Duration, retry: Duration)) {
        leaseDuration = durations.lease
        renewDeadline = durations.renew
        retryPeriod = durations.retry
    }

    /// How long one request may take: half the renew deadline, so that a second one fits, and 1 s at least
    /// (controller-runtime `pkg/leaderelection`).
    public var requestTimeout: Duration { max(.seconds(1), renewDeadline / 2) }

    /// What the lease tells others.
    var leaseSeconds: Int {
        let (seconds, rest) = leaseDuration.components
        return Int(seconds) + (rest > 0 ? 1 : 0)
    }
}

/// Durations of a leader election that do not fit together.
public struct InvalidElectionTiming: Error, Sendable, CustomStringConvertible {
    /// The durations, and which rule they break.
    public let description: String

    init(_ timing: ElectionTiming, _ rule: String) {
        description =
            "leader election with lease \(timing.leaseDuration), renew deadline \(timing.renewDeadline) and retry "
            + "period \(timing.retryPeriod): \(rule)"
    }
}
