import RedisClient
import TestEnvironment
import Testing

extension RealRedisTests {
    @Suite struct ClusterTests {
        @Test func `commands find their masters, scans find all keys, and several slots are refused`() async throws {
            let log = RecordedLog()
            try await RedisCluster.with { cluster in
                try await withClient(cluster.connectionString, logger: log.logger) { client in
                    try await client.connect()
                    #expect(client.state.isConnected)
                    let keys = Set((0..<200).map { "key:\($0)" })
                    for key in keys { try await client.set(key, Array(key.utf8), expiresIn: .seconds(60)) }
                    for key in keys { #expect(try await client.get(key) == Array(key.utf8)) }
                    for master in cluster.masters { #expect(try master.command("DBSIZE").text != "0") }
                    var found: Set<String> = []
                    for try await batch in client.scan(matching: "key:*", count: 10) { found.formUnion(batch) }
                    #expect(found == keys)
                    let refused = await failure { try await client.send(["MGET", "key:1", "key:2"]) }
                    #expect(refused?.description.contains("different slots") == true)
                    let tagged = try await client.send(["MGET", "{tag}1", "{tag}2"])
                    #expect(tagged == .array([.null, .null]))
                    #expect(try await client.ping() > .zero)
                }
                // Once the client is shut down, nobody but the one who asks is left.
                for master in cluster.masters {
                    try await eventually { (try? master.command("CLIENT", "LIST").text.contains("honua")) == false }
                }
            }
            let successes = log.lines.filter { $0.message.wholeMatch(of: /Redis.*connected.*/) != nil }
            #expect(successes.count == 1)
            #expect(successes.first?.message.hasPrefix("Redis connected to the cluster of 3 master(s): ") == true)
        }

        @Test func `one endpoint of a cluster is enough, and is noticed`() async throws {
            let log = RecordedLog()
            try await RedisCluster.with { cluster in
                let one = cluster.masters[0].connectionString
                try await withClient(one, logger: log.logger) { client in
                    for number in 0..<50 { try await client.set("k\(number)", [1], expiresIn: nil) }
                }
                // Here nothing but the scan would notice.
                try await withClient(one, logger: log.logger) { client in
                    var found: Set<String> = []
                    for try await batch in client.scan(matching: "k*") { found.formUnion(batch) }
                    #expect(found.count == 50)
                }
            }
            #expect(log.lines.count { $0.message.contains("is part of a cluster") } == 2)
        }

        @Test func `while slots move, no commit is lost and none is made twice`() async throws {
            try await RedisCluster.with { cluster in
                try await withClient(cluster.connectionString) { client in
                    let counters = (0..<12).map { "counter:\($0)" }
                    let script = RedisScript("return redis.call('INCRBY', KEYS[1], ARGV[1])")
                    let slots = try Set(counters.map { try cluster.slot(of: $0) })
                    let isMoved = Gate()
                    let acknowledged = try await withThrowingTaskGroup(of: (String, Int64).self) { group in
                        for counter in counters {
                            group.addTask {
                                var count: Int64 = 0
                                while !isMoved.isOpen || count < 50 {
                                    let reply = try await client.evaluate(
                                        script,
                                        keys: [RedisArgument(counter)],
                                        arguments: [1]
                                    )
                                    count += 1
                                    // Each reply is the next number: none was lost, none was made twice.
                                    guard reply == .integer(count) else {
                                        throw ChildProcess.Failure(description: "\(counter): \(reply), not \(count)")
                                    }
                                }
                                return (counter, count)
                            }
                        }
                        defer { isMoved.open() }
                        // Once around.
                        for step in 0..<3 {
                            for (number, master) in cluster.masters.enumerated() {
                                try await cluster.moveSlots(
                                    slots.filter { cluster.firstOwner(ofSlot: $0) === master },
                                    from: cluster.masters[(number + step) % 3],
                                    to: cluster.masters[(number + step + 1) % 3]
                                )
                            }
                        }
                        isMoved.open()
                        return try await group.reduce(into: [:]) { $0[$1.0] = $1.1 }
                    }
                    let errors = cluster.masters.map { (try? $0.command("INFO", "errorstats").text) ?? "" }
                    // Who was sent on while a slot moved may have learnt the new layout before the move was over.
                    #expect(errors.contains { $0.contains("errorstat_MOVED") || $0.contains("errorstat_ASK") })
                    for (counter, count) in acknowledged {
                        #expect(try await client.get(counter) == Array("\(count)".utf8))
                    }
                }
            }
        }

        @Test func `a replica takes over from a master that is killed, and the client goes on`() async throws {
            let log = RecordedLog()
            try await RedisCluster.with(replicasPerMaster: 1) { cluster in
                try await withClient(cluster.connectionString, logger: log.logger) { client in
                    try await client.connect()
                    let states = client.states()
                    for number in 0..<100 {
                        let reply = try await client.send(
                            ["SET", RedisArgument("k\(number)"), RedisArgument(number)],
                            waitingFor: 1,
                            timeout: .seconds(20)
                        )
                        #expect(reply.replicas == 1)
                    }
                    await cluster.masters[1].stop()
                    // Sent while there is nobody to take them, and answered in time all the same.
                    try await withThrowingTaskGroup(of: Void.self) { group in
                        for number in 0..<100 {
                            group.addTask { () async throws in
                                #expect(try await client.get("k\(number)") == Array("\(number)".utf8))
                            }
                        }
                        try await group.waitForAll()
                    }
                    #expect(await states.first { $0.failure != nil } != nil)
                    #expect(await states.first { $0.isConnected } != nil)
                    // The old master comes back, as a replica, and nothing changes for anybody.
                    try await cluster.masters[1].start()
                    for number in 0..<100 { try await client.set("k\(number)", [1], expiresIn: nil) }
                }
            }
            #expect(log.lines.count { $0.message.wholeMatch(of: /Redis.*connected.*/) != nil } == 2)
        }

        @Test func `a master that stands still is replaced, and the client finds the one that replaces it`()
            async throws
        {
            try await RedisCluster.with(replicasPerMaster: 1) { cluster in
                try await withClient(configuration(cluster.connectionString) { $0.syncTimeout = .seconds(2) }) {
                    client in
                    let states = client.states()
                    _ = await failure { try await client.connect() }
                    #expect(await states.first { $0.isConnected } != nil)
                    let key = try await keyOfFirstMaster(cluster)
                    cluster.masters[0].pause()
                    defer { cluster.masters[0].resume() }
                    try await cluster.waitForPromotion(of: cluster.replicas[0])
                    var errors: [RedisError] = []
                    while let error = await failure({ try await client.set(key, [2], expiresIn: nil) }) {
                        errors.append(error)
                        try #require(errors.count < 20, "\(errors)")
                    }
                    #expect(try await client.get(key) == [2])
                }
            }
        }

        private func keyOfFirstMaster(_ cluster: RedisCluster) async throws -> String {
            let keys = (0..<100).map { "k\($0)" }
            let key = try keys.first { cluster.firstOwner(ofSlot: try cluster.slot(of: $0)) === cluster.masters[0] }
            return try #require(key)
        }

        @Test func `a script is loaded on each master by itself`() async throws {
            try await RedisCluster.with { cluster async throws in
                try await withClient(cluster.connectionString) { client async throws in
                    let script = RedisScript("return KEYS[1]")
                    for _ in 0..<2 {
                        for number in 0..<30 {
                            let key = "k\(number)"
                            #expect(try await client.evaluate(script, keys: [RedisArgument(key)]).text == key)
                        }
                    }
                    for master in cluster.masters {
                        #expect(try master.command("INFO", "commandstats").text.contains("cmdstat_eval:calls=1,"))
                    }
                }
            }
        }

        @Test func `a server that is in no cluster is told apart`() async throws {
            try await RedisServer.with { server in
                try await withClient("127.0.0.1:\(server.port),localhost:\(server.port),connectRetry=1") { client in
                    let error = await failure { try await client.connect() }
                    #expect(error?.description.contains("cluster support disabled") == true)
                    #expect(error?.description.contains("for a single server name only one") == true)
                }
            }
        }

        @Test func `nodes that do not answer are named, each with its reason`() async throws {
            let ports = try (0..<3).map { _ in try FreePort.find() }
            let endpoints = ports.map { "127.0.0.1:\($0)" }
            try await withClient(endpoints.joined(separator: ",") + ",connectRetry=1,password=hunter2") { client in
                let error = await failure { try await client.connect() }
                for endpoint in endpoints { #expect(error?.description.contains(endpoint) == true) }
                #expect(error?.description.contains("Connection refused") == true)
                #expect(error?.description.contains("Redis connection failed") == true)
                #expect(error?.description.contains("hunter2") == false)
            }
        }

        @Test func `TLS and sslHost are for all nodes`() async throws {
            let certificates = try TestCertificates()
            try await RedisCluster.with(certificates: certificates) { cluster in
                for (options, problem): (String, String?) in [
                    ("", nil), (",sslHost=redis.test", nil), (",sslHost=other.test", "hostname mismatch"),
                ] {
                    let string = cluster.connectionString + options + ",connectRetry=1"
                    try await withClient(configuration(string) { $0.tls?.caFile = certificates.authority }) { client in
                        let error = await failure {
                            try await client.connect()
                            for number in 0..<30 { try await client.set("k\(number)", [1], expiresIn: nil) }
                        }
                        if let problem {
                            #expect(error?.description.contains(problem) == true)
                        } else {
                            #expect(error == nil)
                        }
                    }
                }
            }
        }

        @Test func `a password is for all nodes`() async throws {
            try await RedisCluster.with(password: "hunter2") { cluster in
                try await withClient(cluster.connectionString) { client in
                    for number in 0..<30 { try await client.set("k\(number)", [1], expiresIn: nil) }
                }
                let endpoints = cluster.masters.map { "127.0.0.1:\($0.port)" }.joined(separator: ",")
                try await withClient(endpoints + ",password=wrong-one,connectRetry=1") { client in
                    let error = await failure { try await client.connect() }
                    #expect(error?.description.contains("WRONGPASS") == true)
                }
            }
        }
    }
}
