import Testing

@testable import RedisClient

@Suite struct RedisConfigurationTests {
    @Test func `the string wins over settings beside it`() throws {
        let silent = try RedisConfiguration(
            RedisConnectionString("h"),
            connectTimeout: .seconds(7),
            syncTimeout: .milliseconds(70)
        )
        #expect(silent.connectTimeout == .seconds(7))
        #expect(silent.syncTimeout == .milliseconds(70))
        let explicit = try RedisConfiguration(
            RedisConnectionString("h,connectTimeout=10000,syncTimeout=20"),
            connectTimeout: .seconds(7),
            syncTimeout: .milliseconds(70)
        )
        #expect(explicit.connectTimeout == .seconds(10))
        #expect(explicit.syncTimeout == .milliseconds(20))
    }

    @Test func `TLS files take effect with ssl=true only`() throws {
        let plain = try RedisConfiguration(RedisConnectionString("h"), caFile: "/ca.crt")
        #expect(plain.tls == nil)
        let secure = try RedisConfiguration(RedisConnectionString("h,ssl=true,sslHost=n"), caFile: "/ca.crt")
        #expect(secure.tls == RedisTLSConfiguration(serverName: "n", caFile: "/ca.crt"))
    }

    @Test func `a database other than 0 makes no sense in a cluster`() throws {
        for (text, isAllowed) in [
            ("h,defaultDatabase=2", true), ("h1,h2,defaultDatabase=2", false), ("h1,h2,defaultDatabase=0", true),
            ("h1,h2,serviceName=m,defaultDatabase=2", true),
        ] {
            let configuration = try RedisConfiguration(RedisConnectionString(text))
            if isAllowed {
                _ = try RedisClient(configuration: configuration)
            } else {
                let error = #expect(throws: RedisError.self) { try RedisClient(configuration: configuration) }
                #expect(error?.description.contains("Redis Cluster") == true)
                #expect(error?.description.contains("defaultDatabase=2") == true)
            }
        }
    }

    @Test(arguments: [
        ("c.redis.cache.windows.net:6380,ssl=true", "10.1.2.3", "c.redis.cache.windows.net"),
        ("c.redis.cache.windows.net:6380,ssl=true", "2001:db8::1", "c.redis.cache.windows.net"),
        ("c.redis.cache.windows.net:6380,ssl=true", "node-1.example.com", nil),
        ("c.redis.cache.windows.net:6380,ssl=true,sslHost=other", "10.1.2.3", "other"),
        ("node1,node2,ssl=true", "10.1.2.3", nil),
        ("10.0.0.1,ssl=true", "10.1.2.3", nil),
    ])
    func `a node known by its address has the certificate of the one configured name`(
        text: String,
        node: String,
        name: String?
    ) throws {
        let configuration = try RedisConfiguration(RedisConnectionString(text))
        #expect(configuration.forNode(RedisEndpoint(host: node, port: 15_000)).tls?.serverName == name)
    }

    @Test func `values that make no sense are refused`() throws {
        let good = RedisConfiguration(endpoint: RedisEndpoint(host: "h"))
        var bad: [RedisConfiguration] = []
        func add(_ change: (inout RedisConfiguration) -> Void) {
            bad.append(good)
            change(&bad[bad.count - 1])
        }
        add { $0.endpoints = [] }
        add { $0.endpoints = [RedisEndpoint(host: "")] }
        add { $0.endpoints = [RedisEndpoint(host: "h", port: 0)] }
        add { $0.connectTimeout = .zero }
        add { $0.syncTimeout = .seconds(-1) }
        add { $0.defaultDatabase = -1 }
        add { $0.maximumReplySize = 0 }
        add { $0.clientName = "two words" }
        add { $0.minimumConnections = 0 }
        add { $0.maximumConnections = 0 }
        add {
            $0.minimumConnections = 3
            $0.maximumConnections = 2
        }
        add { $0.pipelineDepth = 0 }
        add { $0.serviceName = "" }
        for configuration in bad {
            let error = #expect(throws: RedisError.self) { try RedisClient(configuration: configuration) }
            guard case .invalidConfiguration = error else {
                Issue.record("\(configuration): \(String(describing: error))")
                continue
            }
        }
    }
}
