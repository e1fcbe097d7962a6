import RedisClient
import Testing

@Suite struct RedisConnectionStringTests {
    @Test(arguments: [
        ("localhost:6379", "localhost", 6379, false),
        ("localhost", "localhost", 6379, false),
        ("localhost,ssl=true", "localhost", 6380, true),
        ("localhost:6379,ssl=false,abortConnect=false", "localhost", 6379, false),
        (" redis.example.com : 7000 , SSL = True ", "redis.example.com", 7000, true),
        (
            "name.redis.cache.windows.net:6380,password=k,ssl=True,abortConnect=False", "name.redis.cache.windows.net",
            6380, true
        ),
        (
            "m.abc.0001.euw1.cache.amazonaws.com:6379,ssl=true,password=t", "m.abc.0001.euw1.cache.amazonaws.com", 6379,
            true
        ),
        ("10.0.0.3", "10.0.0.3", 6379, false),
        ("[::1]:7000", "::1", 7000, false),
        ("[::1]", "::1", 6379, false),
        ("fe80::1", "fe80::1", 6379, false),
        ("honua_redis_1:6379", "honua_redis_1", 6379, false),
        ("redis://cache:7001", "cache", 7001, false),
        ("redis://cache", "cache", 6379, false),
        ("rediss://cache", "cache", 6380, true),
        ("REDISS://cache/", "cache", 6380, true),
        ("redis://[2001:db8::7]:7001/3", "2001:db8::7", 7001, false),
        ("redis://cache?ssl=true", "cache", 6380, true),
    ])
    func `one endpoint, its default port, and TLS`(text: String, host: String, port: Int, ssl: Bool) throws {
        let string = try RedisConnectionString(text)
        #expect(string.endpoints == [RedisEndpoint(host: host, port: port)])
        #expect(string.ssl == ssl)
        #expect(string.warnings.isEmpty)
    }

    @Test func `what is not said has the documented default`() throws {
        let string = try RedisConnectionString("localhost")
        #expect(string.abortConnect)
        #expect(!string.ssl && !string.allowAdmin)
        #expect(string.user == nil && string.password == nil && string.sslHost == nil && string.serviceName == nil)
        let configuration = RedisConfiguration(string)
        #expect(configuration.connectTimeout == .seconds(5))
        #expect(configuration.syncTimeout == .seconds(1))
        #expect(configuration.connectRetry == 3)
        #expect(configuration.keepAlive == .seconds(60))
        #expect(configuration.defaultDatabase == 0)
        #expect(configuration.clientName == "honua-operator")
        #expect(configuration.maximumReplySize == 67_108_864)
        #expect(configuration.tls == nil)
    }

    @Test func `every option is read, in any case of its name`() throws {
        let string = try RedisConnectionString(
            "h:1, USER = ops ,Password=pw,ssl=yes,SslHost=redis.local,abortconnect=FALSE,"
                + "ConnectTimeout=10000,synctimeout=250,connectRetry=5,keepAlive=30,serviceName=mymaster,defaultDatabase=2,"
                + "allowAdmin=true,SentinelUser=watch,sentinelpassword=spw"
        )
        #expect(string.user == "ops")
        #expect(string.password == "pw")
        #expect(string.ssl)
        #expect(string.sslHost == "redis.local")
        #expect(!string.abortConnect)
        #expect(string.connectTimeout == .seconds(10))
        #expect(string.syncTimeout == .milliseconds(250))
        #expect(string.connectRetry == 5)
        #expect(string.keepAlive == .seconds(30))
        #expect(string.serviceName == "mymaster")
        #expect(string.sentinelUser == "watch")
        #expect(string.sentinelPassword == "spw")
        #expect(string.defaultDatabase == 2)
        #expect(string.allowAdmin)
        #expect(string.warnings.isEmpty)
    }

    @Test(arguments: [
        ("h,password=abc=", "abc="),
        ("h,password==a==b=", "=a==b="),
        ("h,password=a b,ssl=true", "a b"),
        ("h,password= padded ", "padded"),
        ("h,password=a@b:c/d?e#f", "a@b:c/d?e#f"),
        ("redis://:p%40ss%2C%2f@h", "p@ss,/"),
        ("redis://ops:se:cret@h:1", "se:cret"),
        ("redis://ops:a@b@h:1", "a@b"),
        ("redis://token@h", "token"),
        ("redis://ops:%C3%A4@h", "ä"),
        ("redis://h?password=a%26b%3D", "a&b="),
    ])
    func `a password keeps its special characters`(text: String, password: String) throws {
        #expect(try RedisConnectionString(text).password == RedisSecret(password))
    }

    @Test(arguments: ["h,password=", "redis://h", "redis://@h", "redis://:@h", "redis://ops:@h"])
    func `an empty password is none`(text: String) throws {
        #expect(try RedisConnectionString(text).password == nil)
    }

    @Test func `a URL has user, password, database and options`() throws {
        let string = try RedisConnectionString("rediss://ops%2B1:pw@h:1/4?connectTimeout=700&sslHost=redis.local")
        #expect(string.user == "ops+1")
        #expect(string.password == "pw")
        #expect(string.defaultDatabase == 4)
        #expect(string.connectTimeout == .milliseconds(700))
        #expect(string.sslHost == "redis.local")
    }

    @Test func `several endpoints are a list, in either form`() throws {
        let nodes = (1...3).map { RedisEndpoint(host: "node\($0)", port: 6379) }
        #expect(try RedisConnectionString("node1:6379,node2:6379,node3:6379,password=x,ssl=true").endpoints == nodes)
        #expect(try RedisConnectionString("redis://:x@node1:6379,node2,node3:6379").endpoints == nodes)
        #expect(try RedisConnectionString("node1,,node2,").endpoints == Array(nodes.prefix(2)))
    }

    @Test(arguments: [
        ("h,tiebreaker=x", "tiebreaker"), ("h,resolveDns=true,ssl=true", "resolveDns"),
        ("redis://h?family=6", "family"),
    ])
    func `an unknown option is named in a warning and ignored`(text: String, name: String) throws {
        let warnings = try RedisConnectionString(text).warnings
        #expect(warnings.count == 1)
        #expect(warnings.first?.contains("\"\(name)\"") == true)
    }

    @Test(arguments: ["h,k3y/Ab==x", "h,Zm9v+=x", "redis://h?a1=b"])
    func `an unknown option that may be a piece of a key is not named`(text: String) throws {
        let warnings = try RedisConnectionString(text).warnings
        #expect(warnings.count == 1)
        #expect(warnings.first?.contains("not shown") == true)
    }

    /// A mixed generator (SplitMix64), so that a failure can be repeated.
    private struct Mutations: RandomNumberGenerator {
        var state: UInt64

        mutating func next() -> UInt64 {
            state &+= 0x9E37_79B9_7F4A_7C15
            var mixed = state
            mixed = (mixed ^ mixed >> 30) &* 0xBF58_476D_1CE4_E5B9
            mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
            return mixed ^ mixed >> 31
        }
    }

    @Test func `whatever happens to a string, it is read or refused, and the error does not tell the password`() {
        let originals = [
            "redis.example.com:6380,password=S3cr3tKey=,ssl=true,abortConnect=false,connectTimeout=5000",
            "node1:6379,node2:6379,[::1]:7000,user=ops,password=S3cr3tKey,serviceName=m,sentinelPassword=S3cr3tKey",
            "rediss://ops:S3cr3tKey@redis.example.com:6380/2?connectTimeout=700&sslHost=redis.local",
            "redis://:S3cr3tKey@node1,node2:7000?keepAlive=30&allowAdmin=true",
        ]
        let pieces = [
            ",", "=", "@", ":", "/", "?", "#", "%", "[", "]", " ", "&", "\u{0}", "ä", "%zz", "redis://", "-1", "🔑",
        ]
        var generator = Mutations(state: 20_261_121)
        var read = 0
        for round in 0..<10_000 {
            var text = Array(originals[round % originals.count])
            for _ in 0..<Int.random(in: 1...4, using: &generator) {
                let place = Int.random(in: 0...text.count, using: &generator)
                switch Int.random(in: 0..<3, using: &generator) {
                case 0: text.insert(contentsOf: pieces.randomElement(using: &generator) ?? "", at: place)
                case 1 where place < text.count: text.remove(at: place)
                default: text.swapAt(place % text.count, Int.random(in: 0..<text.count, using: &generator))
                }
            }
            do throws(RedisConfigurationError) {
                let string = try RedisConnectionString(String(text))
                read += 1
                for warning in string.warnings { #expect(!warning.contains("S3cr3tKey"), "\(String(text))") }
            } catch {
                #expect(!error.description.contains("S3cr3tKey"), "\(String(text))")
                #expect(!error.problem.isEmpty)
            }
        }
        #expect((1000..<9000).contains(read))
    }

    @Test func `an option given twice counts the last time, with a warning`() throws {
        let string = try RedisConnectionString("h,ssl=true,ssl=false")
        #expect(!string.ssl)
        #expect(string.warnings == ["The Redis connection string has ssl twice; the last one counts."])
    }

    @Test(arguments: [
        ("", "endpoint"),
        ("   ", "endpoint"),
        (",,", "endpoint"),
        ("password=hunter2", "endpoint"),
        ("h:", "endpoint"),
        ("h:0", "endpoint"),
        ("h:65536", "endpoint"),
        ("h:hunter2", "endpoint"),
        (":6379", "endpoint"),
        ("[::1", "endpoint"),
        ("[::1]7", "endpoint"),
        ("ops:hunter2@h:6379", "endpoint"),
        ("un ix/hunter2", "endpoint"),
        ("h,ssl", "ssl"),
        ("h,ssl=maybe", "ssl"),
        ("h,abortConnect=hunter2", "abortConnect"),
        ("h,allowAdmin=", "allowAdmin"),
        ("h,connectTimeout=5s", "connectTimeout"),
        ("h,connectTimeout=0", "connectTimeout"),
        ("h,syncTimeout=-1", "syncTimeout"),
        ("h,connectRetry=often", "connectRetry"),
        ("h,keepAlive=-2", "keepAlive"),
        ("h,defaultDatabase=-1", "defaultDatabase"),
        ("h,defaultDatabase=99999999999999999999", "defaultDatabase"),
        ("h,password=hun,ter2", "password"),
        ("h,password=hun,ter2:x", "password"),
        ("http://h", "URL"),
        ("redis://", "endpoint"),
        ("redis://h/abc", "defaultDatabase"),
        ("redis://h/1/2", "defaultDatabase"),
        ("redis://h#x", "URL"),
        ("redis://:hun/ter2@h", "URL"),
        ("redis://:12?hunter2@h", "URL"),
        ("redis://:hunter2#@h", "URL"),
        ("redis://ops:hunter2%@h", "password"),
        ("redis://ops:hunter2%zz@h", "password"),
        ("redis://ops:hunter2%ff@h", "password"),
        ("rediss://h?ssl=false", "ssl"),
        ("redis://h1:hunter2,h2", "endpoint"),
    ])
    func `what cannot be right is an error that names the option and repeats nothing`(text: String, option: String) {
        let error = #expect(throws: RedisConfigurationError.self) { try RedisConnectionString(text) }
        #expect(error?.option == option)
        #expect(error?.description.contains("hunter2") == false)
        #expect(error?.description.contains("ter2") == false)
    }

    @Test(arguments: [
        ("h:6379,password=hun,ter2=x", "ter2"),
        ("h:6379,password=hun,ter2=x,ssl=true", "ter2"),
        ("h:6379,password=hunter2", "hunter2"),
        ("h:6379,serviceName=m,password=x,sentinelPassword=hunter2", "hunter2"),
        ("h:6379,password=x,sentinelPassword=hun,ter2=x", "ter2"),
        ("redis://ops:hunter2@h:6379/1", "hunter2"),
    ])
    func `no piece of a password is printed`(text: String, piece: String) throws {
        let string = try RedisConnectionString(text)
        let configuration = RedisConfiguration(string)
        var dumped = ""
        dump(string, to: &dumped)
        dump(configuration, to: &dumped)
        let printed = [
            "\(string)", String(reflecting: string), "\(configuration)", String(reflecting: configuration), dumped,
        ]
        for text in printed + string.warnings { #expect(!text.contains(piece)) }
        #expect("\(string)".contains("password=***"))
        #expect("\(configuration)".contains("password=***"))
    }

    @Test func `the description can be read again`() throws {
        let text =
            "h:1,user=ops,ssl=true,sslHost=n,abortConnect=false,connectTimeout=700,syncTimeout=5,"
            + "connectRetry=2,keepAlive=9,serviceName=m,defaultDatabase=3,allowAdmin=true"
        let string = try RedisConnectionString(text)
        #expect(try RedisConnectionString(string.description) == string)
    }
}
