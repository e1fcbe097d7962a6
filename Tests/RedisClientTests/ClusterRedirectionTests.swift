import Synchronization
import TestEnvironment
import Testing

@testable import RedisClient

/// What a cluster does on the way from one layout to another, one step at a time.
@Suite(.serialized, .timeLimit(.minutes(1))) struct ClusterRedirectionTests {
    /// Two servers that say whatever the test wants; all slots are the first one's.
    private func withTwoNodes(
        host: String = "$9\r\n127.0.0.1\r\n",
        _ first: @escaping @Sendable ([String], Int) -> ScriptedRedis.Reaction,
        _ second: @escaping @Sendable ([String]) -> ScriptedRedis.Reaction,
        _ body: (String, _ first: ScriptedRedis, _ second: ScriptedRedis) async throws -> Void
    ) async throws {
        let two = try ScriptedRedis { command in
            command.words.first == "CLUSTER" ? .reply("-ERR not asked\r\n") : second(command.words)
        }
        defer { two.stop() }
        let port = Atomic(0)
        let one = try ScriptedRedis { [secondPort = two.port] command in
            if command.words == ["CLUSTER", "SLOTS"] {
                let own = port.load(ordering: .relaxed)
                return .reply("*1\r\n*3\r\n:0\r\n:16383\r\n*2\r\n\(host):\(own)\r\n")
            }
            return first(command.words, secondPort)
        }
        defer { one.stop() }
        port.store(one.port, ordering: .relaxed)
        // Two endpoints make it a cluster.
        let string = "127.0.0.1:\(one.port),127.0.0.1:\(one.port),abortConnect=false"
        try await body(string, one, two)
    }

    private func words(_ server: ScriptedRedis) async -> [[String]] {
        server.stop()
        var words: [[String]] = []
        for await command in server.commands where command.words.first != "CLUSTER" { words.append(command.words) }
        return words
    }

    @Test func `ASK sends this command on, directly after ASKING, and only this one`() async throws {
        try await withTwoNodes { words, second in
            words[1] == "asked" ? .reply("-ASK 1 127.0.0.1:\(second)\r\n") : .reply("+first\r\n")
        } _: { _ in
            .reply("+second\r\n")
        } _: { string, one, two async throws in
            try await withClient(string) { client async throws in
                #expect(try await client.send(["GET", "asked"]) == .status("second"))
                #expect(try await client.send(["GET", "other"]) == .status("first"))
            }
            #expect(await words(one) == [["GET", "asked"], ["GET", "other"]])
            #expect(await words(two) == [["ASKING"], ["GET", "asked"]])
        }
    }

    @Test func `MOVED moves the slot at once, also where the host is left out`() async throws {
        for host in ["127.0.0.1", ""] {
            let slot = HashSlot.of("k")
            try await withTwoNodes { _, second in
                .reply("-MOVED \(slot) \(host):\(second)\r\n")
            } _: { _ in
                .reply("+second\r\n")
            } _: { string, one, two async throws in
                try await withClient(string) { client async throws in
                    #expect(try await client.send(["GET", "k"]) == .status("second"))
                }
                #expect(await words(one) == [["GET", "k"]])
                #expect(await words(two) == [["GET", "k"]])
            }
        }
    }

    @Test(arguments: ["$-1\r\n", "$0\r\n\r\n", "$1\r\n?\r\n"])
    func `a node that does not tell its host has the one that was asked`(host: String) async throws {
        try await withTwoNodes(host: host) { _, _ in
            .reply("+first\r\n")
        } _: { _ in
            .close
        } _: { string, _, _ async throws in
            try await withClient(string) { client async throws in
                #expect(try await client.send(["GET", "k"]) == .status("first"))
            }
        }
    }

    @Test(arguments: [
        "TRYAGAIN Multiple keys request during rehashing of slot", "CLUSTERDOWN The cluster is down",
        "LOADING Redis is loading the dataset in memory", "MASTERDOWN Link with MASTER is down", "READONLY no",
    ])
    func `what the cluster cannot do yet is asked again, and not beyond syncTimeout`(error: String) async throws {
        let refusals = Atomic(3)
        try await withTwoNodes { words, _ in
            if words[1] == "never" { return .reply("-\(error)\r\n") }
            let left = refusals.subtract(1, ordering: .relaxed).newValue
            return left < 0 ? .reply("+done\r\n") : .reply("-\(error)\r\n")
        } _: { _ in
            .close
        } _: { string, one, _ async throws in
            try await withClient(configuration(string)) { client async throws in
                #expect(try await client.send(["GET", "later"]) == .status("done"))
            }
            try await withClient(configuration(string) { $0.syncTimeout = .milliseconds(300) }) { client async throws in
                let start = ContinuousClock.now
                let last = await failure { try await client.send(["GET", "never"]) }
                guard case .server(let reply) = last else {
                    Issue.record("\(String(describing: last))")
                    return
                }
                #expect(reply.message == error)
                #expect(start.duration(to: .now) < .seconds(30))
            }
            #expect(await words(one).count { $0 == ["GET", "later"] } == 4)
        }
    }

    @Test func `nodes that send a command to each other do not do so for ever`() async throws {
        let port = Atomic(0)
        try await withTwoNodes { _, second in
            .reply("-MOVED \(HashSlot.of("k")) 127.0.0.1:\(second)\r\n")
        } _: { _ in
            .reply("-MOVED \(HashSlot.of("k")) 127.0.0.1:\(port.load(ordering: .relaxed))\r\n")
        } _: { string, one, two async throws in
            port.store(one.port, ordering: .relaxed)
            try await withClient(configuration(string) { $0.syncTimeout = .milliseconds(500) }) { client async throws in
                let error = await failure { try await client.send(["GET", "k"]) }
                #expect(error?.description.contains("MOVED") == true)
            }
            let count = await words(one).count
            #expect((2...100).contains(count))
        }
    }

    @Test func `a command whose reply is lost is not sent to anybody else`() async throws {
        try await withTwoNodes { _, _ in
            .close
        } _: { _ in
            .reply("+second\r\n")
        } _: { string, one, two async throws in
            try await withClient(string) { client async throws in
                let error = await failure { try await client.send(["INCR", "n"]) }
                guard case .connectionLost(mayHaveBeenExecuted: true, _) = error else {
                    Issue.record("\(String(describing: error))")
                    return
                }
            }
            #expect(await words(one) == [["INCR", "n"]])
            #expect(await words(two).isEmpty)
        }
    }

    @Test func `WAIT follows its command to wherever it is sent, on the same connection`() async throws {
        try await withTwoNodes { words, second in
            words[0] == "WAIT" ? .reply(":0\r\n") : .reply("-ASK 1 127.0.0.1:\(second)\r\n")
        } _: { words in
            words[0] == "WAIT" ? .reply(":1\r\n") : .reply("+OK\r\n")
        } _: { string, one, two async throws in
            try await withClient(string) { client async throws in
                let reply = try await client.send(["SET", "k", "v"], waitingFor: 1, timeout: .seconds(1))
                #expect(reply == ReplicatedReply(reply: .status("OK"), replicas: 1))
            }
            #expect(await words(one) == [["SET", "k", "v"], ["WAIT", "1", "1000"]])
            #expect(await words(two) == [["ASKING"], ["SET", "k", "v"], ["WAIT", "1", "1000"]])
        }
    }

    @Test(arguments: ["*0\r\n", "*1\r\n:1\r\n", "+OK\r\n", "*1\r\n*3\r\n:0\r\n:99999\r\n*2\r\n$1\r\nh\r\n:1\r\n"])
    func `a layout that makes no sense is refused`(layout: String) async throws {
        let server = try ScriptedRedis { _ in .reply(layout) }
        defer { server.stop() }
        let endpoint = "127.0.0.1:\(server.port)"
        try await withClient("\(endpoint),\(endpoint),connectRetry=1") { client async throws in
            let error = await failure { try await client.connect() }
            #expect(error?.description.contains("slots") == true || error?.description.contains("SLOTS") == true)
        }
    }
}
