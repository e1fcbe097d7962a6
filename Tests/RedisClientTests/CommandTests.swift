import TestEnvironment
import Testing

@testable import RedisClient

@Suite struct CommandTests {
    private func wire(_ arguments: [RedisArgument]) throws -> [UInt8] {
        try CommandBytes(arguments).withBytes(Array.init)
    }

    @Test func `arguments go over the wire with their lengths, whatever their bytes`() throws {
        #expect(try wire(["PING"]) == Array("*1\r\n$4\r\nPING\r\n".utf8))
        #expect(
            try wire(["SET", RedisArgument([0, 13, 10, 255]), "ä", 17, ""])
                == Array("*5\r\n$3\r\nSET\r\n$4\r\n".utf8) + [0, 13, 10, 255]
                + Array("\r\n$2\r\nä\r\n$2\r\n17\r\n$0\r\n\r\n".utf8)
        )
        #expect(try wire(["MSET"] + (0..<2000).map { RedisArgument($0) }).starts(with: Array("*2001\r\n".utf8)))
    }

    @Test func `an error text knows the name and nothing else`() throws {
        let command = PendingCommand(try CommandBytes(["set", "key", "hunter2"]), deadline: .now)
        #expect(command.name == "SET")
        #expect("\(RedisArgument("hunter2"))" == "7 bytes")
    }

    @Test(arguments: [
        ["SUBSCRIBE", "c"], ["monitor"], ["MULTI"], ["Exec"], ["WATCH", "k"], ["BLPOP", "k", "0"], ["SELECT", "1"],
        ["AUTH", "hunter2"], ["HELLO", "3"], ["QUIT"], ["CLIENT", "REPLY", "OFF"],
        ["XREAD", "BLOCK", "0", "STREAMS", "s", "$"],
    ])
    func `what would harm a shared connection is refused, even for administrators`(words: [String]) {
        let error = #expect(throws: RedisError.self) {
            try CommandRules.check(words.map { RedisArgument($0) }, allowAdmin: true)
        }
        guard case .refused = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(error?.description.contains("hunter2") == false)
        #expect(error?.mayHaveBeenExecuted == false)
    }

    @Test(arguments: [
        ["FLUSHALL"], ["flushdb"], ["CONFIG", "GET", "*"], ["KEYS", "*"], ["SHUTDOWN"], ["CLIENT", "KILL", "x"],
        ["SAVE"],
    ])
    func `administrative commands need allowAdmin`(words: [String]) throws {
        let arguments = words.map { RedisArgument($0) }
        let error = #expect(throws: RedisError.self) { try CommandRules.check(arguments, allowAdmin: false) }
        #expect(error?.description.contains("allowAdmin=true") == true)
        try CommandRules.check(arguments, allowAdmin: true)
    }

    @Test(arguments: [
        ["GET", "k"], ["SET", "MULTI", "v"], ["CLIENT", "LIST"], ["XREAD", "COUNT", "1", "STREAMS", "block", "0"],
        ["SCAN", "0"],
        ["INFO"], ["EVALSHA", "x", "0"],
    ])
    func `anything else is sent`(words: [String]) throws {
        try CommandRules.check(words.map { RedisArgument($0) }, allowAdmin: false)
    }

    @Test func `a script is known by the SHA-1 of its text`() {
        // echo -n 'return 1' | sha1sum
        #expect(RedisScript("return 1").sha1 == "e0e1f9fabfc9d4800c877a703b823ac0578ff8db")
        #expect(RedisScript("").sha1 == "da39a3ee5e6b4b0d3255bfef95601890afd80709")
    }

    @Test func `delays double up to the cap and are spread`() {
        var delay = ReconnectDelay()
        var generator = SystemRandomNumberGenerator()
        for longest in [50, 100, 200, 400, 800, 1600, 3200, 5000, 5000] {
            let next = delay.next(using: &generator)
            #expect(next <= .milliseconds(longest))
            #expect(next >= .milliseconds(longest / 2))
        }
        delay.reset()
        #expect(delay.next(using: &generator) <= .milliseconds(50))
    }

    @Test func `a failure never reads like success`() {
        let endpoint = RedisEndpoint(host: "127.0.0.1")
        for wasEstablished in [true, false] {
            let failure = RedisConnectionFailure(
                .network,
                endpoint,
                wasEstablished: wasEstablished,
                "\(SystemError("send", 107)) and disconnected"
            )
            #expect(!"\(failure)".contains("connected"))
            #expect("\(failure)".hasPrefix("Redis connection failed: RedisConnectionException: "))
        }
    }
}
