/// A real Redis Cluster on 127.0.0.1: three masters, and replicas if a test wants them.
public final class RedisCluster: Sendable {
    /// Those that were masters at the start, each with a third of the slots in their order.
    public let masters: [RedisServer]
    /// Those that were replicas at the start: number `n` of master `n % masters.count`.
    public let replicas: [RedisServer]

    /// All servers.
    public var servers: [RedisServer] { masters + replicas }

    private static let slotCount = 16_384

    /// Starts a cluster, hands it to the body when it is whole, and stops it whatever happens.
    /// - Parameters:
    ///   - replicasPerMaster: With one, a master that is stopped is replaced within some seconds.
    ///   - certificates: With them, all speak TLS, to clients and among themselves.
    ///   - arguments: More of them, for each server.
    public static func with<Value>(
        masters: Int = 3,
        replicasPerMaster: Int = 0,
        password: String? = nil,
        certificates: TestCertificates? = nil,
        arguments: [String] = [],
        _ body: (RedisCluster) async throws -> Value
    ) async throws -> Value {
        var options = RedisServer.Options(password: password, certificates: certificates)
        // A short node timeout makes failover quick, and replicas are filled without the usual pause of 5 s.
        options.arguments = ["--cluster-enabled", "yes", "--cluster-node-timeout", "1000"]
        options.arguments += ["--cluster-replica-validity-factor", "0", "--repl-diskless-sync", "yes"]
        options.arguments += ["--repl-diskless-sync-delay", "0", "--repl-ping-replica-period", "1"]
        if certificates != nil { options.arguments += ["--tls-cluster", "yes", "--tls-replication", "yes"] }
        if let password { options.arguments += ["--masterauth", password] }
        options.arguments += arguments
        var servers: [RedisServer] = []
        do {
            for _ in 0..<masters * (1 + replicasPerMaster) { servers.append(try await RedisServer.start(options)) }
            let cluster = RedisCluster(Array(servers[..<masters]), Array(servers[masters...]))
            try await cluster.form()
            let value = try await body(cluster)
            for server in servers { await server.remove() }
            return value
        } catch {
            for server in servers { await server.remove() }
            throw error
        }
    }

    private init(_ masters: [RedisServer], _ replicas: [RedisServer]) {
        self.masters = masters
        self.replicas = replicas
    }

    /// All masters as endpoints, and the options a client needs.
    public var connectionString: String {
        let endpoints = masters.map { "127.0.0.1:\($0.port)" }.joined(separator: ",")
        let options = masters[0].connectionString.split(separator: ",").dropFirst().joined(separator: ",")
        return "\(endpoints),\(options)"
    }

    /// The slot of a key, as a server computes it.
    public func slot(of key: String) throws -> Int {
        Int(try masters[0].command("CLUSTER", "KEYSLOT", key).text) ?? 0
    }

    /// Which of the masters had this slot at the start.
    public func firstOwner(ofSlot slot: Int) -> RedisServer {
        masters[range(of: slot)]
    }

    /// Moves slots with their keys from one master to another, as `redis-cli --cluster reshard` does. Clients meet
    /// `ASK`, `TRYAGAIN` and `MOVED` on the way.
    ///
    /// Takes up to a second for the servers to agree on the last change before; so move many slots at once.
    public func moveSlots(
        _ slots: some Sequence<Int>,
        from source: RedisServer,
        to target: RedisServer
    ) async throws {
        // Two servers that give themselves the same epoch would take slots back from each other.
        try await eventually {
            Set(masters.map { Self.info(try? $0.command("CLUSTER", "INFO"), "cluster_current_epoch") }).count == 1
        }
        let sourceID = try source.command("CLUSTER", "MYID").text
        let targetID = try target.command("CLUSTER", "MYID").text
        for slot in slots {
            try target.command("CLUSTER", "SETSLOT", "\(slot)", "IMPORTING", sourceID)
            try source.command("CLUSTER", "SETSLOT", "\(slot)", "MIGRATING", targetID)
            while true {
                let keys = try source.command("CLUSTER", "GETKEYSINSLOT", "\(slot)", "10").list.map(\.text)
                if keys.isEmpty { break }
                try source.command(
                    ["MIGRATE", "127.0.0.1", "\(target.port)", "", "0", "10000"] + authentication + ["KEYS"] + keys
                )
            }
            for server in [target, source] + masters.filter({ $0 !== source && $0 !== target }) {
                try server.command("CLUSTER", "SETSLOT", "\(slot)", "NODE", targetID)
            }
        }
    }

    /// Waits until a server says that it is a master, as it does some seconds after that of which it is the replica was
    /// stopped.
    public func waitForPromotion(of replica: RedisServer) async throws {
        try await eventually { (try? replica.command("ROLE").list.first?.text) == "master" }
        try await eventually {
            (try? replica.command("CLUSTER", "INFO").text.contains("cluster_state:ok")) ?? false
        }
    }

    private var authentication: [String] {
        masters[0].password.map { ["AUTH", $0] } ?? []
    }

    private func range(of slot: Int) -> Int { slot * masters.count / Self.slotCount }

    private func form() async throws {
        for (number, master) in masters.enumerated() {
            // Distinct from the start, so that nobody has to give way.
            try master.command("CLUSTER", "SET-CONFIG-EPOCH", "\(number + 1)")
            let slots = (0..<Self.slotCount).filter { range(of: $0) == number }.map { "\($0)" }
            try master.command(["CLUSTER", "ADDSLOTS"] + slots)
        }
        for server in servers.dropFirst() {
            try server.command("CLUSTER", "MEET", "127.0.0.1", "\(masters[0].port)")
        }
        try await waitUntilWhole()
        for (number, replica) in replicas.enumerated() {
            let id = try masters[number % masters.count].command("CLUSTER", "MYID").text
            try await eventually { (try? replica.command("CLUSTER", "REPLICATE", id)) != nil }
        }
        for replica in replicas {
            try await eventually {
                Self.info(try? replica.command("INFO", "replication"), "master_link_status") == "up"
            }
        }
        // Failover wants that the others know whose replica each is.
        for server in masters {
            try await eventually {
                let nodes = (try? server.command("CLUSTER", "NODES").text) ?? ""
                return nodes.split(whereSeparator: \.isNewline).count { $0.contains("slave ") } == replicas.count
            }
        }
    }

    /// Waits until all servers that run agree that each slot has an owner that answers.
    private func waitUntilWhole() async throws {
        for server in servers {
            try await eventually {
                guard let info = try? server.command("CLUSTER", "INFO").text else { return !server.isRunning }
                return info.contains("cluster_state:ok") && info.contains("cluster_known_nodes:\(servers.count)")
            }
        }
    }

    private static func info(_ reply: RawRedisReply?, _ name: String) -> String {
        let line = (reply?.text ?? "").split(whereSeparator: \.isNewline).first { $0.hasPrefix(name + ":") }
        return line.map { String($0.dropFirst(name.count + 1)) } ?? ""
    }
}
