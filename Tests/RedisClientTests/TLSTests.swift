import RedisClient
import ScriptedServers
import TestEnvironment
import Testing

extension RealRedisTests {
    @Suite struct TLSTests {
        private func connectFailure(
            _ connectionString: String,
            _ configure: (inout RedisConfiguration) -> Void
        ) async throws -> RedisConnectionFailure? {
            try await withClient(configuration(connectionString, configure)) { client in
                let error = await failure { try await client.connect() }
                guard case .connectionFailed(let failure)? = error else { return nil }
                return failure
            }
        }

        @Test func `a private authority works by address, by name, and by sslHost`() async throws {
            let certificates = try TestCertificates()
            try await RedisServer.with(.init(password: "pw", certificates: certificates)) { server in
                for form in [
                    server.connectionString, "localhost:\(server.port),password=pw,ssl=true",
                    server.connectionString + ",sslHost=redis.test", "rediss://:pw@localhost:\(server.port)",
                ] {
                    try await withClient(configuration(form) { $0.tls?.caFile = certificates.authority }) { client in
                        let value = (0..<300_000).map { UInt8(truncatingIfNeeded: $0) }
                        try await client.set("k", value, expiresIn: nil)
                        #expect(try await client.get("k") == value)
                    }
                }
            }
        }

        @Test func `many commands at once over TLS each get their own reply`() async throws {
            let certificates = try TestCertificates()
            try await RedisServer.with(.init(certificates: certificates)) { server in
                try await withClient(
                    configuration(server.connectionString) { $0.tls?.caFile = certificates.authority }
                ) { client in
                    try await withThrowingTaskGroup(of: Bool.self) { group in
                        for number in 0..<500 {
                            group.addTask {
                                let value = [UInt8](repeating: UInt8(truncatingIfNeeded: number), count: number * 40)
                                try await client.set("k\(number)", value, expiresIn: nil)
                                return try await client.get("k\(number)") == value
                            }
                        }
                        for try await isRight in group { #expect(isRight) }
                    }
                }
            }
        }

        @Test func `a certificate of another authority is refused`() async throws {
            let certificates = try TestCertificates()
            try await RedisServer.with(.init(certificates: certificates)) { server in
                for file in [certificates.otherAuthority, nil] {
                    let failure = try await connectFailure(server.connectionString) { $0.tls?.caFile = file }
                    #expect(failure?.reason == .tls)
                    #expect(failure?.detail.contains("certificate verify failed") == true)
                    #expect(failure?.detail.contains("certificate for 127.0.0.1: ") == true)
                }
            }
        }

        @Test func `a certificate for another name is refused`() async throws {
            let certificates = try TestCertificates()
            try await RedisServer.with(.init(certificates: certificates)) { server in
                for (name, problem) in [
                    ("redis.example.com", "hostname mismatch"), ("127.0.0.2", "IP address mismatch"),
                ] {
                    let failure = try await connectFailure(server.connectionString + ",sslHost=\(name)") {
                        $0.tls?.caFile = certificates.authority
                    }
                    #expect(failure?.reason == .tls)
                    #expect(failure?.detail.contains(problem) == true)
                    #expect(failure?.detail.contains("sslHost") == true)
                }
            }
        }

        @Test func `a client certificate is presented when configured`() async throws {
            let certificates = try TestCertificates()
            let options = RedisServer.Options(certificates: certificates, requiresClientCertificate: true)
            try await RedisServer.with(options) { server in
                try await withClient(
                    configuration(server.connectionString) {
                        $0.tls?.caFile = certificates.authority
                        $0.tls?.clientCertificateFile = certificates.client
                        $0.tls?.clientKeyFile = certificates.clientKey
                    }
                ) { client in
                    _ = try await client.ping()
                }
                let without = try await connectFailure(server.connectionString) {
                    $0.tls?.caFile = certificates.authority
                }
                #expect(without?.detail.contains("certificate required") == true, "\(without?.detail ?? "")")
            }
        }

        @Test func `a server that dies is no fault of TLS, and is found again`() async throws {
            let certificates = try TestCertificates()
            try await RedisServer.with(.init(certificates: certificates)) { server in
                try await withClient(
                    configuration(server.connectionString) { $0.tls?.caFile = certificates.authority }
                ) { client in
                    try await client.connect()
                    let states = client.states()
                    await server.stop()
                    let lost = await states.first { $0.failure != nil }
                    #expect(lost?.failure?.reason == .closedByServer)
                    try await server.start()
                    #expect(await states.first { $0.isConnected } != nil)
                    _ = try await client.ping()
                }
            }
        }

        @Test func `files that cannot be used are named`() async throws {
            let certificates = try TestCertificates()
            try await RedisServer.with(.init(certificates: certificates)) { server in
                let noFile = try await connectFailure(server.connectionString) { $0.tls?.caFile = "/no/such/ca.crt" }
                #expect(noFile?.reason == .tls)
                #expect(noFile?.detail.contains("/no/such/ca.crt") == true)
                #expect(noFile?.detail.contains("No such file or directory") == true)
                let wrongKey = try await connectFailure(server.connectionString) {
                    $0.tls?.clientCertificateFile = certificates.client
                    $0.tls?.clientKeyFile = certificates.serverKey
                }
                #expect(wrongKey?.detail.contains("key values mismatch") == true)
            }
        }

        @Test func `TLS to a plain port and plain to a TLS port both say what to change`() async throws {
            let certificates = try TestCertificates()
            try await RedisServer.with { server in
                let failure = try await withGrowingLimit(from: .seconds(1)) { limit in
                    let failure = try await connectFailure(server.connectionString + ",ssl=true") {
                        $0.connectTimeout = limit
                    }
                    // Time may run out before the handshake begins.
                    let isEarly = failure?.reason == .timeout && failure?.detail.contains("handshake") == false
                    return isEarly ? nil : .some(failure)
                }
                #expect(failure?.detail.contains("Does this port speak TLS?") == true)
            }
            try await RedisServer.with(.init(certificates: certificates)) { server in
                let failure = try await connectFailure("127.0.0.1:\(server.port)") { _ in }
                #expect(failure?.detail.contains("If this port speaks TLS, set ssl=true.") == true)
            }
        }
    }
}
