internal import KubeClient

/// Where the lease is kept. An implementation ends a request when its task is cancelled.
protocol LeaseStorage: Sendable {
    /// The newest state, or nil when there is none.
    func read() async throws -> Lease?
    /// The lease as stored, or nil when there is one already.
    func create(_ lease: Lease) async throws -> Lease?
    /// The lease as stored, or nil when it is not any more what its uid and resourceVersion say.
    func update(_ lease: Lease) async throws -> Lease?
}

/// The lease as an object of the API server.
struct LeaseObject: LeaseStorage {
    let leases: ResourceClient<Lease>
    let name: String

    func read() async throws -> Lease? {
        do {
            return try await leases.get(name)
        } catch let error as KubeError where error.code == .notFound {
            return nil
        }
    }

    func create(_ lease: Lease) async throws -> Lease? {
        do {
            return try await leases.create(lease)
        } catch let error as KubeError where error.code == .alreadyExists {
            return nil
        }
    }

    func update(_ lease: Lease) async throws -> Lease? {
        do {
            return try await leases.replace(lease)
        } catch let error as KubeError where error.code == .conflict || error.code == .notFound {
            return nil
        }
    }
}
