/// A master, its replicas, and three Sentinels that watch over them, all real and on 127.0.0.1.
public final class RedisSentinels: Sendable {
    /// The first one is the master at the start.
    public let servers: [RedisServer]
    public let sentinels: [RedisServer]
    /// What the Sentinels call the master.
    public let serviceName = "mymaster"
    private let sentinelPassword: String?

    /// Starts everything, hands it to the body when the Sentinels know of each other, and stops it whatever happens.
    /// - Parameters:
    ///   - password: Of the servers.
    ///   - sentinelPassword: Of the Sentinels.
    public static func with<Value>(
        replicas: Int = 1,
        password: String? = nil,
        sentinelPassword: String? = nil,
        _ body: (RedisSentinels) async throws -> Value
    ) async throws -> Value {
        var started: [RedisServer] = []
        do {
            var options = RedisServer.Options(password: password)
            options.arguments = ["--repl-diskless-sync", "yes", "--repl-diskless-sync-delay", "0"]
            options.arguments += ["--repl-ping-replica-period", "1"]
            if let password { options.arguments += ["--masterauth", password] }
            for _ in 0...replicas { started.append(try await RedisServer.start(options)) }
            let servers = started
            for replica in servers.dropFirst() {
                try replica.command("REPLICAOF", "127.0.0.1", "\(servers[0].port)")
                try await eventually {
                    (try? replica.command("INFO", "replication").text.contains("master_link_status:up")) ?? false
                }
            }
            var sentinelOptions = RedisServer.Options(password: sentinelPassword)
            var lines = ["sentinel monitor mymaster 127.0.0.1 \(servers[0].port) 2"]
            lines += ["sentinel down-after-milliseconds mymaster 1000", "sentinel failover-timeout mymaster 4000"]
            if let password { lines.append("sentinel auth-pass mymaster \(password)") }
            if let sentinelPassword {
                lines += ["requirepass \(sentinelPassword)", "sentinel sentinel-pass \(sentinelPassword)"]
            }
            sentinelOptions.sentinelLines = lines
            for _ in 0..<3 { started.append(try await RedisServer.start(sentinelOptions)) }
            let all = RedisSentinels(servers, Array(started.dropFirst(servers.count)), sentinelPassword)
            try await all.waitUntilKnown()
            let value = try await body(all)
            for server in started { await server.remove() }
            return value
        } catch {
            for server in started { await server.remove() }
            throw error
        }
    }

    private init(_ servers: [RedisServer], _ sentinels: [RedisServer], _ sentinelPassword: String?) {
        self.servers = servers
        self.sentinels = sentinels
        self.sentinelPassword = sentinelPassword
    }

    /// The Sentinels as endpoints, and the options a client needs.
    public var connectionString: String {
        var parts = sentinels.map { "127.0.0.1:\($0.port)" }
        parts += servers[0].connectionString.split(separator: ",").dropFirst().map(String.init)
        parts.append("serviceName=\(serviceName)")
        if let sentinelPassword { parts.append("sentinelPassword=\(sentinelPassword)") }
        return parts.joined(separator: ",")
    }

    /// The server the Sentinels name.
    public func master() throws -> RedisServer {
        let port = try masterPort(by: sentinels.first(where: \.isRunning) ?? sentinels[0])
        guard let server = servers.first(where: { "\($0.port)" == port }) else {
            throw ChildProcess.Failure(description: "the Sentinels name a master that is none of the servers: \(port)")
        }
        return server
    }

    /// Has a replica take over from a master that lives, and waits until all Sentinels name it.
    public func forceFailover() async throws {
        let old = try "\(master().port)"
        // Refused while the last failover is not over, or a replica is not known to be fit yet.
        try await eventually { (try? sentinels[0].command("SENTINEL", "FAILOVER", serviceName)) != nil }
        try await waitForMaster(otherThan: old)
    }

    /// Waits until all Sentinels name another master than this one, as they do some seconds after it was stopped.
    public func waitForMaster(otherThan old: RedisServer) async throws {
        try await waitForMaster(otherThan: "\(old.port)")
    }

    private func waitForMaster(otherThan old: String) async throws {
        for sentinel in sentinels where sentinel.isRunning {
            try await eventually { (try? masterPort(by: sentinel)).map { $0 != old && !$0.isEmpty } ?? false }
        }
    }

    private func masterPort(by sentinel: RedisServer) throws -> String {
        try sentinel.command("SENTINEL", "GET-MASTER-ADDR-BY-NAME", serviceName).list.last?.text ?? ""
    }

    private func waitUntilKnown() async throws {
        for sentinel in sentinels {
            try await eventually {
                let words = (try? sentinel.command("SENTINEL", "MASTER", serviceName).list.map(\.text)) ?? []
                func value(_ name: String) -> String? {
                    words.firstIndex(of: name).map { words[$0 + 1] }
                }
                return value("num-slaves") == "\(servers.count - 1)"
                    && value("num-other-sentinels") == "\(sentinels.count - 1)" && value("flags") == "master"
            }
        }
    }
}
