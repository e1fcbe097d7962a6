/// The masters of a cluster with their connections, and who has which slot.
struct ClusterMap: Sendable {
    /// Those that had slots when the cluster was last asked, and those that commands were sent on to since.
    private(set) var masters: [ConnectionPool]
    private(set) var replicas: [RedisEndpoint]
    private var owners: [Int16]

    /// - Parameter pools: One for each of the layout's masters, in their order.
    init(_ layout: ClusterLayout, _ pools: [ConnectionPool]) {
        masters = pools
        replicas = layout.replicas
        owners = layout.owners
    }

    /// `nil` if nobody has it.
    func owner(of slot: Int) -> ConnectionPool? {
        let index = owners[slot]
        return index < 0 ? nil : masters[Int(index)]
    }

    func pool(for endpoint: RedisEndpoint) -> ConnectionPool? {
        masters.first { $0.endpoint == endpoint }
    }

    mutating func move(_ slot: Int, to pool: ConnectionPool) {
        let index = masters.firstIndex { $0 === pool } ?? masters.count
        if index == masters.count { masters.append(pool) }
        owners[slot] = Int16(index)
    }
}
