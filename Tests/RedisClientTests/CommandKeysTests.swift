import Testing

@testable import RedisClient

@Suite struct CommandKeysTests {
    // From the cluster specification and `CLUSTER KEYSLOT`.
    @Test(arguments: [
        ("123456789", 12739), ("foo", 12182), ("bar", 5061), ("", 0), ("{user1000}.following", 3443),
        ("{user1000}.followers", 3443), ("user1000", 3443),
    ])
    func `a key has the slot the specification says`(key: String, slot: Int) {
        #expect(HashSlot.of(RedisArgument(key)) == slot)
    }

    @Test func `only a tag that is not empty counts, and only the first`() {
        #expect(HashSlot.crc16(Array("123456789".utf8)) == 0x31C3)
        func slot(_ key: String) -> Int { HashSlot.of(RedisArgument(key)) }
        func whole(_ key: String) -> Int { Int(HashSlot.crc16(Array(key.utf8))) % 16_384 }
        #expect(slot("foo{}{bar}") == whole("foo{}{bar}"))
        #expect(slot("foo{{bar}}zap") == whole("{bar"))
        #expect(slot("foo{bar}{zap}") == whole("bar"))
        #expect(slot("foo{bar") == whole("foo{bar"))
        #expect(slot("foo}bar{") == whole("foo}bar{"))
    }

    @Test(arguments: [
        ["GET", "k"], ["set", "k", "v"], ["EVAL", "return 1", "1", "k", "other"],
        ["EVALSHA", "x", "2", "{k}a", "{k}b"],
        ["MSET", "{k}1", "a", "{k}2", "b"], ["DEL", "k", "{k}"],
        ["XREAD", "COUNT", "1", "STREAMS", "k", "{k}2", "0", "0"],
        ["OBJECT", "ENCODING", "k"], ["BITOP", "AND", "k", "{k}1"], ["ZUNIONSTORE", "k", "2", "{k}a", "{k}b"],
        ["ZUNION", "2", "{k}a", "k", "WEIGHTS", "1", "2"], ["RENAME", "k", "{k}x"],
        ["XGROUP", "CREATE", "k", "g", "$"],
        ["XREADGROUP", "GROUP", "g", "c", "STREAMS", "k", ">"], ["FUTURE.COMMAND", "k", "x"], ["HSET", "k", "f", "v"],
    ])
    func `the keys of a command are found`(words: [String]) throws {
        let placement = try CommandKeys.placement(of: words.map { RedisArgument($0) })
        #expect(placement == .slot(HashSlot.of("k")))
    }

    @Test(arguments: [
        ["PING"], ["INFO", "server"], ["SCRIPT", "LOAD", "x"], ["DBSIZE"], ["TIME"], ["CLUSTER", "SLOTS"],
        ["EVAL", "return 1", "0"], ["UNKNOWN"], ["EVAL", "return 1", "many"], ["EVALSHA"], ["EVAL", "x", "-1"],
        ["EVAL", "x", "99999999999999999999"], ["XREAD", "COUNT", "1"], ["MEMORY"],
    ])
    func `what has no key goes to any master`(words: [String]) throws {
        #expect(try CommandKeys.placement(of: words.map { RedisArgument($0) }) == .anyMaster)
    }

    @Test(arguments: [
        ["MGET", "a", "b"], ["DEL", "a", "b"], ["MSET", "a", "1", "b", "2"], ["RENAME", "a", "b"],
        ["EVAL", "x", "2", "a", "b"], ["SUNIONSTORE", "a", "b", "c"], ["XREAD", "STREAMS", "a", "b", "0", "0"],
    ])
    func `keys of several slots are refused`(words: [String]) {
        let error = #expect(throws: RedisError.self) {
            try CommandKeys.placement(of: words.map { RedisArgument($0) })
        }
        #expect(error?.description.contains("\(words[0]) was not sent: its keys lie in different slots") == true)
    }

    @Test(arguments: [
        ("MOVED 3999 127.0.0.1:6381", Redirection.moved(slot: 3999, RedisEndpoint(host: "127.0.0.1", port: 6381))),
        ("MOVED 3999 :6381", .moved(slot: 3999, RedisEndpoint(host: "asked", port: 6381))),
        ("MOVED 3999 ?:6381", .moved(slot: 3999, RedisEndpoint(host: "asked", port: 6381))),
        ("ASK 1 2001:db8::1:7000", .ask(RedisEndpoint(host: "2001:db8::1", port: 7000))),
        ("ASK 1 host.name:7000", .ask(RedisEndpoint(host: "host.name", port: 7000))),
        ("TRYAGAIN later", .tryAgain), ("CLUSTERDOWN it is", .lost), ("READONLY no", .readOnly),
        ("MOVED", nil), ("MOVED x h:1", nil), ("MOVED 16384 h:1", nil), ("MOVED 1 h:0", nil), ("ASK 1 h", nil),
        ("ERR MOVED 1 h:1", nil), ("WRONGTYPE no", nil),
    ])
    func `a redirection is read, and nothing else taken for one`(text: String, redirection: Redirection?) {
        #expect(Redirection(RedisReplyError(text), from: RedisEndpoint(host: "asked")) == redirection)
    }
}
