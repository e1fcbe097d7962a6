/// Has many requests wait while the first of them makes the connection they will share.
///
/// libcurl can do so too (`CURLOPT_PIPEWAIT`), but only as long as it knows nothing of the host. As soon as there is any
/// connection to it, such as one of a stream, a burst of requests would make a connection each: libcurl 7.88 does not
/// use a connection that is still being made (`lib/url.c`, `ConnectionExists` and the forced close in `allocate_conn`).
///
/// Pure: it knows transfers by name and tells the event loop what to do with them.
struct ConnectionGates {
    /// Requests with the same key may share a connection.
    struct Key: Hashable {
        let origin: String
        /// See `ConnectionGenerations`.
        let generation: Int
    }

    private struct Gate {
        /// Transfers that were let in and have not left.
        var users = 0
        /// The user who has no connection yet. While there is one, others wait.
        var leader: TransferID?
        var waiting: [TransferID] = []
    }

    private var gates: [Key: Gate] = [:]

    /// A transfer comes in. False: it has to wait.
    mutating func arrive(_ id: TransferID, at key: Key) -> Bool {
        var gate = gates[key] ?? Gate()
        defer { gates[key] = gate }
        guard gate.leader == nil else {
            gate.waiting.append(id)
            return false
        }
        // With others on a connection it is taken to be usable; `isConnecting` corrects that.
        if gate.users == 0 { gate.leader = id }
        gate.users += 1
        return true
    }

    /// A user turned out not to have a connection yet. Others had better wait for it.
    mutating func isConnecting(_ id: TransferID, at key: Key) {
        guard gates[key]?.leader == nil else { return }
        gates[key]?.leader = id
    }

    /// A user has a connection. Returns those who may come in now.
    mutating func hasConnection(_ id: TransferID, at key: Key) -> [TransferID] {
        guard var gate = gates[key], gate.leader == id else { return [] }
        let admitted = gate.waiting
        gate.leader = nil
        gate.waiting = []
        gate.users += admitted.count
        gates[key] = gate
        return admitted
    }

    /// Those who wait for this user's connection. If it cannot be made, they had better not try one after the other.
    func followers(of id: TransferID, at key: Key) -> [TransferID] {
        guard let gate = gates[key], gate.leader == id else { return [] }
        return gate.waiting
    }

    /// A transfer goes, whether it was let in or waits. Returns the one that comes in as the new leader, if any.
    mutating func leave(_ id: TransferID, at key: Key) -> TransferID? {
        guard var gate = gates[key] else { return nil }
        defer { gates[key] = gate.users == 0 ? nil : gate }
        if let index = gate.waiting.firstIndex(of: id) {
            gate.waiting.remove(at: index)
            return nil
        }
        gate.users -= 1
        guard gate.leader == id else { return nil }
        gate.leader = gate.waiting.isEmpty ? nil : gate.waiting.removeFirst()
        if gate.leader != nil { gate.users += 1 }
        return gate.leader
    }

    /// How many transfers are past the gate.
    func users(at key: Key) -> Int {
        gates[key]?.users ?? 0
    }
}
