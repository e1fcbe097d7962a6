import JSON
import Workflows

/// What a resource asks for and shows, as far as the engine is concerned.
struct Resource {
    enum ChangePolicy: String { case pin, restart, migrate }

    /// Something that the resource shows instead of a running process.
    enum Trouble: String { case waitsForRecovery, invalidState }

    struct Status {
        var epoch: Int
        var version: Int
        var rerun: Int
        var phase: ProcessPhase
        var owner: String?
        var trouble: Trouble?
    }

    let id: String
    var version = 1
    // What is wanted.
    var definition: WorkflowDefinition
    var input: JSONValue
    var timeout: Duration
    var onFailure: FailurePolicy
    var changePolicy: ChangePolicy
    var isSuspended = false
    var cancellation: CancelMode?
    /// The number of the run that is wanted; 0 for the first.
    var wantedRerun = 0
    // What is shown.
    var status: Status?

    var isFinished: Bool { status.map { $0.phase.isFinished && $0.trouble == nil } ?? false }

    var request: ProcessRequest {
        ProcessRequest(
            id: id,
            namespace: "gis",
            name: id,
            user: "lani",
            input: input,
            definition: definition,
            timeout: timeout,
            retry: RetryPolicy(limit: 1, delay: .seconds(2)),
            onFailure: onFailure
        )
    }
}

/// The API server: resources with versions, and watches that lag behind.
final class Cluster {
    struct Conflict: Error {}
    struct Unavailable: Error {}

    private unowned let world: World
    private(set) var resources: [String: Resource] = [:]
    /// One-shot commands that no owner has taken yet.
    private(set) var inbox: [String: [ProcessCommand]] = [:]
    /// What finished processes are to do, and the epoch that was shown when somebody began with it.
    private var reopenings: [String: (command: ProcessCommand, epoch: Int?)] = [:]
    private var order: [String] = []
    var unavailableUntil: Duration = .zero

    init(world: World) { self.world = world }

    var ids: [String] { order }

    func create(_ resource: Resource) {
        order.append(resource.id)
        resources[resource.id] = resource
        announce(resource)
    }

    /// A user's change.
    func change(_ id: String, _ change: (inout Resource) -> Void) {
        guard var resource = resources[id] else { return }
        change(&resource)
        resource.version += 1
        resources[id] = resource
        announce(resource)
    }

    /// A status write under the version that the writer has seen.
    func writeStatus(
        _ id: String,
        _ status: Resource.Status,
        under version: Int,
        by program: OperatorProgram
    ) throws -> Resource? {
        guard var resource = resources[id] else { return nil }
        guard resource.version == version else {
            world.cover("api.conflict")
            throw Conflict()
        }
        world.checks.shown(id, resource.status, status, by: program)
        resource.status = status
        resource.version += 1
        resources[id] = resource
        world.note("resource \(id) shows \(status.phase) epoch \(status.epoch) version \(status.version)")
        announce(resource)
        return resource
    }

    private func announce(_ resource: Resource) {
        for program in world.programs where !program.isDead { deliver(resource, to: program) }
    }

    /// The watch of a program tells it, some time later.
    func deliver(_ resource: Resource, to program: OperatorProgram) {
        world.scheduler.after(world.milliseconds(world.settings.watchLag)) { program.observe(resource) }
    }

    // MARK: Commands

    func send(_ command: ProcessCommand, to id: String) {
        if command.isForFinished {
            if reopenings[id] == nil { reopenings[id] = (command, nil) }
        } else {
            inbox[id, default: []].append(command)
        }
        for program in world.programs where !program.isDead { program.kick(id) }
    }

    /// A command that a finished process is to obey. It stays until the resource shows what came of it: otherwise an owner
    /// that dies in between leaves a process that moves in the store and is finished for everybody else.
    func reopening(_ id: String, shown epoch: Int) -> ProcessCommand? {
        guard let (command, begun) = reopenings[id] else { return nil }
        if let begun, epoch > begun {
            reopenings[id] = nil
            return nil
        }
        reopenings[id] = (command, begun ?? epoch)
        return command
    }

    func takeCommands(_ id: String) -> [ProcessCommand] { inbox.removeValue(forKey: id) ?? [] }
}
