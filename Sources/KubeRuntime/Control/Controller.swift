internal import Instrumentation
public import KubeClient
internal import Logging
internal import Metrics
internal import Synchronization
internal import Tracing

/// Brings the world in line with the objects of one kind, one key at a time.
///
/// The reconcile function is level-based: it gets a key, looks at how things are now, and does what is missing,
/// whatever led to the call. It is never run twice at once for one key, and different keys never wait for each other's
/// failures.
///
/// |The function|What follows|
/// |-|-|
/// |returns `.awaitChange`|nothing until a change|
/// |returns `.after(d)`|again after d, or at a change|
/// |throws|again after a delay that grows with each failure in a row and that changes do not cut short|
/// |throws `TerminalError`|nothing until a change|
///
/// The error of one key is logged and counted and touches no other. A trap (`fatalError`, an index out of range) does end
/// the process, as always in Swift.
///
/// Changes of the objects themselves lead to a reconcile; so do those of others that `owns` and `watches` name. No key is
/// handed out before the stores that bear on it have their first lists.
///
/// What the controller writes through `resources(namespace:)` is in `store` when the write returns. Such a write does not
/// lead to another reconcile if its answer can be told to hold nothing but what the store had and what was written: that of
/// a `create`, of a write that names the version in the store, of a merge patch, and of an apply that amounts to one.
/// Otherwise, or when a watch brings the news before the answer comes, the key is reconciled once more, which finds nothing
/// to do.
public final class Controller<Object: KubeObject>: Sendable {
    /// In metrics, logs and spans.
    public let name: String
    /// The kind.
    public let api: APIResource
    /// The queue of keys; add to it what changed outside the API server.
    public let queue: WorkQueue<ObjectKey, ContinuousClock>
    /// The objects, as far as seen.
    public let store: Store<Object>

    let cache: Cache
    /// Where this controller looks, and what it looks at besides, unless told otherwise.
    let namespaces: [String]
    let logger: Logger
    private let runsCache: Bool
    private let options: ControllerOptions
    /// How often a key is looked at again whose stores have not had their first lists, after work has begun.
    private static var settleCheck: Duration { .seconds(1) }
    private let metrics: ControllerMetrics
    private let triggers = ReconcileTriggers()
    private let subscription: Store<Object>.Subscription
    private let makeResources: @Sendable (String?) -> ResourceClient<Object>
    /// Readiness and the end of the subscription of each store that leads to reconciles.
    private let sources = Mutex<[Source]>([])
    private let ran = Atomic(false)
    private let stops: AsyncStream<Void>
    private let stopping: AsyncStream<Void>.Continuation

    /// Looks at how things are with the object of a key, and does what is missing.
    public typealias Reconcile = @Sendable (ObjectKey) async throws -> Requeue

    struct Source {
        let api: APIResource
        let status: @Sendable () -> [StoreStatus]
        let isSettled: @Sendable (ObjectKey) -> Bool
        let waitUntilSettled: @Sendable () async -> Void
        let unsubscribe: @Sendable () -> Void
    }

    init(
        _ api: APIResource,
        _ name: String?,
        _ cache: Cache,
        runsCache: Bool,
        _ namespaces: [String],
        _ store: Store<Object>,
        _ predicate: Predicate<Object>,
        _ options: ControllerOptions,
        _ logger: Logger,
        _ factory: any MetricsFactory,
        _ makeResources: @escaping @Sendable (String?) -> ResourceClient<Object>
    ) {
        let name = name ?? api.plural
        self.api = api
        self.name = name
        self.cache = cache
        self.runsCache = runsCache
        self.namespaces = namespaces
        self.store = store
        self.options = options
        self.makeResources = makeResources
        var logger = logger
        logger[metadataKey: "controller"] = "\(name)"
        self.logger = logger
        metrics = ControllerMetrics(controller: name, workers: options.workers, factory: factory)
        (stops, stopping) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
        queue = WorkQueue(name: name, backoff: options.backoff, metrics: factory)
        subscription = store.subscribe { [queue, triggers] change in
            guard predicate.allows(change) else { return }
            let key = change.object.metadata.key
            triggers.note(change.trigger, for: key)
            queue.add(key, priority: change.priority)
        }
        add(store, subscription, api)
    }

    deinit { unsubscribe() }

    private func unsubscribe() {
        for source in sources.withLock({ $0 }) { source.unsubscribe() }
    }

    /// Keeps the objects that must be reconciled when others change in step with them.
    func add<Other: KubeObject>(_ store: Store<Other>, _ subscription: Store<Other>.Subscription, _ api: APIResource) {
        let source = Source(
            api: api,
            status: { store.status },
            isSettled: { store.isSettled(for: $0) },
            waitUntilSettled: { await store.waitUntilSettled() },
            unsubscribe: { store.unsubscribe(subscription) }
        )
        sources.withLock { $0.append(source) }
    }

    /// Asks for a reconcile.
    func enqueue(_ key: ObjectKey, because trigger: String, priority: Priority) {
        triggers.note(trigger, for: key)
        queue.add(key, priority: priority)
    }

    // MARK: Using

    /// Requests for objects of the controller's kind. What they write is in `store` when they return.
    public func resources(namespace: String?) -> ResourceClient<Object> {
        makeResources(namespace).observingWrites { [store, subscription, id = ObjectIdentifier(self)] object, intent in
            // A write to another object than the one that is reconciled is news for this controller too.
            if CurrentReconcile.current == CurrentReconcile(controller: id, key: object.metadata.key) {
                store.record(object, intent, by: subscription)
            } else {
                store.record(object)
            }
        }
    }

    /// How well each store is followed that leads to reconciles.
    public var status: [(api: APIResource, status: StoreStatus)] {
        sources.withLock { $0 }.flatMap { source in source.status().map { (source.api, $0) } }
    }

    /// Whether every store is complete and not older than this: fit for a readiness probe. Two minutes allow for one
    /// bookmark to be late.
    public func isReady(maximumStaleness: Duration = .seconds(120)) -> Bool {
        status.allSatisfy { $0.status.isSynced && $0.status.staleness.map { $0 <= maximumStaleness } ?? false }
    }

    /// Takes no new work; `run` ends when what is in progress is done. Returns at once.
    public func stop() {
        queue.shutDown()
        stopping.finish()
    }

    // MARK: Running

    /// Follows the objects and reconciles them until `stop()`, or until the task is cancelled, which cancels the work in
    /// progress with it. Once; stopped before, it returns at once.
    public func run(reconcile: @escaping Reconcile) async {
        let hasRun = ran.exchange(true, ordering: .relaxed)
        precondition(!hasRun, "a controller runs once")
        await withDiscardingTaskGroup { group in
            if runsCache { group.addTask { [cache] in await cache.run() } }
            group.addTask { [queue] in await queue.run() }
            if let resync = options.resync { group.addTask { await self.resync(every: resync) } }
            await waitForLists()
            await withDiscardingTaskGroup { workers in
                for _ in 0..<options.workers {
                    workers.addTask { await self.work(reconcile) }
                }
            }
            group.cancelAll()
        }
        // Nobody takes keys any more, however it ended.
        queue.shutDown()
        unsubscribe()
    }

    /// Until first lists are complete a missing object means nothing.
    private func waitForLists() async {
        let sources = sources.withLock { $0 }
        let isStopped = await withTaskGroup(of: Bool.self) { group in
            group.addTask {
                for source in sources { await source.waitUntilSettled() }
                return false
            }
            group.addTask { [options] in
                try? await Task.sleep(for: options.syncTimeout)
                return false
            }
            group.addTask { [stops] in
                for await _ in stops {}
                return true
            }
            defer { group.cancelAll() }
            return await group.next() ?? true
        }
        let missing = status.filter { !$0.status.isSynced }
        guard !missing.isEmpty, !isStopped, !Task.isCancelled else { return }
        logger.notice(
            "starting without all first lists; keys of the missing ones wait",
            metadata: [
                "missing": .array(
                    missing.map { "\($0.api.qualifiedName) \($0.status.scope): \($0.status.failure ?? "")" }
                )
            ]
        )
    }

    private func resync(every interval: Duration) async {
        while true {
            do { try await Task.sleep(for: interval * Double.random(in: 0.9...1.1)) } catch { return }
            for object in store.objects { enqueue(object.metadata.key, because: "resync", priority: .low) }
        }
    }

    private func work(_ reconcile: @escaping Reconcile) async {
        let sources = sources.withLock { $0 }
        while let key = await queue.next() {
            defer { queue.done(key) }
            guard sources.allSatisfy({ $0.isSettled(key) }) else {
                queue.add(key, after: Self.settleCheck)
                continue
            }
            metrics.began()
            let started = ContinuousClock.now
            let outcome = await attempt(key, reconcile)
            let duration = ContinuousClock.now - started
            metrics.ended(outcome, after: duration)
            switch outcome {
            case .done(let requeue):
                queue.forget(key)
                logger.debug("reconciled", metadata: ["key": "\(key)", "duration": "\(duration)"])
                if case .after(let delay) = requeue { queue.add(key, after: delay) }
            case .cancelled: break
            case .terminal(let error):
                queue.forget(key)
                logger.warning("not tried again before it changes", metadata: ["key": "\(key)", "reason": "\(error)"])
            case .failed(let error):
                logger.warning("reconciling will be tried again", metadata: ["key": "\(key)", "reason": "\(error)"])
                queue.addAfterFailure(key)
            }
        }
    }

    private func attempt(_ key: ObjectKey, _ reconcile: @escaping Reconcile) async -> ReconcileOutcome {
        let trigger = triggers.take(key)
        let tracer = options.tracer ?? InstrumentationSystem.tracer
        return await tracer.withAnySpan("reconcile \(name)", ofKind: .consumer) { span in
            span.attributes["k8s.object"] = key.description
            span.attributes["reconcile.trigger"] = trigger.reasons.joined(separator: ", ")
            for context in trigger.contexts { span.addLink(SpanLink(context: context, attributes: [:])) }
            do {
                let current = CurrentReconcile(controller: ObjectIdentifier(self), key: key)
                return .done(
                    try await CurrentReconcile.$current.withValue(current) { try await limited(key, reconcile) }
                )
            } catch let error as TerminalError {
                span.recordError(error)
                return .terminal(error)
            } catch is CancellationError where Task.isCancelled {
                return .cancelled
            } catch {
                span.recordError(error)
                return .failed(error)
            }
        }
    }

    private func limited(_ key: ObjectKey, _ reconcile: @escaping Reconcile) async throws -> Requeue {
        guard let limit = options.reconcileTimeout else { return try await reconcile(key) }
        return try await withThrowingTaskGroup(of: Requeue?.self) { group in
            group.addTask { try await reconcile(key) }
            group.addTask {
                try await Task.sleep(for: limit)
                return nil
            }
            defer { group.cancelAll() }
            guard let requeue = try await group.next() ?? nil else { throw ReconcileTimeout(limit: limit) }
            return requeue
        }
    }
}
