import RedisClient
import TestEnvironment
import Testing

extension RealRedisTests {
    @Suite struct AuthenticationTests {
        private func connectFailure(_ connectionString: String) async throws -> RedisConnectionFailure? {
            let log = RecordedLog()
            return try await withClient(connectionString, logger: log.logger) { client in
                let error = await failure { try await client.connect() }
                for line in log.lines {
                    #expect(!line.message.contains("hunter2") && !line.message.contains("wrong-one"))
                    #expect(line.message.wholeMatch(of: /Redis.*connected.*/) == nil)
                }
                guard case .connectionFailed(let failure)? = error else { return nil }
                #expect(!failure.description.contains("hunter2") && !failure.description.contains("wrong-one"))
                return failure
            }
        }

        @Test func `the right password is let in, a wrong or missing one is named as the problem`() async throws {
            try await RedisServer.with(.init(password: "hunter2=x=")) { server in
                try await withClient(server.connectionString) { client in _ = try await client.ping() }

                let wrong = try await connectFailure("127.0.0.1:\(server.port),password=wrong-one")
                #expect(wrong?.reason == .authentication)
                #expect(wrong?.detail.contains("WRONGPASS") == true)

                let missing = try await connectFailure("127.0.0.1:\(server.port)")
                #expect(missing?.reason == .authentication)
                #expect(missing?.detail.contains("NOAUTH") == true)
                #expect(missing?.detail.contains("set password=") == true)
            }
        }

        @Test func `a password the server does not ask for is named as the problem`() async throws {
            try await RedisServer.with { server in
                let failure = try await connectFailure("127.0.0.1:\(server.port),password=wrong-one")
                #expect(failure?.reason == .authentication)
                #expect(failure?.detail.contains("no password configured") == true)
            }
        }

        @Test func `a server whose AUTH is renamed quotes the password, and the client does not`() async throws {
            try await RedisServer.with(.init(arguments: ["--rename-command", "AUTH", "SECRETAUTH"])) { server in
                let failure = try await connectFailure("127.0.0.1:\(server.port),password=hunter2")
                #expect(failure?.reason == .authentication)
            }
        }

        @Test func `an ACL user is let in by name and password, even one that may not name its connection`()
            async throws
        {
            let acl = ["--user", "ops", "on", ">hunter2", "~*", "+get", "+set", "+ping"]
            try await RedisServer.with(.init(arguments: acl)) { server in
                for form in [
                    "127.0.0.1:\(server.port),user=ops,password=hunter2",
                    "redis://ops:hunter2@127.0.0.1:\(server.port)",
                ] {
                    try await withClient(form) { client in
                        try await client.set("k", [1], expiresIn: nil)
                        #expect(try await client.get("k") == [1])
                        let error = await failure { try await client.del("k") }
                        #expect(error?.description.contains("NOPERM") == true)
                    }
                }
                let wrong = try await connectFailure("127.0.0.1:\(server.port),user=ops,password=wrong-one")
                #expect(wrong?.detail.contains("WRONGPASS") == true)
            }
        }

        @Test func `a server full of clients says so`() async throws {
            try await RedisServer.with(.init(arguments: ["--maxclients", "1"])) { server in
                try await withClient(server.connectionString) { client in
                    try await client.connect()
                    let failure = try await connectFailure(server.connectionString)
                    #expect(failure?.detail.contains("max number of clients reached") == true)
                }
            }
        }
    }
}
