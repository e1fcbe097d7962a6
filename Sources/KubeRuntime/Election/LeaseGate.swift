public import KubeClient
internal import Synchronization

/// Lets writes pass while this process leads, and no longer.
///
/// `LeaderElector.run` makes one for each term; `client.guarded(by: gate)` is the client to work with.
///
/// ## Guarantees
/// - No write begins once the renew deadline has passed since the last renewal that succeeded was *sent*. That is judged
///   at each write by the clock, not by a task that might be late: a process that was stopped (SIGSTOP, a suspended
///   machine) finds the gate shut when it wakes, because `ContinuousClock` is CLOCK_BOOTTIME on Linux, which counts the
///   time a machine sleeps.
/// - `timeLeft` bounds how long a write that has begun may take, so that it has ended when the lease expires. Others take
///   the lease at the earliest one lease duration after they *saw* the renewal, which is later than it was sent.
///
/// ## What it cannot promise
/// Between the question to the gate and the system call that sends the bytes a process can be stopped, and bytes that
/// were sent can be held up on their way or in the server. Such a write may arrive when another process leads. The same
/// holds for a virtual machine that is frozen with its clocks, and after somebody has edited the lease by hand. Writes
/// for which that matters are fenced: see `ResourceClient.patch(_:subresource:fencedBy:change:)`.
public final class LeaseGate: WriteGate {
    private struct State {
        var renewed: Duration
        var epoch: Int
        var isShut = false
    }

    /// The lease that lets writes pass.
    public let lease: ObjectKey
    private let timing: ElectionTiming
    private let now: @Sendable () -> Duration
    private let state: Mutex<State>

    init(_ lease: ObjectKey, _ term: Election.Term, timing: ElectionTiming, now: @escaping @Sendable () -> Duration) {
        self.lease = lease
        self.timing = timing
        self.now = now
        state = Mutex(State(renewed: term.renewed, epoch: term.epoch))
    }

    /// A number that is greater in every later term, whoever leads: the `resourceVersion` of the write that took the
    /// lease. `leaseTransitions` would start again when somebody deletes the lease.
    ///
    /// It grows within a term when somebody deleted the lease and this process has made it anew.
    public var epoch: Int { state.withLock { $0.epoch } }

    /// Whether a write may begin now.
    public var isOpen: Bool { state.withLock { !$0.isShut && now() < $0.renewed + timing.renewDeadline } }

    /// Throws `LeaseGate.Shut` when a write may not begin now.
    public func check(_ operation: KubeOperation) throws { try requireOpen("\(operation)") }

    /// Time until the lease may pass to another, counted from the last renewal that succeeded; zero when it has passed or
    /// the gate is shut.
    public var timeLeft: Duration? {
        state.withLock { $0.isShut ? .zero : max(.zero, $0.renewed + timing.leaseDuration - now()) }
    }

    func requireOpen(_ operation: String) throws(Shut) {
        let (isShut, sinceRenewal) = state.withLock { ($0.isShut, now() - $0.renewed) }
        if sinceRenewal >= timing.renewDeadline {
            throw Shut(
                description:
                    "\(operation) was not sent: lease \(lease) was last renewed \(sinceRenewal) ago, and writing "
                    + "ends \(timing.renewDeadline) after a renewal"
            )
        }
        if isShut { throw Shut(description: "\(operation) was not sent: the term under lease \(lease) is over") }
    }

    /// When renewing must have succeeded.
    var deadline: Duration { state.withLock { $0.renewed } + timing.renewDeadline }

    func extend(to term: Election.Term) {
        state.withLock { state in
            state.renewed = term.renewed
            state.epoch = term.epoch
        }
    }

    /// For good.
    func shut() { state.withLock { $0.isShut = true } }

    /// A write that was not sent because this process does not lead, or cannot know that it still does.
    public struct Shut: Error, Sendable, CustomStringConvertible {
        /// The write, the lease, and since when.
        public let description: String
    }
}
