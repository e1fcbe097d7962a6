import HTTPTransport
import ScriptedServers
import Testing

@Suite(.timeLimit(.minutes(4)))
struct CompressionTests {
    /// 100,000 times the letter a, by `gzip`.
    private static let compressed = bytes(
        """
        1f8b0800000000000203edc13101000000c2a0aceb5fc21a1e4001000000000000000000000000000000000000000000
        000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000
        000000000000000000000000000000000000000000000000000000af0687fae21ba0860100
        """
    )

    private static func bytes(_ hexadecimal: String) -> [UInt8] {
        let digits = hexadecimal.compactMap(\.hexDigitValue)
        return stride(from: 0, to: digits.count, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) }
    }

    /// Answers with the compressed text to those who take it, and with `plain` to others.
    private func server() throws -> ScriptedServer {
        try ScriptedServer { connection in
            while true {
                guard try connection.readRequest().value(of: "accept-encoding") == "gzip" else {
                    try connection.respond("200 OK", "plain")
                    continue
                }
                let length = "Content-Length: \(Self.compressed.count)"
                try connection.send("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\(length)\r\n\r\n")
                try connection.channel.write(Self.compressed)
            }
        }
    }

    @Test func `a compressed body arrives as it was before`() async throws {
        let server = try server()
        let response = try await HTTPTransport().send(HTTPRequest(url: server.url(), acceptsCompression: true))
        #expect(response.body == [UInt8](repeating: UInt8(ascii: "a"), count: 100_000))
    }

    @Test func `compression is asked for only when it is accepted`() async throws {
        let server = try server()
        #expect(try await HTTPTransport().send(HTTPRequest(url: server.url())).body == Array("plain".utf8))
    }

    @Test func `a compressed stream arrives as it was before`() async throws {
        let server = try server()
        let transport = try HTTPTransport()
        let stream = try await transport.stream(HTTPRequest(url: server.url(), acceptsCompression: true))
        #expect(try await stream.body.collect(upTo: 100_000).count == 100_000)
    }

    @Test func `the limit of a body is that of what it becomes`() async throws {
        let server = try server()
        let transport = try HTTPTransport()
        let request = HTTPRequest(url: server.url(), maximumResponseBytes: 99_999, acceptsCompression: true)
        let error = await transferError { () throws(TransferError) in try await transport.send(request) }
        #expect(error?.code == .bodyTooLarge)
    }
}
