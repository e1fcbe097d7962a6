import Glibc

/// A connection as its script sees it.
package final class ServerConnection {
    /// 0 for the first connection the server accepted.
    package let index: Int
    package let channel: any ByteChannel
    package let socket: Socket
    private var received: [UInt8] = []

    package init(index: Int, channel: any ByteChannel, socket: Socket) {
        self.index = index
        self.channel = channel
        self.socket = socket
    }

    package struct Closed: Error {
        package init() {}
    }

    /// A request with its body. Throws `Closed` when the client closes instead.
    package func readRequest() throws -> ReceivedRequest {
        let head = String(decoding: try read(through: Array("\r\n\r\n".utf8)), as: UTF8.self)
        var lines = head.split(separator: "\r\n", omittingEmptySubsequences: false).map(String.init)
        let requestLine = lines.removeFirst()
        var request = ReceivedRequest(line: requestLine, fields: lines.filter { !$0.isEmpty })
        if let length = request.value(of: "content-length").flatMap(Int.init) {
            request.body = try read(count: length)
        }
        return request
    }

    package func send(_ text: String) throws {
        try channel.write(Array(text.utf8))
    }

    /// A response with a length.
    package func respond(_ status: String = "200 OK", _ body: String = "", fields: [String] = []) throws {
        let lines = ["HTTP/1.1 \(status)", "Content-Length: \(body.utf8.count)"] + fields
        try send(lines.joined(separator: "\r\n") + "\r\n\r\n" + body)
    }

    /// One piece of a chunked body.
    package func sendChunk(_ text: String) throws {
        try send("\(String(text.utf8.count, radix: 16))\r\n\(text)\r\n")
    }

    /// Returns once the client has closed or reset the connection.
    package func awaitClose() {
        while let bytes = try? channel.read(upTo: 65536), !bytes.isEmpty {}
    }

    /// Where the passing of time is what is tested.
    package func pause(milliseconds: Int32) {
        poll(nil, 0, milliseconds)
    }

    package func read(count: Int) throws -> [UInt8] {
        while received.count < count { try fill() }
        defer { received.removeFirst(count) }
        return Array(received[..<count])
    }

    private func read(through end: [UInt8]) throws -> [UInt8] {
        while true {
            for start in received.indices.dropLast(end.count - 1)
            where received[start...].starts(with: end) {
                return try read(count: start + end.count)
            }
            try fill()
        }
    }

    private func fill() throws {
        let bytes = try channel.read(upTo: 65536)
        guard !bytes.isEmpty else { throw Closed() }
        received += bytes
    }
}

package struct ReceivedRequest: Sendable {
    /// Such as `GET / HTTP/1.1`.
    package let line: String
    /// Each as it came, such as `Accept: */*`.
    package let fields: [String]
    package var body: [UInt8] = []

    package init(line: String, fields: [String]) {
        self.line = line
        self.fields = fields
    }

    package var text: String { String(decoding: body, as: UTF8.self) }

    package func value(of name: String) -> String? {
        fields.first { $0.lowercased().hasPrefix(name.lowercased() + ":") }.map { field in
            String(field.dropFirst(name.count + 1).drop { $0 == " " })
        }
    }
}
