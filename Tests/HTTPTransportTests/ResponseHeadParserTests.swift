import Testing

@testable import HTTPTransport

struct ResponseHeadParserTests {
    /// Feeds lines, each with its line end, and returns the steps.
    func steps(_ parser: inout ResponseHeadParser, _ lines: String...) -> [ResponseHeadParser.Step] {
        lines.map { line in Array((line + "\r\n").utf8).withUnsafeBytes { parser.take($0) } }
    }

    @Test func `a block is complete with its empty line`() {
        var parser = ResponseHeadParser()
        #expect(steps(&parser, "HTTP/1.1 200 OK", "A: 1", "b:2", "") == [.more, .more, .more, .complete])
        #expect(parser.head?.status == 200)
        #expect(parser.head?.version == .http1_1)
        #expect(parser.head?.headers == ["A": "1", "b": "2"])
    }

    @Test(arguments: [
        ("HTTP/1.0 404 Not Found", HTTPVersion.http1_0, 404), ("HTTP/1.1 500", .http1_1, 500),
        ("HTTP/2 204 ", .http2, 204),
    ])
    func `status lines of all versions`(line: String, version: HTTPVersion, status: Int) {
        var parser = ResponseHeadParser()
        #expect(steps(&parser, line, "") == [.more, .complete])
        #expect(parser.head?.version == version)
        #expect(parser.head?.status == status)
    }

    @Test func `interim heads are skipped`() {
        var parser = ResponseHeadParser()
        #expect(steps(&parser, "HTTP/1.1 100 Continue", "") == [.more, .more])
        #expect(parser.head == nil)
        #expect(steps(&parser, "HTTP/1.1 200 OK", "") == [.more, .complete])
        #expect(parser.head?.status == 200)
    }

    @Test func `a later head replaces an earlier one`() {
        var parser = ResponseHeadParser()
        _ = steps(&parser, "HTTP/1.1 302 Found", "Location: /a", "")
        #expect(steps(&parser, "HTTP/1.1 200 OK", "A: 1", "") == [.more, .more, .complete])
        #expect(parser.head?.headers == ["A": "1"])
    }

    @Test func `trailers are dropped`() {
        var parser = ResponseHeadParser()
        _ = steps(&parser, "HTTP/1.1 200 OK", "A: 1", "")
        #expect(steps(&parser, "B: 2", "") == [.more, .more])
        #expect(parser.head?.headers == ["A": "1"])
    }

    @Test func `folded lines continue a value, blanks around values go`() {
        var parser = ResponseHeadParser()
        _ = steps(&parser, "HTTP/1.1 200 OK", "A: \t one \t", "\t two ", "B:", "C:   ", "")
        #expect(parser.head?.headers == ["A": "one two", "B": "", "C": ""])
    }

    @Test(arguments: ["ICY 200 OK", "HTTP/1.1", "HTTP/9 200", "HTTP/1.1 abc", ""])
    func `what is no status line is malformed`(line: String) {
        var parser = ResponseHeadParser()
        #expect(steps(&parser, line) == [.malformed])
    }

    @Test func `a block may have 300 KiB and no more`() {
        var parser = ResponseHeadParser()
        let line = "X: " + String(repeating: "x", count: 1024 - 5)
        _ = steps(&parser, "HTTP/1.1 200 OK")
        for _ in 0..<299 { #expect(steps(&parser, line) == [.more]) }
        #expect(steps(&parser, line) == [.tooLarge])
    }

    @Test func `names are looked up in any case and set replaces all`() {
        var headers: HTTPHeaders = ["A": "1", "a": "2", "B": "3"]
        #expect(headers["a"] == "1")
        #expect(headers.values(of: "A") == ["1", "2"])
        #expect(headers.contains("b"))
        #expect(!headers.contains("c"))
        headers.set("A", "4")
        #expect(headers == ["B": "3", "A": "4"])
        headers.append(HTTPHeader("B", "5"))
        #expect(headers.values(of: "b") == ["3", "5"])
        // Only ASCII letters have two cases: K is not the Kelvin sign.
        #expect(!headers.contains("\u{212A}"))
    }
}
