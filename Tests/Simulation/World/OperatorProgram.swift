import JSON
import Logging
import Workflows

/// One run of the operator's program, from its start to its death: the production engine and membership, and a small
/// model of the reconciler.
///
/// Touched by the simulation's thread only; see `Scheduler`.
final class OperatorProgram: @unchecked Sendable {
    enum Edge { case beforeCommit, afterCommit }

    unowned let world: World
    /// The replica that the program runs as.
    let replica: String
    /// Unique among all programs.
    let name: String
    let lane: Lane
    private(set) var isDead = false
    /// Dead, stopping, or not to be counted on for another reason.
    private(set) var isStopping = false
    /// Whether all its tasks have come to their end.
    private(set) var hasEnded = false
    private(set) var resumedAt: Duration?
    var heartbeatsLostUntil: Duration = .zero
    /// Dies at the fail point, or the edge of a commit, that is reached after so many others.
    var failPointsToLive: Int?
    var commitEdgesToLive: Int?
    /// Processes of which a commit has happened that the program does not know of yet.
    var unanswered: Set<String> = []
    /// The resources as its watch has shown them.
    private(set) var cache: [String: Resource] = [:]
    private var kicks: [String: AsyncStream<Void>.Continuation] = [:]
    private var work: Task<Void, Never>?
    private(set) lazy var engine = makeEngine()
    private(set) lazy var membership = makeMembership()
    private let newcomers: AsyncStream<String>
    private let newcomer: AsyncStream<String>.Continuation

    init(world: World, replica: String, number: Int) {
        self.world = world
        self.replica = replica
        name = "\(replica).\(number)"
        lane = world.scheduler.makeLane()
        (newcomers, newcomer) = AsyncStream.makeStream()
    }

    var isPaused: Bool { lane.isHeld }

    private func makeEngine() -> ProcessEngine {
        var configuration = EngineConfiguration()
        configuration.maxConcurrentProcesses = world.settings.maxConcurrentProcesses
        configuration.limits.stepParallelism = world.settings.stepParallelism
        configuration.checkpointInterval = world.settings.checkpointInterval
        return ProcessEngine(
            store: StoreConnection(self),
            actions: ActionCatalog(SimulatedAction.all(self)),
            language: PathLanguage(),
            configuration: configuration,
            time: world.scheduler.timeSource,
            replica: name,
            owner: replica,
            gate: membership.gate,
            ownership: membership,
            failPoint: { [unowned self] point, step in reach(point, step) },
            fault: world.fault,
            logger: world.logger(name),
            onChange: { [unowned self] request in if request.parent == nil { kick(request.id) } }
        )
    }

    private func makeMembership() -> Membership {
        Membership(
            replica: replica,
            incarnation: name,
            store: StoreConnection(self),
            time: world.scheduler.timeSource,
            freeSlots: { [unowned self] in engine.freeSlots },
            logger: world.logger(name),
            onChange: { [unowned self] _ in
                world.note("\(name) sees alive: \(membership.alive.joined(separator: ", "))")
                for id in kicks.keys.sorted() { kick(id) }
            }
        )
    }

    // MARK: Life

    func start() {
        world.note("\(name) starts")
        for id in world.cluster.ids {
            if let resource = world.cluster.resources[id] { world.cluster.deliver(resource, to: self) }
        }
        work = Task(executorPreference: lane) { [self] in
            await withDiscardingTaskGroup { group in
                group.addTask { [self] in await engine.run() }
                group.addTask { [self] in
                    do {
                        try await membership.run()
                    } catch {
                        world.violate("\(name): \(error)")
                    }
                }
                for await id in newcomers {
                    let (stream, continuation) = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))
                    kicks[id] = continuation
                    continuation.yield()
                    group.addTask { [self] in await ReconcilerModel(self, id).run(stream) }
                }
            }
            hasEnded = true
        }
    }

    /// Dies on the spot: nothing it does arrives any more, but what is on its way may.
    func kill(_ reason: String) {
        guard !isDead else { return }
        world.note("\(name) is killed: \(reason)")
        world.cover("fault.\(reason)")
        world.trouble()
        isDead = true
        if isPaused { world.scheduler.letGo(lane) }
        work?.cancel()
    }

    func pause(for duration: Duration) {
        guard !isDead, !isPaused else { return }
        world.note("\(name) is stopped for \(duration)")
        world.cover("fault.pause")
        world.trouble(until: world.now + duration)
        world.scheduler.hold(lane)
        world.scheduler.after(duration) { [self] in resume() }
    }

    func resume() {
        guard isPaused else { return }
        world.note("\(name) goes on")
        resumedAt = world.now
        world.trouble()
        world.scheduler.letGo(lane)
    }

    /// SIGTERM: ends its work, says goodbye.
    func stop() async {
        guard !isDead, !isStopping else { return }
        world.note("\(name) is asked to stop")
        isStopping = true
        world.trouble()
        if world.chance(60) { await drain() }
        guard !isDead else { return }
        work?.cancel()
        await work?.value
        guard !isDead else { return }
        await Task(executorPreference: lane) { [self] in await membership.leave() }.value
        world.note("\(name) has stopped")
        isDead = true
    }

    /// Lets go of what it can without interrupting anything.
    private func drain() async {
        world.note("\(name) lets go of what it has")
        membership.beginLeaving()
        for _ in 0..<20 where engine.load.active > 0 && !isDead {
            await world.scheduler.waitRegardless(for: .seconds(1))
        }
    }

    func waitUntilEnded() async { await work?.value }

    /// Jobs that were held back while it was stopped find a changed world at this very moment.
    var hasJustResumed: Bool { resumedAt == world.now }

    private func reach(_ point: FailPoint, _ step: String) {
        world.cover("point.\(point.rawValue)")
        guard let left = failPointsToLive, !isDead else { return }
        failPointsToLive = left - 1
        if left <= 0 { kill("killAtFailPoint.\(point.rawValue)") }
    }

    func reach(_ edge: Edge) {
        guard let left = commitEdgesToLive, !isDead else { return }
        commitEdgesToLive = left - 1
        if left <= 0 { kill("killAtCommit.\(edge)") }
    }

    // MARK: Watching

    /// - Parameter isOwn: the program has written it itself, which calls nobody.
    func observe(_ resource: Resource, isOwn: Bool = false) {
        guard !isDead else { return }
        // A watch delivers in order.
        guard (cache[resource.id]?.version ?? 0) < resource.version else { return }
        cache[resource.id] = resource
        if kicks[resource.id] == nil { newcomer.yield(resource.id) }
        if !isOwn { kick(resource.id) }
    }

    func kick(_ id: String) { kicks[id]?.yield() }

    func kick(_ id: String, after delay: Duration) {
        world.scheduler.after(delay) { [self] in if !isDead { kick(id) } }
    }
}
