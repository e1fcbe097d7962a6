import Glibc

/// A connection as its script sees it.
final class ServerConnection {
    /// 0 for the first connection the server accepted.
    let index: Int
    let channel: any ByteChannel
    let socket: Socket
    private var received: [UInt8] = []

    init(index: Int, channel: any ByteChannel, socket: Socket) {
        self.index = index
        self.channel = channel
        self.socket = socket
    }

    struct Closed: Error {}

    /// A request with its body. Throws `Closed` when the client closes instead.
    func readRequest() throws -> ReceivedRequest {
        let head = String(decoding: try read(through: Array("\r\n\r\n".utf8)), as: UTF8.self)
        var lines = head.split(separator: "\r\n", omittingEmptySubsequences: false).map(String.init)
        let requestLine = lines.removeFirst()
        var request = ReceivedRequest(line: requestLine, fields: lines.filter { !$0.isEmpty })
        if let length = request.value(of: "content-length").flatMap(Int.init) {
            request.body = try read(count: length)
        }
        return request
    }

    func send(_ text: String) throws {
        try channel.write(Array(text.utf8))
    }

    /// A response with a length.
    func respond(_ status: String = "200 OK", _ body: String = "", fields: [String] = []) throws {
        let lines = ["HTTP/1.1 \(status)", "Content-Length: \(body.utf8.count)"] + fields
        try send(lines.joined(separator: "\r\n") + "\r\n\r\n" + body)
    }

    /// One piece of a chunked body.
    func sendChunk(_ text: String) throws {
        try send("\(String(text.utf8.count, radix: 16))\r\n\(text)\r\n")
    }

    /// Returns once the client has closed or reset the connection.
    func awaitClose() {
        while let bytes = try? channel.read(upTo: 65536), !bytes.isEmpty {}
    }

    /// Where the passing of time is what is tested.
    func pause(milliseconds: Int32) {
        poll(nil, 0, milliseconds)
    }

    func read(count: Int) throws -> [UInt8] {
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

struct ReceivedRequest: Sendable {
    /// Such as `GET / HTTP/1.1`.
    let line: String
    /// Each as it came, such as `Accept: */*`.
    let fields: [String]
    var body: [UInt8] = []

    init(line: String, fields: [String]) {
        self.line = line
        self.fields = fields
    }

    var text: String { String(decoding: body, as: UTF8.self) }

    func value(of name: String) -> String? {
        fields.first { $0.lowercased().hasPrefix(name.lowercased() + ":") }.map { field in
            String(field.dropFirst(name.count + 1).drop { $0 == " " })
        }
    }
}
