import RedisClient
import Testing

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

    @Test(arguments: [
        ("node1,node2,node3", "Redis Cluster (3 endpoints"),
        ("sentinel1:26379,sentinel2:26379,serviceName=mymaster", "Redis Sentinel (serviceName=mymaster)"),
        ("sentinel1:26379,serviceName=mymaster", "Redis Sentinel"),
    ])
    func `Cluster and Sentinel are refused by name`(text: String, named: String) throws {
        let configuration = try RedisConfiguration(RedisConnectionString(text))
        let error = #expect(throws: RedisError.self) { try RedisClient(configuration: configuration) }
        guard case .unsupported = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(error?.description.contains(named) == true)
        #expect(error?.description.contains("not supported by this version") == true)
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
        for configuration in bad {
            let error = #expect(throws: RedisError.self) { try RedisClient(configuration: configuration) }
            guard case .invalidConfiguration = error else {
                Issue.record("\(configuration): \(String(describing: error))")
                continue
            }
        }
    }
}
