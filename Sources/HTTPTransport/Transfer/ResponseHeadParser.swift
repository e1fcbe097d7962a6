/// Puts a response head together from the lines libcurl hands out one by one.
///
/// libcurl has checked their syntax. What is left are several heads in a row, of interim responses and redirects, and
/// trailers after the body.
struct ResponseHeadParser {
    /// The longest header block taken, in bytes. libcurl 7.88 has no limit; 300 KiB is what later versions have:
    /// curl, `lib/http.h`, `MAX_HTTP_RESP_HEADER_SIZE`.
    static let maximumBytes = 300 * 1024

    private enum State {
        /// Before a status line. Moves to `fields`.
        case start
        /// Within a block. Moves to `complete`, or to `start` after an interim response.
        case fields(ResponseHead, bytes: Int)
        /// After a block that is not interim. A new status line, after a redirect, moves to `fields`; trailers do not.
        case complete
    }

    enum Step: Equatable {
        case more
        /// The block is complete; an interim response (1xx) is not reported.
        case complete
        case tooLarge
        case malformed
    }

    private var state = State.start
    /// The last complete head.
    private(set) var head: ResponseHead?

    mutating func take(_ line: UnsafeRawBufferPointer) -> Step {
        switch state {
        case .start, .complete:
            guard line.starts(with: "HTTP/".utf8) else { return head == nil ? .malformed : .more }
            guard let head = Self.statusLine(line) else { return .malformed }
            state = .fields(head, bytes: line.count)
            return .more
        case .fields(var head, let bytes):
            guard bytes + line.count <= Self.maximumBytes else { return .tooLarge }
            let text = line.trimmingLineEnd
            guard !text.isEmpty else {
                let isInterim = (100..<200).contains(head.status)
                state = isInterim ? .start : .complete
                if !isInterim { self.head = head }
                return isInterim ? .more : .complete
            }
            // Let go of the copy in `state`, so that the fields grow in place.
            state = .start
            Self.appendField(text, to: &head)
            state = .fields(head, bytes: bytes + line.count)
            return .more
        }
    }

    /// `HTTP/1.1 200 OK` or, as libcurl writes it for HTTP/2, `HTTP/2 200`.
    private static func statusLine(_ line: UnsafeRawBufferPointer) -> ResponseHead? {
        let words = line.trimmingLineEnd.split(separator: UInt8(ascii: " "), maxSplits: 2)
        guard words.count >= 2,
            let version = HTTPVersion(rawValue: String(decoding: words[0], as: UTF8.self)),
            let status = Int(String(decoding: words[1], as: UTF8.self))
        else { return nil }
        return ResponseHead(version: version, status: status)
    }

    private static func appendField(_ text: Slice<UnsafeRawBufferPointer>, to head: inout ResponseHead) {
        if text.first?.isBlank == true {
            head.headers.continueLast(with: String(decoding: text.trimmingBlanks, as: UTF8.self))
        } else if let colon = text.firstIndex(of: UInt8(ascii: ":")) {
            let name = String(decoding: text[..<colon].trimmingBlanks, as: UTF8.self)
            let value = String(decoding: text[text.index(after: colon)...].trimmingBlanks, as: UTF8.self)
            head.headers.append(HTTPHeader(name, value))
        }
    }
}

extension UInt8 {
    /// A blank or a tab.
    var isBlank: Bool { self == UInt8(ascii: " ") || self == UInt8(ascii: "\t") }
}

extension UnsafeRawBufferPointer {
    fileprivate var trimmingLineEnd: Slice<UnsafeRawBufferPointer> {
        let end = lastIndex { $0 != UInt8(ascii: "\r") && $0 != UInt8(ascii: "\n") }
        return self[..<(end.map { $0 + 1 } ?? startIndex)]
    }
}

extension Slice<UnsafeRawBufferPointer> {
    fileprivate var trimmingBlanks: Self {
        guard let first = firstIndex(where: { !$0.isBlank }), let last = lastIndex(where: { !$0.isBlank }) else {
            return self[endIndex...]
        }
        return self[first...last]
    }
}
