import JSON
import ScriptedServers

/// Writes one answer, up to where a fault ends it.
final class ResponseWriter {
    private let connection: ServerConnection
    private let ending: Fault.Ending?
    private var budget: Int
    private let fields: [String]

    /// `isLast` tells the client that the connection is used for nothing after this.
    init(_ connection: ServerConnection, cut: (bytes: Int, ending: Fault.Ending)?, isLast: Bool) {
        self.connection = connection
        budget = cut?.bytes ?? .max
        ending = cut?.ending
        fields = isLast ? ["Connection: close"] : []
    }

    /// An answer with a length.
    func send(_ status: Int, _ body: [UInt8], _ fields: [(name: String, value: String)] = []) throws {
        let isTruncated = ending == .truncation && budget < body.count
        try sendHead(status, fields, "Content-Length: \(isTruncated ? budget : body.count)")
        let part = body.prefix(budget)
        try connection.channel.write(Array(part))
        if part.count < body.count, !isTruncated { try endEarly() }
    }

    /// The head of an answer in pieces.
    func begin() throws {
        try sendHead(200, [], "Transfer-Encoding: chunked")
    }

    /// One piece; false when the body is over because a fault has ended it in form.
    func sendPiece(_ bytes: [UInt8]) throws -> Bool {
        let part = bytes.prefix(budget)
        budget -= part.count
        let isCut = part.count < bytes.count
        let announced = isCut && ending == .truncation ? part.count : bytes.count
        if announced > 0 {
            let isWhole = announced == part.count
            let head = Array("\(String(announced, radix: 16))\r\n".utf8)
            try connection.channel.write(head + part + (isWhole ? Array("\r\n".utf8) : []))
        }
        guard isCut else { return true }
        guard ending == .truncation else { try endEarly() }
        try finish()
        return false
    }

    func finish() throws { try connection.send("0\r\n\r\n") }

    private func sendHead(_ status: Int, _ fields: [(name: String, value: String)], _ framing: String) throws {
        var lines = ["HTTP/1.1 \(status) Status", "Content-Type: application/json", framing]
        lines += fields.map { "\($0.name): \($0.value)" } + self.fields
        try connection.send(lines.joined(separator: "\r\n") + "\r\n\r\n")
    }

    private func endEarly() throws -> Never {
        switch ending {
        case .reset: connection.socket.reset()
        case .silence: connection.awaitClose()
        default: break
        }
        throw ServerConnection.Closed()
    }
}
