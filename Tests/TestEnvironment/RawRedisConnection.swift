import Foundation

/// What a server answered.
public indirect enum RawRedisReply: Sendable, Hashable {
    case text(String)
    case integer(Int)
    case null
    case list([RawRedisReply])

    /// A text or the digits of a number; empty for anything else.
    public var text: String {
        switch self {
        case .text(let text): text
        case .integer(let number): "\(number)"
        case .null, .list: ""
        }
    }

    /// The elements of a list; none for anything else.
    public var list: [RawRedisReply] {
        if case .list(let elements) = self { elements } else { [] }
    }
}

/// A plain connection that sends a command and waits for its reply, to set up what a client is tested with.
final class RawRedisConnection {
    private let descriptor: Int32
    private var input: [UInt8] = []
    private var position = 0

    init(port: Int) throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        address.sin_port = UInt16(port).bigEndian
        let result = withUnsafePointer(to: &address) { [descriptor] pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                connect(descriptor, address, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard result == 0 else {
            let code = errno
            close(descriptor)
            throw ChildProcess.Failure(description: "127.0.0.1:\(port): \(String(cString: strerror(code)))")
        }
        var limit = timeval(tv_sec: 30, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    }

    deinit { close(descriptor) }

    func send(_ words: [String]) throws -> RawRedisReply {
        var bytes = Array("*\(words.count)\r\n".utf8)
        for word in words { bytes += Array("$\(word.utf8.count)\r\n\(word)\r\n".utf8) }
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes {
                Foundation.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { throw failure(words, "the connection broke while sending") }
            rest = rest.dropFirst(count)
        }
        return try reply(to: words)
    }

    private func reply(to words: [String]) throws -> RawRedisReply {
        let line = try line(words)
        let rest = String(line.dropFirst())
        switch line.first {
        case "+": return .text(rest)
        case ":": return .integer(Int(rest) ?? 0)
        case "$":
            guard let count = Int(rest), count >= 0 else { return .null }
            while input.count < position + count + 2 { try receive(words) }
            defer { position += count + 2 }
            return .text(String(decoding: input[position..<position + count], as: UTF8.self))
        case "*":
            guard let count = Int(rest), count >= 0 else { return .null }
            return .list(try (0..<count).map { _ in try reply(to: words) })
        default: throw failure(words, rest)
        }
    }

    private func line(_ words: [String]) throws -> String {
        while true {
            if let end = input[position...].firstIndex(of: UInt8(ascii: "\n")) {
                defer { position = end + 1 }
                return String(decoding: input[position..<end - 1], as: UTF8.self)
            }
            try receive(words)
        }
    }

    private func receive(_ words: [String]) throws {
        var buffer = [UInt8](repeating: 0, count: 65_536)
        let count = recv(descriptor, &buffer, buffer.count, 0)
        guard count > 0 else { throw failure(words, "the connection ended without a reply") }
        input += buffer[..<count]
    }

    private func failure(_ words: [String], _ problem: String) -> ChildProcess.Failure {
        ChildProcess.Failure(description: "\(words.joined(separator: " ").prefix(100)): \(problem)")
    }
}
