public import KubeClient
public import Logging
internal import Synchronization

/// Runs a cache, controllers, an event recorder and, if there are several candidates, a leader election, and ends them in
/// the order in which they need each other.
///
/// ```swift
/// let group = ControllerGroup(cache: cache, recorder: recorder, elector: elector, logger: logger)
/// group.add(controller) { try await reconcile($0) }
/// try await group.run()   // until stop(), the loss of leadership, or cancellation
/// ```
///
/// ## The beginning
/// The cache first, so that a candidate that comes to lead has its stores filled already; then, while leading, the
/// controllers. Health endpoints belong before `run`, so that they answer while lists come in.
///
/// ## The end
/// 1. The controllers take no new keys; reconciles in progress end, or are cancelled after the drain limit.
/// 2. The event recorder sends what is recorded.
/// 3. The lease is given back, if everything has drained.
/// 4. The cache ends.
///
/// Cancelling the task that runs the group, or losing the lease, cancels reconciles in progress at once and drops the
/// events that have not been sent.
public final class ControllerGroup: Sendable {
    private struct Member: Sendable {
        let stop: @Sendable () -> Void
        let run: @Sendable () async -> Void
    }

    private let cache: Cache
    private let recorder: EventRecorder?
    private let elector: LeaderElector?
    private let drainLimit: Duration
    private let logger: Logger
    private let members = Mutex<[Member]>([])
    private let stops: AsyncStream<Void>
    private let stopping: AsyncStream<Void>.Continuation

    /// A group at rest.
    /// - Parameters:
    ///   - cache: that of the controllers; made of a client guarded by the elector if there is an elector.
    ///   - drainLimit: how long reconciles in progress may take to end before they are cancelled. Default 10 s, of the 30 s
    ///     that Kubernetes gives a pod to end.
    public init(
        cache: Cache,
        recorder: EventRecorder? = nil,
        elector: LeaderElector? = nil,
        drainLimit: Duration = .seconds(10),
        logger: Logger
    ) {
        self.cache = cache
        self.recorder = recorder
        self.elector = elector
        self.drainLimit = drainLimit
        self.logger = logger
        (stops, stopping) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    /// Adds a controller, before `run`. It must use the group's cache.
    public func add<Object: KubeObject>(
        _ controller: Controller<Object>,
        reconcile: @escaping @Sendable (ObjectKey) async throws -> Requeue
    ) {
        members.withLock {
            $0.append(Member(stop: { controller.stop() }, run: { await controller.run(reconcile: reconcile) }))
        }
    }

    /// Begins the end. Returns at once; before `run` it makes that return at once. Idempotent.
    public func stop() { stopping.finish() }

    /// Runs everything, once, until `stop()`, the loss of leadership, or the task's cancellation.
    /// - Returns: how leading ended; nil without an elector. After `.lost` and `.undrained` end the process.
    /// - Throws: what the election throws.
    @discardableResult
    public func run() async throws -> LeaderElector.Ending? {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { [cache] in await cache.run() }
            defer { group.cancelAll() }
            return try await lead()
        }
    }

    private enum Event: Sendable {
        case ended(LeaderElector.Ending?)
        case stopRequested
        case drainLimitPassed
    }

    private func lead() async throws -> LeaderElector.Ending? {
        try await withThrowingTaskGroup(of: Event.self) { group in
            group.addTask { [elector] in
                guard let elector else {
                    await self.work()
                    return .ended(nil)
                }
                return .ended(try await elector.run { _ in await self.work() })
            }
            group.addTask { [stops] in
                for await _ in stops {}
                return .stopRequested
            }
            while let event = try await group.next() {
                switch event {
                case .ended(let ending):
                    group.cancelAll()
                    return ending
                case .stopRequested:
                    guard !Task.isCancelled else { continue }
                    for member in members.withLock({ $0 }) { member.stop() }
                    guard elector?.isLeader ?? true else {
                        group.cancelAll()
                        continue
                    }
                    group.addTask { [drainLimit] in
                        try? await Task.sleep(for: drainLimit)
                        return .drainLimitPassed
                    }
                case .drainLimitPassed:
                    guard !Task.isCancelled else { continue }
                    logger.warning(
                        "reconciles in progress are cancelled",
                        metadata: ["reason": "they did not end within \(drainLimit)"]
                    )
                    group.cancelAll()
                }
            }
            return nil
        }
    }

    /// What is done while leading. The lease is held until this returns.
    private func work() async {
        await withDiscardingTaskGroup { group in
            if let recorder { group.addTask { await recorder.run() } }
            await withDiscardingTaskGroup { controllers in
                for member in members.withLock({ $0 }) { controllers.addTask { await member.run() } }
            }
            recorder?.finish()
        }
    }
}
