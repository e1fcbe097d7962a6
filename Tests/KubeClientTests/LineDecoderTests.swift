import Testing

@testable import KubeClient

@Suite struct LineDecoderTests {
    private let stream = Array("{\"a\":1}\n\n{\"b\":\"é\"}\r\n{\"c\":3}".utf8)

    private func lines(_ chunks: [ArraySlice<UInt8>]) throws -> [String] {
        var decoder = LineDecoder()
        var lines: [String] = []
        for chunk in chunks {
            try decoder.append(Array(chunk))
            while let line = decoder.next() { lines.append(String(decoding: line, as: UTF8.self)) }
        }
        if let rest = decoder.finish() { lines.append(String(decoding: rest, as: UTF8.self)) }
        return lines
    }

    @Test func `lines are the same wherever the stream is cut in two`() throws {
        let expected = try lines([stream[...]])
        #expect(expected == ["{\"a\":1}", "", "{\"b\":\"é\"}\r", "{\"c\":3}"])
        for cut in 0...stream.count { #expect(try lines([stream[..<cut], stream[cut...]]) == expected) }
    }

    @Test func `lines are the same when every byte comes alone`() throws {
        #expect(try lines(stream.indices.map { stream[$0...$0] }) == lines([stream[...]]))
    }

    @Test func `a line without an end is refused before it exhausts memory`() {
        #expect(throws: LineDecoder.LineTooLong.self) {
            var decoder = LineDecoder()
            for _ in 0...16 {
                try decoder.append([UInt8](repeating: 0x78, count: 1 << 20))
                _ = decoder.next()
            }
        }
    }
}
