import Testing

@testable import RedisClient

@Suite struct ReplyReaderTests {
    private static let stream = [
        "+OK\r\n", "-WRONGTYPE not that\r\n", ":-42\r\n", "$5\r\na\r\n\0b\r\n", "$0\r\n\r\n", "$-1\r\n", "*-1\r\n",
        "*0\r\n",
        "*4\r\n:1\r\n*2\r\n$1\r\nx\r\n$-1\r\n-ERR inner\r\n+fine\r\n", ":9223372036854775807\r\n",
    ].joined()

    private static let replies: [RedisValue] = [
        .status("OK"), .error(RedisReplyError("WRONGTYPE not that")), .integer(-42), .string(Array("a\r\n\0b".utf8)),
        .string([]), .null, .null, .array([]),
        .array([
            .integer(1), .array([.string(Array("x".utf8)), .null]), .error(RedisReplyError("ERR inner")),
            .status("fine"),
        ]),
        .integer(.max),
    ]

    private func read(_ chunks: [[UInt8]], maximumReplySize: Int = 1 << 20) throws(ReplyReader.Failure) -> [RedisValue]
    {
        var reader = try ReplyReader(maximumReplySize: maximumReplySize)
        var values: [RedisValue] = []
        for chunk in chunks {
            let result = chunk.withUnsafeBytes { bytes in
                Result { () throws(ReplyReader.Failure) in try reader.read(bytes) { values.append($0) } }
            }
            try result.get()
        }
        return values
    }

    @Test func `replies cut at any byte come out whole and in order`() throws {
        let bytes = Array(Self.stream.utf8)
        for cut in 0...bytes.count {
            #expect(try read([Array(bytes[..<cut]), Array(bytes[cut...])]) == Self.replies)
        }
        #expect(try read(bytes.map { [$0] }) == Self.replies)
    }

    @Test func `each byte may be the last one so far`() throws {
        // Two cuts, so that every piece of the middle arrives alone too.
        let bytes = Array("*2\r\n$3\r\nabc\r\n:7\r\n".utf8)
        for first in 0...bytes.count {
            for second in first...bytes.count {
                let chunks = [Array(bytes[..<first]), Array(bytes[first..<second]), Array(bytes[second...])]
                #expect(try read(chunks) == [.array([.string(Array("abc".utf8)), .integer(7)])])
            }
        }
    }

    @Test func `a reply of many portions is one value`() throws {
        let payload = [UInt8](repeating: 0xFF, count: 5 * ReplyReader.portion + 3)
        let bytes = Array("$\(payload.count)\r\n".utf8) + payload + Array("\r\n:1\r\n".utf8)
        #expect(try read([bytes]) == [.string(payload), .integer(1)])
    }

    @Test(arguments: [
        "hello\r\n", "\u{15}\u{3}\u{3}", ":x\r\n", "$-7\r\n", "$zz\r\n", "*x\r\n", ">1\r\n+x\r\n", "%1\r\n+a\r\n+b\r\n",
        "*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n:1\r\n",
    ])
    func `what no RESP2 server sends is an error`(text: String) {
        #expect(throws: ReplyReader.Failure.self) { try read([Array(text.utf8)]) }
    }

    @Test func `replies before the nonsense are handed out`() throws {
        var reader = try ReplyReader(maximumReplySize: 100)
        var values: [RedisValue] = []
        let result = Array("+OK\r\n:1\r\n?".utf8).withUnsafeBytes { bytes in
            Result { () throws(ReplyReader.Failure) in try reader.read(bytes) { values.append($0) } }
        }
        #expect(throws: ReplyReader.Failure.self) { try result.get() }
        #expect(values == [.status("OK"), .integer(1)])
    }

    @Test func `one reply may not be larger than allowed, many together may`() throws {
        let limit = 4 * ReplyReader.portion
        let half = [UInt8](repeating: 1, count: limit / 2)
        let halfReply = Array("$\(half.count)\r\n".utf8) + half + Array("\r\n".utf8)
        #expect(try read([halfReply + halfReply + halfReply], maximumReplySize: limit).count == 3)
        let large = Array("$\(2 * limit)\r\n".utf8) + half + half + half
        let error = #expect(throws: ReplyReader.Failure.self) { try read([large], maximumReplySize: limit) }
        #expect(error?.detail.contains("larger than \(limit) bytes") == true)
        // In pieces of an array, each of them small.
        let element = Array("$4\r\nabcd\r\n".utf8)
        let elements = Array("*\(limit / 5)\r\n".utf8) + Array(repeatElement(element, count: limit / 5).joined())
        #expect(throws: ReplyReader.Failure.self) { try read([elements], maximumReplySize: limit) }
    }

    @Test func `an array header alone reserves no memory beyond the limit`() {
        let error = #expect(throws: ReplyReader.Failure.self) {
            try read([Array("*2147483647\r\n".utf8)], maximumReplySize: 1000)
        }
        #expect(error?.detail.contains("longer than 250 elements") == true)
    }

    @Test func `the arguments Redis quotes back are not repeated`() {
        let error = RedisReplyError("ERR unknown command 'FOO', with args beginning with: 'hunter2' ")
        #expect(error.message == "ERR unknown command 'FOO'")
        #expect(error.code == "ERR")
    }
}
