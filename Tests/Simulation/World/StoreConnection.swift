import JSON
import Workflows

/// A program's connection to the store: slow, and not always reliable.
final class StoreConnection: DocumentStore {
    private let program: OperatorProgram

    init(_ program: OperatorProgram) { self.program = program }

    var name: String { "redis" }
    var isDurable: Bool { true }

    func load(_ key: DocumentKey) async throws -> StoredDocument? {
        try await request(key) { database, _ in database.entry(key)?.document }
    }

    func create(_ key: DocumentKey, _ document: StoredDocument, timeToLive: Duration) async throws -> CommitResult {
        try await write(key) { $0.create(key, document, timeToLive, by: $1) }
    }

    func commit(
        _ key: DocumentKey,
        _ document: StoredDocument,
        replacing previous: String,
        timeToLive: Duration
    ) async throws -> CommitResult {
        try await write(key) { $0.commit(key, document, replacing: previous, timeToLive, by: $1) }
    }

    func renew(_ keys: [DocumentKey], timeToLive: Duration) async throws {
        guard let first = keys.first else { return }
        try await request(first) { database, _ in database.renew(keys, timeToLive) }
    }

    func delete(_ keys: [DocumentKey]) async throws {
        guard let first = keys.first else { return }
        try await request(first) { database, _ in database.delete(keys) }
    }

    /// A write at whose edges the program may die.
    private func write(
        _ key: DocumentKey,
        _ body: @escaping (Database, OperatorProgram) -> CommitResult
    ) async throws -> CommitResult {
        if case .state = key { program.reach(.beforeCommit) }
        let result = try await request(key) { database, program in
            let result = body(database, program)
            if case .state(let id) = key, result == .committed {
                program.unanswered.insert(id)
                program.reach(.afterCommit)
            }
            return result
        }
        if case .state(let id) = key { program.unanswered.remove(id) }
        return result
    }

    /// Sends a request: it arrives after a while, and so does the answer, if nothing happens on the way.
    private func request<Value: Sendable>(
        _ key: DocumentKey,
        _ body: @escaping (Database, OperatorProgram) -> Value
    ) async throws -> Value {
        guard !program.isDead else { throw CancellationError() }
        let program = program
        let world = program.world
        return try await world.scheduler.answer { answer in
            let sent = world.database.generation
            let fate = StoreConnection.fate(of: key, program, world)
            let way = world.milliseconds(world.settings.storeLatency)
            let back = world.milliseconds(world.settings.storeLatency)
            // What is on its way when its sender dies may arrive or not.
            let outlivesSender = world.chance(50)
            let lost = StoreUnavailable("the store does not answer")
            let patience = world.milliseconds(500...2000)
            if fate != .arrives {
                world.cover("store.\(fate)")
                world.scheduler.after(fate == .refused ? way : patience) { answer.give(.failure(lost)) }
            }
            guard fate != .refused, fate != .requestLost else { return }
            world.scheduler.after(fate == .late ? patience * 2 : way) {
                guard !program.isDead || outlivesSender else { return }
                // A connection to a store that is no more.
                guard sent == world.database.generation else { return answer.give(.failure(lost)) }
                let value = body(world.database, program)
                guard fate == .arrives else { return }
                world.scheduler.after(back) {
                    guard sent == world.database.generation else { return answer.give(.failure(lost)) }
                    answer.give(.success(value))
                }
            }
        }
    }

    private enum Fate { case arrives, refused, requestLost, replyLost, late }

    private static func fate(of key: DocumentKey, _ program: OperatorProgram, _ world: World) -> Fate {
        if !world.database.isAvailable { return world.chance(50) ? .refused : .requestLost }
        switch key {
        case .heartbeat, .replicas:
            if program.heartbeatsLostUntil > world.now { return world.chance(70) ? .requestLost : .replyLost }
        default: break
        }
        guard world.settings.lossRate > 0, !world.isQuiet,
            world.scheduler.random.below(1000) < world.settings.lossRate
        else { return .arrives }
        world.trouble(until: world.now + .seconds(4))
        return world.scheduler.random.pick([.requestLost, .replyLost, .late])
    }
}
