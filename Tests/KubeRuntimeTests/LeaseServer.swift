import JSON
import KubeClient
import Synchronization

@testable import KubeRuntime

/// One lease in memory, versioned as an API server does, that fails as told.
final class LeaseServer: LeaseStorage {
    enum Request: Equatable {
        case read, create, update
    }

    enum Behaviour {
        case normal
        /// Every request fails at once.
        case failing
        /// No request is answered.
        case silent
        /// Requests are carried out, and answered only when the behaviour changes.
        case slow
    }

    struct Unreachable: Error {}

    private struct State {
        var lease: Lease?
        var version = 100
        var behaviour = Behaviour.normal
        var requests: [Request] = []
        var conflicts = 0
        var held: [AsyncStream<Void>.Continuation] = []
    }

    private let state = Mutex(State())

    var lease: Lease? { state.withLock { $0.lease } }
    var requests: [Request] { state.withLock { $0.requests } }

    func behave(_ behaviour: Behaviour) {
        let held = state.withLock { state in
            state.behaviour = behaviour
            defer { state.held = [] }
            return state.held
        }
        for answer in held { answer.finish() }
    }

    /// So many updates meet a version that is not theirs, as if somebody had just annotated the lease.
    func interfere(_ conflicts: Int) { state.withLock { $0.conflicts = conflicts } }

    /// What people do with kubectl.
    func edit(_ change: (inout Lease?) -> Void) {
        state.withLock { state in
            change(&state.lease)
            state.version += 1
            state.lease?.metadata.resourceVersion = "\(state.version)"
        }
    }

    func read() async throws -> Lease? { try await carryOut(.read) { $0.lease } }

    func create(_ lease: Lease) async throws -> Lease? {
        try await carryOut(.create) { state in
            guard state.lease == nil else { return nil }
            return Self.store(lease, &state, uid: "uid-\(state.version)")
        }
    }

    func update(_ lease: Lease) async throws -> Lease? {
        try await carryOut(.update) { state in
            if state.conflicts > 0 {
                state.conflicts -= 1
                state.version += 1
                state.lease?.metadata.resourceVersion = "\(state.version)"
            }
            guard state.lease?.metadata.resourceVersion == lease.metadata.resourceVersion,
                state.lease?.metadata.uid == lease.metadata.uid
            else { return nil }
            return Self.store(lease, &state, uid: lease.metadata.uid)
        }
    }

    private static func store(_ lease: Lease, _ state: inout State, uid: String) -> Lease {
        var stored = lease
        state.version += 1
        stored.metadata.uid = uid
        stored.metadata.resourceVersion = "\(state.version)"
        state.lease = stored
        return stored
    }

    private func carryOut(_ request: Request, _ body: (inout State) -> Lease?) async throws -> Lease? {
        let (wait, continuation) = AsyncStream<Void>.makeStream()
        let answer = try state.withLock { state throws(Unreachable) -> Lease? in
            state.requests.append(request)
            switch state.behaviour {
            case .normal: continuation.finish()
            case .failing: throw Unreachable()
            case .slow, .silent: state.held.append(continuation)
            }
            if case .silent = state.behaviour { return nil }
            return body(&state)
        }
        for await _ in wait {}
        try Task.checkCancellation()
        return answer
    }
}
