/// Which node has which slots, as `CLUSTER SLOTS` tells.
struct ClusterLayout: Hashable {
    /// Each once, in the order of their slots.
    private(set) var masters: [RedisEndpoint] = []
    private(set) var replicas: [RedisEndpoint] = []
    /// For each slot the position in `masters`, or -1.
    private(set) var owners = [Int16](repeating: -1, count: HashSlot.count)

    /// Reads the reply: ranges of slots, each with its first and last, its master and its replicas. `nil` if it is
    /// something else.
    ///
    /// - Parameter server: Who said it. A node whose host is missing has the same.
    init?(_ reply: RedisValue, from server: RedisEndpoint) {
        guard let ranges = reply.array else { return nil }
        for range in ranges {
            guard let parts = range.array, parts.count >= 3, let first = parts[0].integer, let last = parts[1].integer,
                0 <= first, first <= last, last < HashSlot.count, let master = Self.endpoint(parts[2], server)
            else { return nil }
            let index = masters.firstIndex(of: master) ?? masters.count
            if index == masters.count { masters.append(master) }
            for slot in Int(first)...Int(last) { owners[slot] = Int16(index) }
            for replica in parts.dropFirst(3).compactMap({ Self.endpoint($0, server) })
            where !replicas.contains(replica) {
                replicas.append(replica)
            }
        }
    }

    /// The host is null, empty or a question mark where a node does not know, or is not to tell, how it is reached.
    private static func endpoint(_ node: RedisValue, _ server: RedisEndpoint) -> RedisEndpoint? {
        guard let parts = node.array, parts.count >= 2, let port = parts[1].integer, (1...65535).contains(port) else {
            return nil
        }
        let host = parts[0].text ?? ""
        return RedisEndpoint(host: host.isEmpty || host == "?" ? server.host : host, port: Int(port))
    }
}
